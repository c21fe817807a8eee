"""A tree of exceptions in parts that travel separately.

What is hard about exceptions: the default pickling calls `__init__` with `args`, which
fails or lies as soon as a class has parameters of its own; attributes may be unpicklable;
`__str__` and `__reduce__` may be broken; the class may not exist where it is read.

The rule: an exception is made again without its class's `__init__`, through the builtin
class below it, from the same `args` and attributes.  Only a class with its own `__reduce__`
is asked first.  What cannot travel is replaced by its text; the class itself is the last
thing given up, and then a :class:`StandIn` takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pickle import loads
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from hyperloom import failures
from hyperloom.errors import TaskError, Undeserializable
from hyperloom.serialization import by_code, frames
from hyperloom.serialization.packed import Rebuilt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

E = TypeVar("E", bound=BaseException)
_Parts = tuple[type[BaseException], tuple[Any, ...], dict[str, Any]]

_MAX_NODES = 200  # exceptions of one tree
_MAX_TREE = 1024 * 1024  # bytes of all of them
_MAX_PICKLE = 256 * 1024  # bytes of one exception: they travel through the control plane
_MAX_PART = 32 * 1024  # bytes of one attribute, when the whole is too large
_MAX_TEXT = 16_000

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement


class StandIn(Undeserializable):
    """Takes the place of an exception whose class cannot be had here."""


class Portable(Struct, array_like=True):
    """One exception, and those that hang on it.  Fields are only added at the end."""

    type_name: str
    text: str
    pickled: bytes
    frames: list[frames.Frame]
    cause: Portable | None = None
    context: Portable | None = None
    suppress_context: bool = False
    members: list[Portable] = []  # of a group; msgspec copies the default


# -- Taking apart, in the worker -------------------------------------------------------------


def take_apart(exc: BaseException) -> Portable:
    """The tree below `exc`; never raises, whatever the exception does."""
    return _take(exc, _Budget())


@dataclass
class _Budget:
    seen: set[int] = field(default_factory=set)  # causes may go in circles
    left_bytes: int = _MAX_TREE

    def afford(self, pickled: bytes) -> bytes:
        if len(pickled) > self.left_bytes:
            return b""
        self.left_bytes -= len(pickled)
        return pickled


def _take(exc: BaseException, budget: _Budget) -> Portable:
    budget.seen.add(id(exc))
    # It brings its own tree along.  Taking that apart as well would double the record with
    # each task that catches the failure of another and raises its own.
    complete = _is_complete(exc)

    def below(other: BaseException | None) -> Portable | None:
        if other is None or id(other) in budget.seen or len(budget.seen) > _MAX_NODES or complete:
            return None
        return _take(other, budget)

    members = exc.exceptions if isinstance(exc, BaseExceptionGroup) else ()
    return Portable(
        _name_of(type(exc)),
        safe_text(exc)[:_MAX_TEXT],
        budget.afford(_pickled(exc)),
        frames.from_traceback(exc.__traceback__),
        cause=below(exc.__cause__),
        context=below(exc.__context__) if not exc.__suppress_context__ else None,
        suppress_context=exc.__suppress_context__,
        members=[part for part in map(below, members) if part is not None],
    )


def safe_text(value: object) -> str:
    """`str(value)`, or why there is none."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  # a user's __str__
        return f"<{type(value).__name__} whose str() raised {type(error).__name__}>"


def _name_of(cls: type) -> str:
    return (
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    )


def _pickled(exc: BaseException) -> bytes:
    ways: list[Callable[[BaseException], object]] = [_by_parts, _by_safe_parts]
    if _is_complete(exc):
        ways = [_by_record]
    elif _reduces_itself(type(exc)):
        ways.insert(0, _as_is)
    members = exc.exceptions if isinstance(exc, BaseExceptionGroup) else ()
    for way in ways:
        try:
            data = by_code.dumps(way(exc))
            # What cannot be read here cannot be read there.
            if len(data) <= _MAX_PICKLE and type(_loaded(data, members)) is type(exc):
                return data
        except Exception:  # noqa: BLE001, S112  # users' code; the next way asks less of it
            continue
    return b""


def _is_complete(exc: BaseException) -> TypeGuard[TaskError]:
    """Whether it came out of a record, and can be sent as that."""
    return isinstance(exc, TaskError) and exc._remake is not None  # noqa: SLF001


def _by_record(exc: BaseException) -> object:
    assert isinstance(exc, TaskError)
    assert exc._remake is not None  # noqa: SLF001
    remake, record = exc._remake  # noqa: SLF001
    # The text of its traceback is part of ours already.
    slim = failures.encode(replace(failures.decode(record), traceback=""))
    return Rebuilt(remake, slim)


def _as_is(exc: BaseException) -> object:
    return exc


def _by_parts(exc: BaseException) -> _Parts:
    args, state = _parts(exc)
    if isinstance(exc, BaseExceptionGroup):
        args = args[:1]  # its members travel on their own
    return type(exc), args, state


def _by_safe_parts(exc: BaseException) -> _Parts:
    cls, args, state = _by_parts(exc)
    return cls, tuple(map(_safe, args)), {name: _safe(part) for name, part in state.items()}


def _safe(part: object) -> object:
    try:
        data = by_code.dumps(part)
        loads(data)
        if len(data) <= _MAX_PART:
            return part
    except Exception:  # noqa: BLE001, S110  # what it is instead stands below
        pass
    text = safe_text(part)
    return f"<{_name_of(type(part))} left behind by its task: {text[:200]}>"


def _reduces_itself(cls: type[BaseException]) -> bool:
    """Whether a class statement above the builtins says how to pickle it."""
    own = cls.__mro__[: cls.__mro__.index(_builtin_below(cls))]
    hooks = ("__reduce__", "__reduce_ex__", "__getstate__")
    return any(hook in vars(part) for part in own for hook in hooks)


def _builtin_below(cls: type[BaseException]) -> type[BaseException]:
    return next(part for part in cls.__mro__ if not part.__flags__ & _HEAP_TYPE)


def _parts(exc: BaseException) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a builtin knows of itself (such as an OSError its file), and the attributes."""
    # A builtin exception reduces to (class, args) or (class, args, attributes).
    reduced: tuple[Any, ...] = _builtin_below(type(exc)).__reduce__(exc)  # type: ignore[assignment]
    args: tuple[Any, ...] = reduced[1]
    state: dict[str, Any] = dict(reduced[2] or ()) if len(reduced) > 2 else {}  # noqa: PLR2004
    for cls in type(exc).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(exc, name):
                state[name] = getattr(exc, name)
    return args, state


# -- Putting together, in `get` --------------------------------------------------------------


def put_together(tree: Portable) -> BaseException:
    """The exception again, with its frames, cause and context."""
    members = [put_together(part) for part in tree.members]
    exc: BaseException
    try:
        exc = _loaded(tree.pickled, members)
    except Exception as error:  # noqa: BLE001  # users' code, or a module that is missing
        exc = _stand_in(tree, error)
    exc = exc.with_traceback(frames.to_traceback(tree.frames))
    cause = put_together(tree.cause) if tree.cause is not None else None
    context = put_together(tree.context) if tree.context is not None else None
    for name, value in (("__cause__", cause), ("__context__", context)):
        if value is not None:
            BaseException.__setattr__(exc, name, value)
    BaseException.__setattr__(exc, "__suppress_context__", tree.suppress_context)
    return exc


def _loaded(data: bytes, members: Sequence[BaseException]) -> BaseException:
    if not data:
        raise TypeError("it could not be pickled")
    thing: BaseException | _Parts = loads(data)
    if isinstance(thing, BaseException):
        return thing
    cls, args, state = thing
    if issubclass(cls, BaseExceptionGroup):
        args = (*args, list(members) or [StandIn("the members of the group were lost")])
    return revived(cls, args, state)


def _stand_in(tree: Portable, error: Exception) -> StandIn:
    message = f"{tree.type_name}: {tree.text}"
    return StandIn(
        f"{message}\n  (its class cannot be had here: {type(error).__name__}: {error})",
        text=message,
    )


def revived(cls: type[E], args: tuple[Any, ...], state: Mapping[str, Any]) -> E:
    """An instance made by the builtin below `cls`; no code of the class itself runs."""
    builtin = _builtin_below(cls)
    exc: E = builtin.__new__(cls, *args)
    builtin.__init__(exc, *args)
    for name, value in state.items():
        BaseException.__setattr__(exc, name, value)
    return exc


def copy_as(cls: type[E], exc: BaseException) -> E:
    """`exc` as an instance of `cls`, a subclass of its class."""
    return revived(cls, *_parts(exc))
