"""Which part of a value it is that cannot travel.

pickle says "cannot pickle '_thread.lock' object" and leaves the reader to find it.  Here
the value is walked, by attributes, containers, closures and what its own `__reduce__`
hands out, towards the innermost part that fails alone.

The rule: runs only after a failure, may be slow, and is bounded: in parts tried, in depth,
and in the bytes that one trial may produce.
"""

from __future__ import annotations

import functools
import io
import re
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom.errors import NotSerializable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAX_TRIALS = 2000
_MAX_DEPTH = 30
_MAX_FOUND = 5
_MAX_TRIAL_BYTES = 16 * 2**20

_HINTS = {
    "lock": "Make it inside the task, or leave it out of the state with __getstate__.",
    "RLock": "Make it inside the task, or leave it out of the state with __getstate__.",
    "generator": "Send a list, or the function that makes it.",
    "memoryview": "Send bytes(view), or the array it came from.",
    "TextIOWrapper": "Send the path, and open it inside the task.",
    "BufferedReader": "Send the path, and open it inside the task.",
    "BufferedWriter": "Send the path, and open it inside the task.",
    "socket": "Send the address, and connect inside the task.",
    "Connection": "Send what it takes to connect, and connect inside the task.",
}


class Offender(NamedTuple):
    """A part that cannot be pickled, and why."""

    path: str  # how to reach it from the value: `config.callbacks[2].lock`
    type_name: str
    reason: str

    def __str__(self) -> str:
        article = "an" if self.type_name[0].lower() in "aeiou" else "a"
        return f"{self.path} is {article} {self.type_name}, which cannot be pickled ({self.reason})"


def inspect_serializability(value: object, name: str | None = None) -> list[Offender]:
    """The parts of the value that cannot be sent to a task; empty if all is well.

    `name` is what to call the value at the beginning of each path.
    """
    error = _failure(value)
    if error is None:
        return []
    root = name or getattr(value, "__name__", None) or "value"
    return _Search().run(value, str(root), error)


def not_serializable(
    value: object, what: str, error: Exception, *, root: str | None = None
) -> NotSerializable:
    """The error to raise for `value`, called `what`, which failed to pickle with `error`."""
    if isinstance(error, RecursionError) or "recursion" in str(error):
        return NotSerializable(
            f"{what} is nested too deeply to be pickled.\n"
            "  Send it in a flat form, or raise sys.setrecursionlimit()."
        )
    if root is None:
        quoted = re.search(r"'(\w+)'", what)
        root = quoted[1] if quoted else "value"
    found = _Search().run(value, root, error)
    hint = _HINTS.get(found[0].type_name.rpartition(".")[2], "")
    lines = [f"{what}: {found[0]}"]
    lines += [f"  also: {other}" for other in found[1:]]
    return NotSerializable("\n".join([*lines, *([f"  {hint}"] if hint else [])]))


class _Search:
    def __init__(self) -> None:
        self.seen: dict[int, object] = {}  # kept alive: an id is only good that long
        self.trials = 0
        self.found: list[Offender] = []

    def run(self, value: object, path: str, error: Exception) -> list[Offender]:
        self._descend(value, path, error, 0)
        return self.found

    def _descend(self, value: object, path: str, error: Exception, depth: int) -> None:
        self.seen[id(value)] = value
        guilty = False
        for step, part in _parts(value) if depth < _MAX_DEPTH else ():
            if id(part) in self.seen:
                continue
            if self.trials >= _MAX_TRIALS or len(self.found) >= _MAX_FOUND:
                break
            self.trials += 1
            reason = _failure(part)
            if reason is not None:
                guilty = True
                self._descend(part, path + step, reason, depth + 1)
        if not guilty:
            reason_text = f"{type(error).__name__}: {error}".splitlines()[0]
            self.found.append(Offender(path, _type_name(value), reason_text))


class _Enough(Exception):
    """No error: a signal to stop."""


class _Sink(io.RawIOBase):
    """Takes a pickle stream and forgets it; stops a trial that has become too long."""

    def __init__(self) -> None:
        self.size_bytes = 0

    def write(self, data: Any) -> int:  # noqa: ANN401  # any buffer
        self.size_bytes += len(data)
        if self.size_bytes > _MAX_TRIAL_BYTES:
            raise _Enough
        return len(data)


def _failure(value: object) -> Exception | None:
    import cloudpickle  # noqa: PLC0415  # 20 ms; see by_code.py

    try:
        cloudpickle.Pickler(_Sink(), 5, lambda _buffer: None).dump(value)
    except _Enough:
        return None  # unknown; look elsewhere first
    except Exception as error:  # noqa: BLE001  # users' code
        return error
    return None


def _type_name(value: object) -> str:
    cls = type(value)
    prefix = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    return f"{prefix}{cls.__qualname__}"


# -- What a value is made of ---------------------------------------------------------------


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """Steps to what pickle would visit next, as one would write them after the value."""
    if isinstance(value, types.FunctionType):
        yield from _function_parts(value)
        return
    if isinstance(value, types.MethodType):
        yield ".__self__", value.__self__
        yield ".__func__", value.__func__
        return
    if isinstance(value, functools.partial):
        yield from (
            (".func", value.func),
            (".args", value.args),
            (".keywords", value.keywords),
        )
        return
    if isinstance(value, type):
        yield from ((f".{name}", part) for name, part in list(vars(value).items()))
        return
    yield from _items(value)
    yield from _state(value)


def _items(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for key, part in list(value.items()):
            yield f"[{_brief(key)}]", part
            yield f" key {_brief(key)}", key
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from ((f".{name}", getattr(value, name)) for name in value._fields)
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((f" element {_brief(part)}", part) for part in list(value))


def _state(value: object) -> Iterator[tuple[str, object]]:
    """Of an object: what its own way of being pickled hands out, not what it merely has."""
    try:
        reduced = value.__reduce_ex__(5)
    except Exception:  # noqa: BLE001  # this is then the failure itself
        return
    if isinstance(reduced, str):
        return
    _, arguments, *rest = reduced
    state = rest[0] if rest else None
    layers = state if isinstance(state, tuple) else (state,)  # (dict, slots) when slotted
    for layer in layers:
        if isinstance(layer, dict):
            yield from ((f".{name}", part) for name, part in list(layer.items()))
        elif layer is not None:
            yield ".__getstate__()", layer
    yield from ((f".__reduce__()[1][{index}]", part) for index, part in enumerate(arguments))


def _function_parts(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    for name, part in captured(function):
        yield f".{name}", part
    for name, part in vars(function).items():
        yield f".{name}", part


def captured(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """What a function brings along when it is sent by value, and where it has it from."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"__closure__[{name!r}]", cell.cell_contents
        except ValueError:  # a cell that is not filled yet
            continue
    names: Mapping[str, Any] = function.__globals__
    for name in sorted(_names(function.__code__)):
        if name in names:
            yield f"__globals__[{name!r}]", names[name]
    for index, part in enumerate(function.__defaults__ or ()):
        yield f"__defaults__[{index}]", part
    for name, part in (function.__kwdefaults__ or {}).items():
        yield f"__kwdefaults__[{name!r}]", part


def _names(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def _brief(key: object) -> str:
    try:
        text = repr(key)
    except Exception:  # noqa: BLE001  # a user's __repr__
        text = f"<{type(key).__name__}>"
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004  # a word in a line
