"""The arguments of one call as bytes, with the refs among them taken out.

The rule: a ref that *is* an argument is a dependency: the task waits for it and gets its
value.  A ref *inside* an argument stays a ref.  The first are reported in order, each id
once; the second are in `Packed.refs`.

The stream holds ``(args, kwargs)``, and when there are dependencies a third part that
says where their values go: ``[(position or name, number of dependency), ...]``.  In the place of
a number there may be several, in order: then the argument is the list of those values.
"""

from __future__ import annotations

from pickle import dumps
from typing import TYPE_CHECKING, Any

from hyperloom.errors import NotSerializable
from hyperloom.serialization.packed import PICKLE, Packed
from hyperloom.serialization.values import pack, pack_pickled, set_aside, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

EMPTY_CALL = Packed(PICKLE, dumps(((), {}), 5), [], [])

Where = int | str
Dependency = bytes | list[bytes] | None  # several: the argument is the list of their values


def pack_call(
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    is_ref: Callable[[object], Dependency],
    *,
    what: str = "the task",
    parameters: Sequence[str] = (),
) -> tuple[Packed, list[bytes]]:
    """The call as bytes, and the ids of the objects it waits for.

    `is_ref` gives the id of a ref, or several ids, and None for all else.  `parameters` are the
    names of the positional ones, for errors.  Raises NotSerializable, naming argument and part.
    """
    if not args and not kwargs:
        return EMPTY_CALL, []
    deps: dict[bytes, int] = {}
    slots: list[tuple[Where, int | Sequence[int]]] = []

    def sent(where: Where, value: object) -> object:
        oid = is_ref(value)
        if oid is None:
            return set_aside(value)
        if isinstance(oid, list):
            numbers = [deps.setdefault(each, len(deps)) for each in oid]
            slots.append((where, _in_short(numbers)))
        else:
            slots.append((where, deps.setdefault(oid, len(deps))))
        return None

    sent_args = tuple([sent(index, value) for index, value in enumerate(args)])
    sent_kwargs = {name: sent(name, value) for name, value in kwargs.items()} if kwargs else {}
    call = (sent_args, sent_kwargs, slots) if slots else (sent_args, sent_kwargs)
    try:
        return pack_pickled(call, call, f"a call of {what}"), list(deps)
    except NotSerializable as error:
        raise _named(
            error, _labelled(sent_args, sent_kwargs, parameters), what
        ) from error.__cause__


def _in_short(numbers: list[int]) -> Sequence[int]:
    """The same numbers: as a range if they are consecutive, which is as good as always."""
    if not numbers:
        return ()
    consecutive = range(numbers[0], numbers[0] + len(numbers))
    return consecutive if numbers == list(consecutive) else numbers


def _labelled(
    args: tuple[object, ...], kwargs: Mapping[str, object], parameters: Sequence[str]
) -> Iterator[tuple[str, object]]:
    for index, value in enumerate(args):
        name = repr(parameters[index]) if index < len(parameters) else str(index)
        yield name, value
    for name, value in kwargs.items():
        yield repr(name), value


def _named(
    error: NotSerializable, arguments: Iterator[tuple[str, object]], what: str
) -> NotSerializable:
    """The same failure told of the one argument that causes it."""
    for label, value in arguments:
        try:
            pack(value, what=f"argument {label} of {what}")
        except NotSerializable as narrower:
            return narrower
    return error  # each goes alone: together they do not, and nobody knows why


def unpack_call(
    kind: int,
    meta: bytes | memoryview,
    buffers: Sequence[memoryview],
    values: Sequence[object],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments again; `values` are those of the dependencies, in their order."""
    if meta == EMPTY_CALL.meta:
        return (), {}
    args, kwargs, *rest = unpack(kind, meta, buffers)
    if not rest:
        return args, kwargs
    positional = list(args)
    for where, number in rest[0]:
        several = not isinstance(number, int)
        value = [values[each] for each in number] if several else values[number]
        if isinstance(where, int):
            positional[where] = value
        else:
            kwargs[where] = value
    return tuple(positional), kwargs
