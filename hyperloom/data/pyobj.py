"""`PyObj`: any Python object, pickled when it travels and unpickled when it is looked at."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hyperloom.data.dataobject import Data
from hyperloom.serialization.values import pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.data import wire
    from hyperloom.serialization.stored import Parts

_NO_SIZE = 100  # of an object that will not say
_MISSING = object()
_OURS = b"hyperloom."  # stands in the pickle of each of our refs


class PyObj(Data, symbol="loom/pyobj"):
    """A Python object.  Its size is what `sys.getsizeof` says: without what it refers to."""

    __slots__ = ("_object", "_parts")

    def __init__(self, value: Any) -> None:  # noqa: ANN401 - anything
        if isinstance(value, Data):
            raise TypeError(f"{value!r} is a data object already")
        super().__init__()
        self._object = value
        self._parts: Parts | None = None

    def unwrap(self) -> Any:  # noqa: ANN401 - the user's
        """The object; the same one each time."""
        self._read()
        if self._object is _MISSING:
            assert self._parts is not None
            self._object = unpack(*self._parts)
        return self._object

    def gathered(self) -> Any:  # noqa: ANN401 - the user's
        """The object."""
        return self.unwrap()

    def __bool__(self) -> bool:
        return True

    def __loom_identity__(self) -> object:
        return self.unwrap()

    def _settle_members(self) -> None:
        self.unwrap()

    def _measure(self) -> int:
        return sys.getsizeof(self.unwrap(), _NO_SIZE)

    def _cheap_size(self) -> int | None:
        return None if self._object is _MISSING else self._measure()

    def _encode(self, writing: wire.Writing) -> bytes:
        parts = self._parts
        if parts is None or _OURS in bytes(parts[1]):
            # A pickle does not say which refs are in it; packing does.
            packed = pack(self.unwrap(), what="the object in a PyObj")
            writing.add_refs(packed.refs)
            parts = packed.kind, packed.meta, packed.buffers
        kind, meta, buffers = parts
        writing.buffers += buffers
        return bytes((kind,)) + meta

    def _decode(self, body: bytes | memoryview, buffers: Sequence[memoryview]) -> None:
        self._take(body[0], body[1:], buffers)

    def _take(self, kind: int, meta: bytes | memoryview, buffers: Sequence[memoryview]) -> None:
        self._object = _MISSING
        self._parts = (kind, meta, buffers)
