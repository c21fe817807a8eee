"""What identifies code: the same in every process for functions that do the same.

A function is its bytecode and constants, its defaults, what it captured, and what it names:
values and functions of its module, and functions of other modules of the user's, which are looked
into in turn.  It is not the place where it stands, nor its docstring: a comment may be written
without that everything is computed again.

The rule: libraries are known by name.  What is installed (the standard library, site-packages,
HyperLoom) is not looked into; who upgrades one says so with ``version=``.
"""

# ruff: noqa: ANN401 - any value at all

from __future__ import annotations

import sys
import sysconfig
from functools import cache, partial
from pathlib import Path
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import TYPE_CHECKING, Any

from hyperloom.serialization.identity import Identities, Unidentified, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PACKAGE = __name__.partition(".")[0]
_INSTALLED = ("site-packages", "dist-packages")
_HAS_DOCSTRING = 0x4000000  # a code flag, from Python 3.14 on; before, the place alone says it
# What a class has by itself, or by the line on which it stands.
_NO_CODE = frozenset(
    {
        *("__module__", "__doc__", "__dict__", "__weakref__", "__slotnames__", "_abc_impl"),
        *("__firstlineno__", "__static_attributes__", "__match_args__", "__parameters__"),
        *("__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__"),
        *("__dataclass_fields__", "__dataclass_params__", "__orig_bases__"),
    }
)


def of(identities: Identities, value: Any) -> bytes | None:
    """The identity of code, and of what is made of it; None: it is something else."""
    way = _WAYS.get(type(value))
    if way is not None:
        return way(identities, value)
    if isinstance(value, type):
        return of_class(identities, value)
    if "__wrapped__" in getattr(value, "__dict__", ()):  # a task, or what lru_cache makes
        return identities.of_all(type(value).__qualname__, (value.__wrapped__,))
    return None


def by_name(thing: Any) -> bytes:
    """What lives in a library."""
    name = getattr(thing, "__qualname__", repr(type(thing)))
    return joined("name", (str(getattr(thing, "__module__", "")).encode(), name.encode()))


def of_function(identities: Identities, function: FunctionType) -> bytes:
    """A function of Python's."""
    if _is_library(function.__module__):
        return by_name(function)
    parts = [
        function.__qualname__.encode(),
        _code(identities, function.__code__, function.__doc__),
        identities.of(function.__defaults__),
        identities.of(function.__kwdefaults__),
        identities.of(function.__closure__),
    ]
    names = _names(function.__code__)
    for name in sorted(names & function.__globals__.keys()):
        value = function.__globals__[name]
        parts += (name.encode(), _named(identities, value, names))
    return joined("function", parts)


def of_class(identities: Identities, cls: type) -> bytes:
    """A class: its bases and what stands in its body."""
    if _is_library(cls.__module__):
        return by_name(cls)
    parts = [cls.__qualname__.encode(), identities.of(cls.__bases__)]
    for name, value in sorted(vars(cls).items()):
        if name not in _NO_CODE:
            parts += (name.encode(), _named(identities, value, frozenset()))
    return joined("class", parts)


def _cell(identities: Identities, cell: CellType) -> bytes:
    try:
        return identities.of_all("cell", (cell.cell_contents,))
    except ValueError as error:
        if isinstance(error, Unidentified):
            raise
        return b"empty cell"


def _builtin(identities: Identities, function: BuiltinFunctionType) -> bytes:
    bound = function.__self__
    if bound is None or isinstance(bound, ModuleType):
        return by_name(function)
    return identities.of_all("method", (function.__name__, bound))


def _code(identities: Identities, code: CodeType, docstring: str | None) -> bytes:
    constants = list(code.co_consts)
    marked = sys.version_info < (3, 14) or code.co_flags & _HAS_DOCSTRING
    if docstring is not None and marked and constants[:1] == [docstring]:
        constants[0] = None
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return identities.of_all(
        "code", (code.co_code, code.co_exceptiontable, counts, names, constants)
    )


def _named(identities: Identities, value: Any, names: frozenset[str]) -> bytes:
    """What code names: if nothing identifies it (a lock, an open file), its type has to do."""
    try:
        if isinstance(value, ModuleType):
            return _module(identities, value, names)
        return identities.of(value)
    except Unidentified as error:
        if error.ref:
            raise
        return by_name(type(value))


def _module(identities: Identities, module: ModuleType, names: frozenset[str]) -> bytes:
    """A module of the user's: what of it the code may mean by the names that it has."""
    parts = [module.__name__.encode()]
    if not _is_library(module.__name__):
        for name in sorted(names & vars(module).keys()):
            value = vars(module)[name]
            inner = isinstance(value, ModuleType)
            if not inner or value.__name__.startswith(module.__name__ + "."):
                parts += (name.encode(), _named(identities, value, names))
    return joined("module", parts)


def _names(code: CodeType) -> frozenset[str]:
    return frozenset(name for each in _codes(code) for name in each.co_names)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


@cache
def _is_library(name: str | None) -> bool:
    """Whether a module is installed rather than written by who runs it."""
    if name is None or name == "__main__":
        return False
    if name.partition(".")[0] == _PACKAGE:
        return True
    module = sys.modules.get(name)
    if module is None:
        return False
    file = getattr(module, "__file__", None)
    if file is None:
        return name in sys.builtin_module_names
    path = Path(file)
    if any(part in _INSTALLED for part in path.parts):
        return True
    paths = sysconfig.get_paths()
    return any(path.is_relative_to(paths[kind]) for kind in ("stdlib", "platstdlib"))


_WAYS: dict[type, Callable[[Identities, Any], bytes]] = {
    FunctionType: of_function,
    CodeType: lambda identities, code: _code(identities, code, None),
    CellType: _cell,
    BuiltinFunctionType: _builtin,
    ModuleType: lambda identities, module: _module(identities, module, frozenset()),
    MethodType: lambda identities, it: identities.of_all("method", (it.__func__, it.__self__)),
    property: lambda identities, it: identities.of_all("property", (it.fget, it.fset, it.fdel)),
    staticmethod: lambda identities, it: identities.of_all("staticmethod", (it.__func__,)),
    classmethod: lambda identities, it: identities.of_all("classmethod", (it.__func__,)),
    partial: lambda identities, it: identities.of_all("partial", (it.func, it.args, it.keywords)),
}
