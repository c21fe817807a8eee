"""Functions to bytes and back.

A function of a module that other processes can import travels as its name; all others
(of `__main__`, of a notebook, lambdas, local ones, of a module loaded by path) as code,
with what they captured.

The rule: a name is sent only if looking it up leads to this very function.  Decorating a
function with a task puts another object under its name; then the name leads to the
function through `__wrapped__`, and the number of those steps is sent too.
"""

from __future__ import annotations

import sys
import types
import warnings
from functools import cache, reduce
from importlib import import_module
from pathlib import Path
from pickle import dumps, loads
from typing import TYPE_CHECKING, Any

from hyperloom.errors import TooLarge, Undeserializable
from hyperloom.serialization import by_code
from hyperloom.serialization.offenders import captured, not_serializable

if TYPE_CHECKING:
    from collections.abc import Callable

WARN_BYTES = 10 * 10**6
MAX_BYTES = 100 * 10**6

_MAX_WRAPPERS = 20


def pack_function(function: Callable[..., Any]) -> bytes:
    """The function as bytes.

    Raises NotSerializable naming what it captured and cannot be sent, and TooLarge; warns
    when it is large.  Wrap the call in `noting_refs()` to learn of captured refs.
    """
    steps = _wrappers(function)
    if steps is not None:
        return dumps(_ByName(function.__module__, function.__qualname__, steps), 5)
    name = getattr(function, "__qualname__", repr(function))
    _send_by_value_if_alone(getattr(function, "__module__", None))
    try:
        data = by_code.dumps(function)
    except Exception as error:
        root = getattr(function, "__name__", "function")
        raise not_serializable(function, f"function {name}", error, root=root) from error
    if len(data) > WARN_BYTES:
        _complain(function, name, len(data))
    return data


def unpack_function(data: bytes | memoryview) -> Callable[..., Any]:
    """The function again; raises Undeserializable when its module is missing here."""
    try:
        function: Callable[..., Any] = loads(data)
    except Exception as error:
        raise Undeserializable(
            f"a task's function cannot be rebuilt here: {type(error).__name__}: {error}\n"
            "  Its module must be importable in the workers, with the same contents."
        ) from error
    return function


class _ByName:
    __slots__ = ("where",)

    def __init__(self, module: str, qualname: str, steps: int) -> None:
        self.where = (module, qualname, steps)

    def __reduce__(self) -> tuple[object, ...]:
        return _looked_up, self.where


def _looked_up(module: str, qualname: str, steps: int) -> object:
    found = reduce(getattr, qualname.split("."), import_module(module))
    for _ in range(steps):
        found = found.__wrapped__
    return found


def _wrappers(function: Callable[..., Any]) -> int | None:
    """How many `__wrapped__` lie between the function's name and itself; None: no way."""
    module = getattr(function, "__module__", None)
    qualname = getattr(function, "__qualname__", None)
    if not module or not qualname or "<" in qualname or not _importable(module):
        return None
    try:
        found: object = reduce(getattr, qualname.split("."), sys.modules[module])
    except AttributeError:
        return None
    for steps in range(_MAX_WRAPPERS):
        if found is function:
            return steps
        found = getattr(found, "__wrapped__", None)
    return None


@cache
def _importable(name: str) -> bool:
    """Whether a fresh process with our `sys.path` finds this module, in the same file.

    `sys.modules` does not tell: a test runner or a notebook puts modules there that nobody
    else can import.
    """
    module = sys.modules.get(name)
    if module is None or name == "__main__":
        return False
    path = None
    spec = None
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        full = ".".join(parts[:end])
        finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
        specs = (find(full, path) for find in finders if find is not None)
        spec = next((found for found in specs if found is not None), None)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    file = getattr(module, "__file__", None)
    return file is None or spec is None or spec.origin is None or _same(file, spec.origin)


def _same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def _send_by_value_if_alone(name: str | None) -> None:
    # A module that only this process has: then its classes must travel as code as well,
    # in this function and in all later values.
    module = sys.modules.get(name or "")
    if module is not None and name != "__main__" and not _importable(module.__name__):
        import cloudpickle  # noqa: PLC0415  # 20 ms; see by_code.py

        cloudpickle.register_pickle_by_value(module)


def _complain(function: Callable[..., Any], name: str, size_bytes: int) -> None:
    sizes = {}
    if isinstance(function, types.FunctionType):
        for where, part in captured(function):
            sizes[where] = len(by_code.dumps(part))
    blame = ""
    if sizes:
        largest = max(sizes, key=sizes.__getitem__)
        blame = f"; the largest part is {largest}, {sizes[largest] / 1e6:.0f} MB"
    message = (
        f"function {name} is {size_bytes / 1e6:.0f} MB with what it captured{blame}.\n"
        "  Put large values once with loom.put() and pass the ref as an argument."
    )
    if size_bytes > MAX_BYTES:
        raise TooLarge(f"{message}  The limit is {MAX_BYTES / 1e6:.0f} MB.")
    warnings.warn(message, stacklevel=3)
