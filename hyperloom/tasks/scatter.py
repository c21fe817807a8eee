"""`dslice` and `dget`: one task becomes as many as there is room for, when that is known.

The task that takes a scattered input, say f, is *expanded*: when the input is there, a small task
of ours (`expand`) makes an f for each part of it, and goes on as all of their results: an array if
f is made by `hyperloom.tasks`, else the list of what f returned.  Who takes f's results among any
number of inputs (`merge`, `array_make`, a function with ``*parts``) gets them one by one, in its
place (`splice`); who takes one input gets them together.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import data
from hyperloom.core import cluster, current
from hyperloom.core.bound import BoundMap, BoundTask, Several, output_of
from hyperloom.core.options import TaskOptions
from hyperloom.core.refs import ObjectRef
from hyperloom.core.remote import RemoteFunction, remote_function
from hyperloom.plan.redirection import together
from hyperloom.resources import CPU
from hyperloom.serialization import pack
from hyperloom.tasks import operations
from hyperloom.tasks.builder import DataFunction, input_of
from hyperloom.tasks.pieces import array_make

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Remote = RemoteFunction[..., Any]

DSLICE, DGET = "loom/scheduler/dslice", "loom/scheduler/dget"
_TASKS_A_CPU = 4
_FREE = {"num_cpus": 0}


class _Expands(Several):
    """What says what becomes of a call, all in the same way."""

    __slots__ = ()

    def bound(
        self, remote: Remote, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> BoundTask[Any]:
        """A task for each part, if one is scattered; with results of such ones, each by itself."""
        return _bound(remote, args, kwargs)

    def change(self, task: BoundTask[Any], changes: Mapping[str, Any]) -> None:
        """Of the tasks for the parts."""
        symbol, remote, *others = task.args
        task.args = (symbol, remote.options(**changes), *others)


class Scattered(_Expands):
    """What `dslice` and `dget` make."""

    __slots__ = ("symbol", "x")

    # What to write where it cannot be: for who refuses it.
    instead = "; make it an argument of its own of f.bind(...), to have f run for each piece"

    def __init__(self, symbol: str, x: object) -> None:
        input_of(x)  # it can be one
        self.symbol = symbol
        self.x = x
        if not is_input(x):
            self.x = data.of(x)
            _taken_apart(symbol, self.x)  # it can be

    def __reduce__(self) -> Any:  # noqa: ANN401 - never returns
        raise TypeError(f"{self!r} is many values and travels inside of none{self.instead}")

    def __repr__(self) -> str:
        return f"<{self.symbol} of {self.x!r:.80}>"


def dslice(x: object) -> Scattered:
    """Slices of an array or index, about four for each CPU that the cluster has by then.

    The task that takes it is run once for each slice::

        sliced = tasks.dslice(lines)
        tasks.merge([count(sliced)])    # merges what `count` makes of each slice

    It may be any task: `f.bind(sliced)` is the list of what `f` returns for each.  Of a task that
    takes several, all are cut in the same way: they have the same length.
    """
    return Scattered(DSLICE, x)


def dget(x: object) -> Scattered:
    """The elements of an array, or pieces of an index: the task that takes it is run for each.

    A list that an ordinary task returned is taken apart as well; so is a numpy array, row by row.
    """
    return Scattered(DGET, x)


def is_input(arg: object) -> bool:
    """Whether it is a value that is not known yet."""
    return isinstance(arg, (BoundMap, ObjectRef)) or output_of(arg) is not None


def _bound(remote: Remote, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> BoundTask[Any]:
    remote, args = _spliced(remote, args)
    values = (*args, *kwargs.values())
    sources = list(dict.fromkeys(value for value in values if type(value) is Scattered))
    if not sources:
        return BoundTask(remote, args, kwargs)
    _check(remote, sources)
    others = list({id(value): value for value in values if is_input(value)}.values())
    slots = {id(value): _Slot(at) for at, value in enumerate((*sources, *others))}
    form = [slots.get(id(value), value) for value in args]
    named = {name: slots.get(id(value), value) for name, value in kwargs.items()}
    wholes = [input_of(each.x) if remote.takes_data else each.x for each in sources]
    symbol = sources[0].symbol
    name = f"{symbol} {remote.name}"
    expanding: Remote = (
        ExpandingData(symbol, expand, _FREE, name)
        if remote.takes_data
        else Expanding(expand, TaskOptions(num_cpus=0, name=name))
    )
    kept_at = remote.task_options.checkpoint
    if kept_at is not False:
        remote = _unkept(remote)
    task = BoundTask(expanding, (symbol, remote, form, named, len(wholes), *wholes, *others), {})
    task.kept_at = kept_at  # one file for all results
    return task


def _unkept(remote: Remote) -> Remote:
    changed: Remote = remote.options(checkpoint=False)
    return changed


def _check(remote: Remote, sources: Sequence[Scattered]) -> None:
    """Refuse what cannot be expanded.

    Raises:
        ValueError: inputs are scattered in two ways, or a call has several results.
    """
    if len({each.symbol for each in sources}) > 1:
        raise ValueError(
            f"{remote.name} takes slices of one input and elements of another, so their numbers "
            "would not fit: use dslice for all of them, or dget"
        )
    if remote.returns != 1:
        raise ValueError(
            f"{remote.name} has num_returns={remote.returns}, and a task that is run for each part "
            "of an input needs 1"
        )


class _Slot(NamedTuple):
    """Stands for an input: first come the parts, then others."""

    number: int


class Expanding(_Expands, RemoteFunction[..., Any]):
    """The task that makes many of one that is not of this package; it goes on as their list.

    If all of them gave data objects, that is an array, too.
    """

    def as_data(self, task: BoundTask[Any]) -> BoundTask[Any]:
        """The list is an array."""
        return BoundTask(_together, (task,), {})


class ExpandingData(_Expands, DataFunction[list[Any]]):
    """The task that makes many of one that takes data objects; it goes on as their array."""


def expand(
    symbol: str,
    remote: Remote,
    form: Sequence[object],
    named: Mapping[str, object],
    number: int,
    *inputs: object,
) -> BoundTask[list[Any]]:
    """A task for each part of the first `number` inputs; all of their results."""
    wholes = [_taken_apart(symbol, whole) for whole in inputs[:number]]
    if len(set(map(len, wholes))) > 1:
        lengths = ", ".join(str(len(whole)) for whole in wholes)
        raise ValueError(
            f"{remote.name} takes one part of each scattered input at a time, and these have "
            f"{lengths} pieces: they need equally many"
        )
    parts = [_parts(symbol, whole, remote) for whole in wholes]
    others = [_once(each, remote) for each in inputs[number:]]
    form = [_once(each, remote) for each in form]
    named = {name: _once(each, remote) for name, each in named.items()}
    made = []
    for row in zip(*parts, strict=True):
        values = (*row, *others)
        args = [values[each.number] if type(each) is _Slot else each for each in form]
        more = {n: values[v.number] if type(v) is _Slot else v for n, v in named.items()}
        made.append(remote.bind(*args, **more))
    _name_as_we_are(made)
    return array_make(made) if remote.takes_data else BoundTask(_listed, tuple(made), {})


def _name_as_we_are(made: Sequence[BoundTask[Any]]) -> None:
    """They have the label and the metadata that the whole was given."""
    said = current.session().context()
    for task in made:
        task.label, task.metadata = said.label, said.metadata or None


def _once(value: object, remote: Remote) -> object:
    """What all of the tasks take: itself if it is small or lies in the store, else a ref to it."""
    is_data = isinstance(value, data.Data)
    if isinstance(value, (_Slot, ObjectRef)) or (remote.takes_data and not is_data):
        return value  # which would arrive as a data object
    if isinstance(value, data.Data) and value.is_shareable:
        return value
    session = current.session()
    packed = pack(value, what="an argument beside a scattered one")
    return value if packed.size <= session.config.inline_max_bytes else session.put_packed(packed)


def _taken_apart(symbol: str, whole: object) -> Any:  # noqa: ANN401 - data, or a list of anything
    apart = whole.unwrap() if isinstance(whole, data.PyObj) else whole
    if isinstance(apart, (data.Array, data.Index, list, tuple, range)):
        return apart
    has_pieces = isinstance(apart, data.Data) and apart.length
    if has_pieces or (type(apart).__module__ == "numpy" and getattr(apart, "ndim", 0)):
        return apart
    raise TypeError(f"{symbol} takes an array, an index or a list, and this is {whole!r:.100}")


def _parts(symbol: str, apart: Any, remote: Remote) -> list[Any]:  # noqa: ANN401
    if remote.takes_data and not isinstance(apart, data.Data):
        apart = data.array(apart)
    if symbol == DGET:
        return list(apart)
    cpus = cluster.total(current.session(), "resources").get(CPU, 1)
    step = max(1, round(len(apart) / (max(1, cpus) * _TASKS_A_CPU)))
    ends = range(0, len(apart), step)
    if isinstance(apart, data.Data):
        return [operations.take_slice(apart, start, start + step) for start in ends]
    return [apart[start : start + step] for start in ends]


_listed = remote_function(together, TaskOptions(num_cpus=0, name="loom/scheduler/list"))


def _array_of(whole: data.Data) -> data.Array:
    return data.array(_taken_apart("loom/array/make", whole))


_together = ExpandingData("loom/array/make", _array_of, _FREE)


def _spliced(remote: Remote, args: tuple[Any, ...]) -> tuple[Remote, tuple[Any, ...]]:
    """The task that takes results of expanded ones each as an input, and what it takes."""
    if isinstance(remote, DataFunction) and not remote.one_by_one:
        return remote, args
    first = _variadic_from(remote.function)
    places = [at for at in range(first, len(args)) if _is_expanded(args[at])]
    if not places:
        return remote, args
    options = remote.task_options.with_({"name": remote.name})
    if isinstance(remote, DataFunction):
        whole: Remote = DataFunction[Any](remote.symbol, splice, {}, remote.name)
        whole.task_options = options
    else:
        whole = remote_function(splice, options)
    return whole, (remote.function, places, *args)


def splice(
    function: Callable[..., Any],
    places: Sequence[int],
    *args: Any,  # noqa: ANN401
    **named: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Call the function with the elements of some of its arguments in their places."""
    given: list[Any] = []
    for at, arg in enumerate(args):
        given += list(arg) if at in places else [arg]
    return function(*given, **named)


def _is_expanded(arg: object) -> bool:
    return isinstance(arg, BoundTask) and isinstance(arg.function, Several)


def _variadic_from(function: Callable[..., Any]) -> int:
    """The position from which on it takes any number of arguments."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins have none
        return 1 << 30
    for at, parameter in enumerate(parameters.values()):
        if parameter.kind is parameter.VAR_POSITIONAL:
            return at
    return 1 << 30
