"""`dslice` and `dget`: one task becomes as many as there is room for, when that is known.

The task that takes a scattered input, say f, is *expanded*: when the input is there, a small task
of ours (`expand`) makes an f for each part of it, and goes on as the array of their results.  Who
takes f's results among any number of inputs (`merge`, `array_make`, a function with ``*parts``)
gets them one by one, in its place; who takes one input gets the array.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom.core import cluster, current
from hyperloom.core.bound import BoundTask
from hyperloom.data import Array, Index
from hyperloom.resources import CPU
from hyperloom.tasks import operations
from hyperloom.tasks.builder import DataFunction, Scattered, input_of
from hyperloom.tasks.pieces import array_make

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.data import Data

DSLICE, DGET = "loom/scheduler/dslice", "loom/scheduler/dget"
_TASKS_A_CPU = 4
_FREE = {"num_cpus": 0}


def dslice(x: object) -> Scattered:
    """Slices of an array or index, about four for each CPU that the cluster has by then.

    The task that takes it is run once for each slice::

        sliced = tasks.dslice(lines)
        tasks.merge([count(sliced)])    # merges what `count` makes of each slice
    """
    return Scattered(DSLICE, input_of(x))


def dget(x: object) -> Scattered:
    """The elements of an array, or pieces of an index: the task that takes it is run for each."""
    return Scattered(DGET, input_of(x))


class _Slot(NamedTuple):
    """Stands for an input: 0 is the part, others follow."""

    number: int


class Expanding(DataFunction[list[Any]]):
    """The task that makes many of one."""


def scattered(task: DataFunction[Any], args: tuple[object, ...]) -> BoundTask[list[Any]]:
    """The task of these arguments, one of which is scattered: expanded when that is there.

    Raises:
        ValueError: more than one is.
    """
    sources = {id(arg): arg for arg in args if isinstance(arg, Scattered)}
    if len(sources) > 1:
        raise ValueError(f"{task.name} takes two scattered inputs, and can be expanded by one")
    (source,) = sources.values()
    others = [arg for arg in args if is_input(arg)]
    numbers = {id(arg): at for at, arg in enumerate(others, 1)}
    form = [
        _Slot(0) if arg is source else _Slot(numbers[id(arg)]) if id(arg) in numbers else arg
        for arg in args
    ]
    expanding = Expanding(source.symbol, expand, _FREE, f"{source.symbol} {task.name}")
    return expanding.bind_as_it_is(source.symbol, task, form, source.x, *others)


def is_input(arg: object) -> bool:
    """Whether it is a value that is not known yet."""
    return isinstance(arg, BoundTask) or hasattr(arg, "binary")


def expand(
    symbol: str, task: DataFunction[Any], form: list[object], whole: Data, *others: Data
) -> BoundTask[list[Any]]:
    """A task for each part; their array."""
    if not isinstance(whole, (Array, Index)) and not whole.length:
        raise TypeError(f"{symbol} takes an array or an index, and this is {whole!r:.100}")
    filled = [
        [(part, *others)[arg.number] if isinstance(arg, _Slot) else arg for arg in form]
        for part in _parts(symbol, whole)
    ]
    return array_make([task.bind(*args) for args in filled])


def _parts(symbol: str, whole: Data) -> list[Data]:
    if symbol == DGET:
        return list(whole)
    cpus = cluster.total(current.session(), "resources").get(CPU, 1)
    step = max(1, round(whole.length / (max(1, cpus) * _TASKS_A_CPU)))
    ends = range(0, whole.length, step)
    return [operations.take_slice(whole, start, start + step) for start in ends]


def spliced(task: DataFunction[Any], args: tuple[object, ...]) -> BoundTask[Any] | None:
    """The task that takes results of expanded ones, each as an input; None: it takes none so."""
    first = _variadic_from(task.function)
    places = [at for at in range(first, len(args)) if _is_expanded(args[at])]
    if not places:
        return None
    whole = DataFunction[Any](task.symbol, splice, {}, task.name)
    whole.task_options = task.task_options
    return whole.bind_as_it_is(task.function, places, *args)


def splice(function: Callable[..., Any], places: list[int], *args: Any) -> Any:  # noqa: ANN401
    """Call the function with the elements of some of its arguments in their places."""
    given: list[Any] = []
    for at, arg in enumerate(args):
        given += list(arg) if at in places else [arg]
    return function(*given)


def _is_expanded(arg: object) -> bool:
    return isinstance(arg, BoundTask) and isinstance(arg.remote, Expanding)


def _variadic_from(function: Callable[..., Any]) -> int:
    """The position from which on it takes any number of arguments."""
    for at, parameter in enumerate(inspect.signature(function).parameters.values()):
        if parameter.kind is parameter.VAR_POSITIONAL:
            return at
    return 1 << 30
