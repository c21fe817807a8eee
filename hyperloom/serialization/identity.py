"""What identifies a value: some bytes that are equal in every process for equal content.

Pickles will not do: a set is written in the order of the process's hash seed, a text once or
twice according to whether it is one object or two.  Here a value is taken apart by its type,
or by what its `__reduce_ex__` says, and each part is told from the others by its own identity.
Functions and classes are identified by their code (`code_identity`).

The rule: what cannot be told from others is refused (`Unidentified`), never guessed.
"""

# ruff: noqa: ANN401 - any value at all

from __future__ import annotations

import copyreg
from hashlib import blake2b
from pickle import PickleBuffer
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

IDENTITY_BYTES = 16
_PROTOCOL = 5
_PLAIN = frozenset({bool, int, float, complex, str, type(None), type(...), type(NotImplemented)})
_RAW = frozenset({bytes, bytearray, memoryview, PickleBuffer})
_NUMERIC_KINDS = "biufc"  # numpy's dtypes that are plain memory
_SPOKEN_FOR = "__loom_identity__"  # a value's own word on what identifies it


class Unidentified(ValueError):
    """A part of a value that cannot be told from others; `ref`: because it is a reference."""

    ref = False


class UnknownOrigin(Unidentified):
    """A reference to an object of which nobody here knows how it came about."""

    ref = True


def joined(tag: str, parts: Iterable[bytes | memoryview]) -> bytes:
    """One identity of several; no two lists of parts are alike."""
    hasher = blake2b(digest_size=IDENTITY_BYTES)
    hasher.update(tag.encode() + b"\0")
    for part in parts:
        hasher.update(b"%d:" % len(part))
        hasher.update(part)
    return hasher.digest()


class Identities:
    """Identifies values; what several of them share is looked at once.

    `of_ref` gives the identity of a reference, None of all else; it may raise `UnknownOrigin`.
    """

    def __init__(self, of_ref: Callable[[object], bytes | None] = lambda _: None) -> None:
        self._of_ref = of_ref
        # With each identity its object, so that nothing else is given the same id.
        self._large: dict[int, tuple[object, bytes]] = {}  # buffers
        self._seen: dict[int, tuple[object, bytes]] = {}  # all else, until the value is done
        self._path: dict[int, int] = {}  # what is being looked at -> how deep

    def of(self, value: Any) -> bytes:
        """The identity of a value.

        Raises:
            Unidentified: it cannot be told from others.
        """
        cls = type(value)
        if cls in _PLAIN:
            return _plain(value)
        if cls in (tuple, list) and _PLAIN.issuperset(map(type, value)):
            return joined(cls.__name__, map(_plain, value))
        known = self._seen.get(id(value)) or self._large.get(id(value))
        if known is not None:
            return known[1]
        depth = self._path.get(id(value))
        if depth is not None:  # a circle
            return b"^%d" % (len(self._path) - depth)
        self._path[id(value)] = len(self._path)
        try:
            identity = self._composed(cls, value)
        except RecursionError:
            raise Unidentified(f"a {cls.__qualname__} is nested too deeply") from None
        finally:
            del self._path[id(value)]
            if not self._path:  # what lies on a circle is identified by the way to it
                self._seen.clear()
        if cls in _RAW or cls.__name__ == "ndarray":
            self._large[id(value)] = (value, identity)
        elif self._path:
            self._seen[id(value)] = (value, identity)
        return identity

    def of_all(self, tag: str, values: Iterable[object]) -> bytes:
        """The identity of several values in their order."""
        return joined(tag, map(self.of, values))

    def _composed(self, cls: type, value: Any) -> bytes:  # noqa: PLR0911 - a case each
        if cls is tuple or cls is list:
            return self.of_all(cls.__name__, value)
        if cls is dict or cls is MappingProxyType:
            return self.of_all("dict", (part for pair in value.items() for part in pair))
        if cls is set or cls is frozenset:
            return joined(cls.__name__, sorted(map(self.of, value)))
        if cls in _RAW:
            return joined(cls.__name__, (_raw(value),))
        if cls.__module__ == "numpy" and cls.__name__ == "ndarray":
            array = _array(value)
            if array is not None:
                return array
        from hyperloom.serialization import code_identity  # noqa: PLC0415 - it needs us

        code = code_identity.of(self, value)
        if code is not None:
            return code
        ref = self._of_ref(value)
        return self._reduced(cls, value) if ref is None else joined("ref", (ref,))

    def _reduced(self, cls: type, value: Any) -> bytes:
        try:
            spoken_for = getattr(value, _SPOKEN_FOR, None)
            if spoken_for is not None:
                return self.of_all(cls.__qualname__, (spoken_for(),))
            reduce = copyreg.dispatch_table.get(cls)
            reduced = value.__reduce_ex__(_PROTOCOL) if reduce is None else reduce(value)
        except RecursionError:
            raise
        except Exception as error:
            raise Unidentified(
                f"a {cls.__qualname__} cannot be told from others: {type(error).__name__}: {error}"
            ) from error
        if isinstance(reduced, str):
            return joined("global", (cls.__module__.encode(), reduced.encode()))
        make, arguments, *rest = reduced
        state, items, pairs = [*rest, None, None, None][:3]
        return self.of_all(
            "object",
            (
                make,
                arguments,
                state,
                None if items is None else list(items),
                None if pairs is None else list(map(tuple, pairs)),
            ),
        )


def _plain(value: Any) -> bytes:
    # As text, each with its type: 1, 1.0 and True are equal, but a function may tell them apart.
    if type(value) is str:
        return b"s" + value.encode("utf-8", "surrogatepass")
    if type(value) is int:
        return b"i%x" % value if abs(value) < 1 << 62 else b"i" + hex(value).encode()
    return type(value).__name__.encode() + b":" + repr(value).encode()


def _raw(value: Any) -> memoryview:
    view = value.raw() if isinstance(value, PickleBuffer) else memoryview(value)
    return view if view.c_contiguous else memoryview(view.tobytes())


def _array(array: Any) -> bytes | None:
    """A numpy array of plain numbers; None if it is none."""
    dtype = array.dtype
    if dtype.kind not in _NUMERIC_KINDS or dtype.metadata is not None:
        return None
    data = array if array.flags.c_contiguous else array.copy(order="C")
    about = f"{dtype.str} {array.shape}".encode()
    return joined("ndarray", (about, data.reshape(-1).view("u1").data))
