"""The bytes of a data object.

Its metadata (kind `DATA` of `hyperloom.serialization`), little endian::

    u8    form: 0 the value is here, 1 it is the whole value of another object
    u32   number of objects that it contains
    u64   size, u64 length     (a size of 2^64-1: look inside)
    u8    bytes of the symbol
          symbol: the type, such as loom/array
          ids of the contained objects, 20 bytes each: who keeps this must hold them
          body: the type's own; in form 1 the kept form of the other object

The large parts are buffers beside it.  A data object *inside* another one is a *member*: the
one-piece form when small, else its metadata and where among the buffers of the whole its own are::

    '5' …           `hyperloom.serialization.inline`
    'B' u32 u32 …   first buffer, number of buffers, metadata
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from hyperloom.ids import OBJECT_BYTES
from hyperloom.serialization.inline import split_inline, to_inline
from hyperloom.serialization.packed import DATA, Packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.data.dataobject import Data

VALUE = 0
REFERENCE = 1
UNKNOWN = 2**64 - 1

# Below this, a buffer of its own costs more than the copy it saves.
INLINE_BYTES = 4096

_HEAD = Struct("<BIQQB")
_BESIDE = Struct("<BII")
_BESIDE_MARK = ord("B")


class Head(NamedTuple):
    """What the metadata says before the body."""

    form: int
    size: int
    length: int
    symbol: str
    refs: list[bytes]
    body: bytes | memoryview


def metadata(  # noqa: PLR0913, PLR0917 - one argument a field
    form: int, symbol: str, size: int, length: int, refs: Sequence[bytes], body: bytes | memoryview
) -> bytes:
    """The metadata of a data object."""
    name = symbol.encode()
    head = _HEAD.pack(form, len(refs), size, length, len(name))
    return b"".join((head, name, *refs, body))


def head_of(meta: bytes | memoryview) -> Head:
    """The metadata taken apart."""
    form, count, size, length, name = _HEAD.unpack_from(meta)
    refs_at = _HEAD.size + name
    body_at = refs_at + count * OBJECT_BYTES
    symbol = bytes(meta[_HEAD.size : refs_at]).decode()
    refs = [bytes(meta[at : at + OBJECT_BYTES]) for at in range(refs_at, body_at, OBJECT_BYTES)]
    return Head(form, size, length, symbol, refs, meta[body_at:])


def size_and_length(meta: bytes | memoryview) -> tuple[int, int]:
    """The two, without looking at anything else."""
    _, _, size, length, _ = _HEAD.unpack_from(meta)
    return size, length


def plain_size(view: memoryview, symbol_at: int, symbol_bytes: int) -> int:
    """The size in the head before a symbol, of an object without length that contains no other.

    Raises:
        ValueError: there is no such head.
    """
    if symbol_at < _HEAD.size:
        raise ValueError("there is no head")
    form, refs, size, length, name = _HEAD.unpack_from(view, symbol_at - _HEAD.size)
    if (form, refs, length, name) != (VALUE, 0, 0, symbol_bytes):
        raise ValueError("it is another head, or none")
    return int(size)


class Writing:
    """A data object that is being packed: its buffers and what it contains, as they come."""

    def __init__(self) -> None:
        self.buffers: list[memoryview] = []
        self._refs: dict[bytes, None] = {}

    @property
    def refs(self) -> list[bytes]:
        """The contained objects, each once."""
        return list(self._refs)

    def add_refs(self, refs: Sequence[bytes]) -> None:
        """It contains these."""
        if refs:
            self._refs.update(dict.fromkeys(refs))

    def buffer(self, view: memoryview) -> int:
        """A part that lies beside; its number."""
        self.buffers.append(view)
        return len(self.buffers) - 1

    def member(self, item: Data) -> bytes:
        """A data object inside this one, as the bytes that stand for it."""
        packed = item.packed()
        self.add_refs(packed.refs)
        return self.packed_member(packed)

    def packed_member(self, packed: Packed) -> bytes:
        """The same of one whose refs are added already."""
        if packed.size <= INLINE_BYTES or not packed.buffers:
            return to_inline(packed)
        first = len(self.buffers)
        self.buffers += packed.buffers
        return _BESIDE.pack(_BESIDE_MARK, first, len(packed.buffers)) + packed.meta


def member_parts(
    member: bytes | memoryview, buffers: Sequence[memoryview]
) -> tuple[bytes | memoryview, Sequence[memoryview]]:
    """Metadata and buffers of a member; `buffers` are those of the whole."""
    if member[0] == _BESIDE_MARK:
        _, first, count = _BESIDE.unpack_from(member)
        return member[_BESIDE.size :], buffers[first : first + count]
    kind, meta, own = split_inline(member)
    assert kind == DATA
    return meta, own
