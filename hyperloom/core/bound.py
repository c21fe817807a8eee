"""Calls that are not tasks yet: what `f.bind` and `f.bind_map` make, and plans are made of.

The rule: they only remember.  Nothing is packed, named or sent before its plan is submitted,
so that a million of them cost little more than their arguments; and a map of a million items is
one node, which costs its items.
"""

from __future__ import annotations

from operator import index as as_index
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, Unpack, overload

from hyperloom.core.options import check_checkpoint, no_kept_map, refuse_kept_map

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hyperloom.core.options import TaskChanges
    from hyperloom.core.remote import RemoteFunction

R_co = TypeVar("R_co", covariant=True)

_NO_NAMES: Mapping[str, Any] = {}

# The metadata of a task travel as a named argument that no function can have.
METADATA = "\0metadata"


class Replacing:
    """What a task may return so that it takes the task's place: bound tasks, plans.

    See `hyperloom.core.redirection`.
    """

    __slots__ = ()


class Several:
    """What stands for several arguments of one call, or makes them: see `hyperloom.tasks.scatter`.

    It decides itself what becomes of the call.
    """

    __slots__ = ()

    def bound(
        self, remote: RemoteFunction[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> BoundTask[Any]:
        """The task that this call is, whose arguments fit."""
        raise NotImplementedError

    def as_data(self, task: BoundTask[Any]) -> BoundTask[Any]:
        """The task that we are of, as an input of one that takes data objects."""
        return task

    def change(self, task: BoundTask[Any], changes: Mapping[str, Any]) -> None:
        """Change the options of what the task that we are of makes."""
        raise NotImplementedError


class _Node(Replacing):
    """What bound tasks and bound maps have in common: what is said of them."""

    __slots__ = ("function", "kwargs", "label", "metadata")
    function: RemoteFunction[..., Any]
    kwargs: Mapping[str, Any]
    label: str | None
    metadata: Mapping[str, Any] | None

    def named(self, label: str) -> Self:
        """The same, with a label by which people tell it from others of its function.

        It is shown in pictures and errors, and to the task itself: ``loom.context().label``.

        Raises:
            TypeError: it is no text.
        """
        if not isinstance(label, str):
            raise TypeError(f"a label is text, not {label!r:.80}")
        self.label = label
        return self

    def with_metadata(self, **metadata: Any) -> Self:  # noqa: ANN401 - the user's
        """The same, with whatever the task shall be able to read: ``loom.context().metadata``.

        It is no argument of the function, and no part of what a kept result depends on.
        """
        self.metadata = {**(self.metadata or {}), **metadata}
        return self

    def options(self, **changes: Unpack[TaskChanges]) -> Self:
        """The same, with other options of `hyperloom.task`: where it runs, how often, how long.

        For many tasks of one function write ``f.options(...).bind(...)``, which costs less.

        Raises:
            InvalidOption: an option is unknown or cannot have its value.
            TypeError: `num_returns`, which is decided before a call is bound.
        """
        if "num_returns" in changes:
            raise TypeError(
                f"num_returns of {self!r} cannot change any more; write it at the function: "
                "f.options(num_returns=...).bind(...)"
            )
        self.function = self.function.options(**changes)
        return self

    def remote(self, *args: object, **kwargs: object) -> NoReturn:  # noqa: ARG002 - as of a function
        """Nothing: what is bound runs with its plan.

        Raises:
            TypeError: always; it says what to write.
        """
        raise TypeError(
            f"{self!r} runs with the plan that it is in, not by a call: loom.submit([...]) or "
            f"plan.submit(); to run it at once write {self.function.name}.remote(...) instead of "
            f"{self.function.name}.bind(...). Nothing was submitted"
        )

    @property
    def name(self) -> str:
        """Its label, or its function's name."""
        return self.label or self.function.name

    @property
    def said(self) -> Mapping[str, Any]:
        """The named arguments as they travel."""
        return self.kwargs if not self.metadata else {**self.kwargs, METADATA: self.metadata}


class BoundTask(_Node, Generic[R_co]):
    """One call of a task, to be part of a plan.  As an argument of others it is an input.

    With ``num_returns=n`` it has n outputs: ``bound[i]`` is one of them.
    """

    __slots__ = ("args", "kept_at")

    def __init__(
        self, remote: RemoteFunction[..., R_co], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> None:
        self.function = remote
        self.args = args
        self.kwargs = kwargs or _NO_NAMES
        self.label = None
        self.metadata = None
        self.kept_at: bool | str | os.PathLike[str] = remote.task_options.checkpoint

    def checkpoint(self, path: bool | str | os.PathLike[str] = True) -> BoundTask[R_co]:  # noqa: FBT001, FBT002
        """The same task, whose results are also written to the file `path`; see `hyperloom.task`.

        A path that is not absolute is one in `checkpoint_dir`; True is a name made of the
        task's key there.

        Raises:
            InvalidOption: it can be no file's name.
        """
        check_checkpoint(path)
        self.kept_at = path
        return self

    def options(self, **changes: Unpack[TaskChanges]) -> Self:
        """See above."""
        if "checkpoint" in changes:
            self.checkpoint(changes.pop("checkpoint"))
        if isinstance(self.function, Several):
            self.function.change(self, changes)
            return self
        return super().options(**changes)

    @property
    def keeps(self) -> bool:
        """Whether its results go into files."""
        return self.kept_at is not False or self.function.task_options.cache

    @property
    def tasks(self) -> int:
        """How many tasks it is: one."""
        return 1

    @property
    def outputs(self) -> int:
        """How many results it has."""
        return self.function.returns

    def takes(self) -> Iterator[tuple[Node, int]]:
        """The other nodes that it takes, as often as it takes them; and how much of each."""
        return _taken((*self.args, *self.kwargs.values()))

    def __getitem__(self, index: int) -> BoundOutput:
        returns = self.function.returns
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < returns:
            raise IndexError(f"{self!r} has {returns} outputs, and none is number {index!r}")
        return BoundOutput(self, index)

    def __iter__(self) -> Iterator[BoundOutput]:
        return (BoundOutput(self, index) for index in range(self.function.returns))

    def __reduce__(self) -> Any:  # noqa: ANN401 - never returns
        raise TypeError(_travels(self))

    def __repr__(self) -> str:
        return f"<bound task {self.name}>"


class BoundMap(_Node, Generic[R_co]):
    """A task for each of many items, as one node of a plan.

    As an argument of others it arrives as the list of all results; ``mapped[i]`` is the result of
    item `i` alone, ``mapped[a:b]`` a list of those.
    """

    __slots__ = ("items",)

    def __init__(
        self, remote: RemoteFunction[..., R_co], items: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> None:
        self.function = remote
        # As they are now; a range is not unfolded, and costs nothing on its way either.
        self.items: Sequence[Any] = items if type(items) is range else tuple(items)
        self.kwargs = kwargs or _NO_NAMES
        self.label = None
        self.metadata = None

    def checkpoint(self, path: object = True) -> NoReturn:  # noqa: FBT002 - as of a bound task
        """A map has no checkpoint.

        Raises:
            InvalidOption: always; it says what to write instead.
        """
        raise no_kept_map(f"checkpoint({path!r:.80}) of {self!r} cannot be", self.function.name)

    def options(self, **changes: Unpack[TaskChanges]) -> Self:
        """The same, with other options; see `BoundTask`."""
        refuse_kept_map(self.function.task_options.with_(changes), self.function.name)
        return super().options(**changes)

    @property
    def tasks(self) -> int:
        """How many tasks it is."""
        return len(self.items)

    @property
    def outputs(self) -> int:
        """How many results it has: one of each item."""
        return len(self.items)

    def takes(self) -> Iterator[tuple[Node, int]]:
        """The other nodes that its tasks take: constants all of them, items each its own."""
        for node, number in _taken(self.kwargs.values()):
            yield node, number * len(self.items)
        if type(self.items) is not range:
            yield from _taken(self.items)

    @overload
    def __getitem__(self, index: int) -> BoundOutput: ...
    @overload
    def __getitem__(self, index: slice) -> list[BoundOutput]: ...

    def __getitem__(self, index: int | slice) -> BoundOutput | list[BoundOutput]:
        number = len(self.items)
        if isinstance(index, slice):
            return [BoundOutput(self, i) for i in range(*index.indices(number))]
        at = as_index(index)
        if not -number <= at < number:
            raise IndexError(f"{self!r} has no item number {index!r}")
        return BoundOutput(self, at % number)

    def __iter__(self) -> Iterator[BoundOutput]:
        return (BoundOutput(self, index) for index in range(len(self.items)))

    def __len__(self) -> int:
        return len(self.items)

    def __reduce__(self) -> Any:  # noqa: ANN401 - never returns
        raise TypeError(_travels(self))

    def __repr__(self) -> str:
        return f"<bound map {self.name} of {len(self.items):,} items>"


Node = BoundTask[Any] | BoundMap[Any]


class BoundOutput(Replacing):
    """One of several outputs of a bound task, or of a map's results."""

    __slots__ = ("index", "task")

    def __init__(self, task: Node, index: int) -> None:
        self.task = task
        self.index = index

    def __reduce__(self) -> Any:  # noqa: ANN401 - never returns
        raise TypeError(_travels(self))

    def __repr__(self) -> str:
        return f"<output {self.index} of {self.task!r:.80}>"


def output_of(value: object) -> tuple[Node, int] | None:
    """Which output of which node this is, if it is one.

    Raises:
        TypeError: a task with none or several, of which one is to be chosen.
    """
    if type(value) is BoundOutput:
        return value.task, value.index
    if type(value) is BoundTask:
        if value.function.returns != 1:
            raise TypeError(
                f"{value!r} has {value.function.returns} outputs: say which one is meant, by "
                "its number, as in task[0]"
            )
        return value, 0
    return None


def _taken(values: Iterable[object]) -> Iterator[tuple[Node, int]]:
    for value in values:
        if type(value) is BoundMap:
            yield value, len(value)
        elif (output := output_of(value)) is not None:
            yield output[0], 1


def _travels(what: object) -> str:
    return (
        f"{what!r} is part of a plan, and travels neither with .remote() nor inside a value: make "
        "it an argument of its own of .bind(); or let a task return it by itself, or a plan of "
        "several, to go on as that; or submit its plan first and pass on the refs"
    )
