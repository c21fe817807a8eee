"""A call that is not a task yet: what `f.bind(...)` makes, and a plan is made of.

The rule: it only remembers.  Nothing is packed, named or sent before its plan is submitted,
so that a million of them cost little more than their arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hyperloom.core.remote import RemoteFunction

R_co = TypeVar("R_co", covariant=True)

_NO_NAMES: Mapping[str, Any] = {}


class BoundTask(Generic[R_co]):
    """One call of a task, to be part of a plan.  As an argument of others it is an input.

    With ``num_returns=n`` it has n outputs: ``bound[i]`` is one of them.
    """

    __slots__ = ("args", "kwargs", "label", "remote")

    def __init__(
        self, remote: RemoteFunction[..., R_co], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self.remote = remote
        self.args = args
        self.kwargs = kwargs or _NO_NAMES
        self.label: str | None = None

    def named(self, label: str) -> BoundTask[R_co]:
        """The same task, with a label by which people tell it from others of its function."""
        self.label = label
        return self

    @property
    def name(self) -> str:
        """Its label, or its function's name."""
        return self.label or self.remote.name

    def inputs(self) -> Iterator[BoundTask[Any]]:
        """The other bound tasks that it takes, as often as it takes them."""
        for value in (*self.args, *self.kwargs.values()):
            output = output_of(value)
            if output is not None:
                yield output[0]

    def __getitem__(self, index: int) -> BoundOutput:
        returns = self.remote.returns
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < returns:
            raise IndexError(f"{self!r} has {returns} outputs, and none is number {index!r}")
        return BoundOutput(self, index)

    def __iter__(self) -> Iterator[BoundOutput]:
        return (BoundOutput(self, index) for index in range(self.remote.returns))

    def __reduce__(self) -> Any:  # noqa: ANN401 - never returns
        raise TypeError(_travels(self))

    def __repr__(self) -> str:
        return f"<bound task {self.name}>"


class BoundOutput:
    """One of several outputs of a bound task."""

    __slots__ = ("index", "task")

    def __init__(self, task: BoundTask[Any], index: int) -> None:
        self.task = task
        self.index = index

    def __reduce__(self) -> Any:  # noqa: ANN401 - never returns
        raise TypeError(_travels(self))

    def __repr__(self) -> str:
        return f"<output {self.index} of bound task {self.task.name}>"


def output_of(value: object) -> tuple[BoundTask[Any], int] | None:
    """Which output of which bound task this is, if it is one.

    Raises:
        TypeError: a task with none or several, of which one is to be chosen.
    """
    if type(value) is BoundOutput:
        return value.task, value.index
    if type(value) is BoundTask:
        if value.remote.returns != 1:
            raise TypeError(
                f"{value!r} has {value.remote.returns} outputs: say which one is meant, by "
                "its number, as in task[0]"
            )
        return value, 0
    return None


def _travels(what: object) -> str:
    return (
        f"{what!r} is part of a plan and cannot travel inside a value: make it an argument of "
        "its own, or submit its plan first and pass on the refs"
    )
