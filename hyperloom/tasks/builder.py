"""What the names of `hyperloom.tasks` are: calls that make bound tasks.

The rule of these tasks: inputs arrive as data objects, whatever made them, and what comes out is
one.  Bad input is refused when the task is built, as far as it is known then.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, Unpack

from hyperloom import data
from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask, Several, output_of
from hyperloom.core.options import TaskOptions
from hyperloom.core.refs import ObjectRef
from hyperloom.core.remote import RemoteFunction

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.core.options import TaskChanges

P = ParamSpec("P")
R = TypeVar("R")

# What built-in tasks ask for that are over before anybody could wait for them.
LIGHT: Mapping[str, Any] = {"num_cpus": 0}


class DataFunction(RemoteFunction[..., R], Generic[R]):
    """A function of data objects, as a task.  `symbol` is its type."""

    takes_data = True
    one_by_one = True  # if it takes any number of inputs, it takes results of scattered ones so

    def __init__(
        self,
        symbol: str,
        function: Callable[..., Any],
        request: Mapping[str, Any],
        name: str | None = None,
    ) -> None:
        super().__init__(function, TaskOptions().with_({**request, "name": name or symbol}))
        self.symbol = symbol
        self.light = request is LIGHT

    def options(self, **changes: Unpack[TaskChanges]) -> DataFunction[R]:  # type: ignore[override]
        """The same with other options."""
        changed = type(self)(self.symbol, self.function, {}, self.name)
        changed.task_options = self.task_options.with_(changes)
        changed.light = self.light and not changes
        changed.one_by_one = self.one_by_one
        return changed


class Measure(DataFunction[int]):
    """One whose result is a number, to whatever task takes it, and no data object."""

    gives_value = True


class Builder(Generic[P, R]):
    """``tasks.f(...)`` is a bound task, for plans; ``tasks.f.remote(...)`` runs it at once.

    Inputs are bound tasks, refs, or values: text and bytes are a `Plain`, others a `PyObj`.
    """

    def __init__(self, build: Callable[P, BoundTask[R]]) -> None:
        self._build = build
        functools.update_wrapper(self, build)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> BoundTask[R]:
        """A bound task."""
        return self._build(*args, **kwargs)

    def remote(self, *args: P.args, **kwargs: P.kwargs) -> ObjectRef[R]:
        """Submit it now, and the bound tasks among its inputs with it; the ref to its result."""
        task = self._build(*args, **kwargs)
        if next(task.takes(), None) is None:
            ref: ObjectRef[R] = task.function.remote(*task.args, **task.kwargs)
            return ref
        from hyperloom.plan.plan import Plan  # noqa: PLC0415 - not all need plans

        (result,) = Plan([task]).submit().results
        return result  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"<builder {self._build.__name__}>"


def input_of(value: object) -> object:
    """A bound task or a ref as it is; any other value as a data object.

    Raises:
        TypeError: a bound task with several outputs, of which one is to be chosen; or a bound map.
    """
    if isinstance(value, BoundMap):
        raise TypeError(f"{value!r} is many inputs; for one write tasks.array_make({value.name})")
    if type(value) is BoundTask and isinstance(value.function, Several):
        return value.function.as_data(value)
    if isinstance(value, (ObjectRef, Several)) or output_of(value):
        return value
    return data.of(value)


def inputs_of(values: Iterable[object], what: str) -> list[object]:
    """The same of several.

    Raises:
        TypeError: it is one, and not several.
    """
    one = (str, bytes, bytearray, BoundTask, BoundOutput, ObjectRef, data.Data, Several)
    if isinstance(values, one) or not isinstance(values, Iterable):
        raise TypeError(f"{what} takes several inputs: write [{values!r:.50}]")
    return [input_of(value) for value in values]


def bytes_of(value: object, what: str) -> object:
    """An input that must be a run of bytes, checked as far as it is known.

    Raises:
        TypeError: it is none.
    """
    made = input_of(value)
    if isinstance(made, data.Data) and not isinstance(made, data.DObject):
        raise TypeError(f"{what} takes bytes, and this is {made!r:.100}")
    return made


def one_place(place: str, inputs: Iterable[object], what: str) -> None:
    """A task that is run for each of many pieces cannot write to one place.

    Raises:
        ValueError: an input is scattered.
    """
    if any(isinstance(value, Several) for value in inputs):
        raise ValueError(
            f"{what} is run for each piece of a scattered input, and all would write to {place}: "
            "leave the results where they are, and save them together, as in "
            "tasks.save(tasks.merge([results]), path)"
        )


def whole_number(value: object, what: str) -> int:
    """The number.

    Raises:
        TypeError: it is none.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{what} is a whole number, not {value!r:.100}")
    return int(value.__index__())


def options_of(request: object) -> Mapping[str, Any]:
    """The options of a task that a request is.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(request, Mapping):
        raise TypeError(
            f"request is options of a task, such as tasks.cpus(2) or {{'timeout_s': 60}}, not "
            f"{request!r:.100}"
        )
    return request


def as_delimiter(value: object, what: str) -> bytes:
    """What stands between pieces.

    Raises:
        TypeError: it is neither text nor bytes.
    """
    if not isinstance(value, (str, bytes)):
        raise TypeError(f"the delimiter of {what} is text or bytes, not {value!r:.100}")
    return value.encode() if isinstance(value, str) else value
