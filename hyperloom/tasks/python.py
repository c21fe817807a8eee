"""Builders of tasks that call Python functions with data objects."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar, overload

from hyperloom import data
from hyperloom.core.bound import output_of
from hyperloom.core.refs import ObjectRef
from hyperloom.tasks import operations
from hyperloom.tasks.builder import (
    LIGHT,
    Builder,
    DataFunction,
    inputs_of,
    options_of,
    whole_number,
)
from hyperloom.tasks.context import TaskContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hyperloom.core.bound import BoundTask

    Function = Callable[..., Any]
    Request = Mapping[str, Any]

F = TypeVar("F", bound="Function")

_CALL = "loom/py/call"
_CONTEXT = TaskContext()

_value = DataFunction[Any]("loom/py/value", operations.py_value, LIGHT)
_call = DataFunction[Any](_CALL, operations.py_call, {})

cpu1: Request = {"num_cpus": 1}


def cpus(number: float) -> Request:
    """So many CPUs, for ``request=``, which may be any options of `hyperloom.task`."""
    return {"num_cpus": number}


@Builder
def py_value(obj: object) -> BoundTask[Any]:
    """Any Python object.

    Raises:
        TypeError: it is a data object already; see `const`.
    """
    return _value.bind(data.PyObj(obj))


@Builder
def py_call(
    fn: object,
    inputs: Iterable[object] = (),
    direct_args: Iterable[object] = (),
    *,
    request: Request = cpu1,
) -> BoundTask[Any]:
    """Call `fn` with `direct_args`, as they are, and then `inputs`, as data objects.

    What it returns becomes a data object: text and bytes a `Plain`, anything else a `PyObj`; for
    an array it returns ``data.array([…])``.  For many calls of one function write `py_task`: it is
    packed once.

    Args:
        fn: a function; or a bound task or a ref whose value is one.
        inputs: bound tasks, refs, values.
        direct_args: values.
        request: options of the task, such as ``tasks.cpus(2)``.

    Raises:
        TypeError: the arguments do not fit the function; or a direct one is a ref or a task.
    """
    taken = inputs_of(inputs, "py_call")
    direct = _direct(direct_args)
    if output_of(fn) or isinstance(fn, (ObjectRef, data.PyObj)):
        call = _call if request == cpu1 else _call.options(**options_of(request))
        return call.bind(fn, direct, *taken)
    if not callable(fn):
        raise TypeError(f"py_call calls a function, or what gives one, not {fn!r:.100}")
    return DataFunction[Any](_CALL, fn, options_of(request), _name_of(fn)).bind(*direct, *taken)


def _name_of(fn: Function) -> str:
    return str(getattr(fn, "__name__", type(fn).__name__))


def _direct(values: Iterable[object]) -> tuple[object, ...]:
    direct = tuple(values)
    for value in direct:
        if output_of(value) or isinstance(value, ObjectRef):
            raise TypeError(f"{value!r} cannot be a direct argument: make it an input")
    return direct


@overload
def py_task(fn: Function, /) -> Builder[..., Any]: ...
@overload
def py_task(
    *,
    label: str | None = None,
    request: Request = cpu1,
    context: bool = False,
    n_direct_args: int = 0,
) -> Callable[[Function], Builder[..., Any]]: ...


def py_task(
    fn: Function | None = None,
    /,
    *,
    label: str | None = None,
    request: Request = cpu1,
    context: bool = False,
    n_direct_args: int = 0,
) -> Any:
    """Make a function of data objects a builder of tasks: ``f(a, b)`` is a bound task.

    See `py_call` for what it gets and what becomes of what it returns.

    Args:
        fn: the function, if there are no options.
        label: shown to people; the function's name if not given.
        request: options of the task, such as ``tasks.cpus(2)``.
        context: its first argument is a `TaskContext`.
        n_direct_args: so many arguments before the inputs are passed as they are.
    """
    number = whole_number(n_direct_args, "n_direct_args")
    if fn is None:
        return functools.partial(
            _py_task, label=label, request=request, context=context, n_direct_args=number
        )
    return _py_task(fn, label=label, request=request, context=context, n_direct_args=number)


def _py_task(
    fn: Function, *, label: str | None, request: Request, context: bool, n_direct_args: int
) -> Builder[..., Any]:
    task = DataFunction[Any](_CALL, fn, options_of(request), label or _name_of(fn))
    before = (_CONTEXT,) if context else ()

    @functools.wraps(fn)
    def build(*args: object) -> BoundTask[Any]:
        direct = _direct(args[:n_direct_args])
        return task.bind(*before, *direct, *inputs_of(args[n_direct_args:], task.name))

    return Builder(build)
