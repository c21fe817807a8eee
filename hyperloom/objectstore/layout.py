"""The bytes of an object: header, table of buffers, metadata, buffers.

The same bytes lie in shared memory, in a spill file and on the wire.  Pure: no clock, no
file, no memory is touched here.  Little endian::

    0    magic 'LOOM' | 4 u16 version | 6 u16 kind | 8 u64 state | 16 oid[28], zero padded
    44   u32 number of buffers | 48 u64 slot uid | 56 u64 total | 64 u64 capacity
    72   u64 offset of the metadata | 80 u64 its length | 88 u64 created_ns | 96 u32 flags
    128  number of buffers x (u64 offset, u64 length)
         metadata | buffers: aligned to 64 bytes, those of 1 MiB and more to a page

``kind`` and the metadata belong to whoever put the object; the store never looks inside.
The state word is the only part that changes while others may look at the file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MAGIC: Final = b"LOOM"
VERSION: Final = 1
HEADER_BYTES: Final = 128
OID_BYTES: Final = 28  # room in the header; ours are shorter and zero padded
PAGE: Final = 4096

VOID: Final = 0  # idle, being built, or dead: nobody may read it
SEALED: Final = 1  # immutable
ZOMBIE: Final = 2  # freed, but somebody still looks at it

STATE_AT: Final = 8
OID_AT: Final = 16
# Written at STATE_AT.  Voiding wipes the id too, so that a stale reader finds no match.
PATCH_VOID: Final = bytes(8 + OID_BYTES)
PATCH_SEALED: Final = SEALED.to_bytes(8, "little")
PATCH_ZOMBIE: Final = ZOMBIE.to_bytes(8, "little")

_HEADER: Final = struct.Struct("<4sHHQ28sIQQQQQQI28x")
_SMALLEST_SLOT: Final = 16 << 10
# glibc's copy of more than ~192 MiB is three times slower when destination and source are a
# few hundred bytes apart modulo a page; numpy's own arrays sit 16 bytes into one.
_PAGE_ALIGNED_FROM: Final = 1 << 20


class Header(NamedTuple):
    """The fixed part of an object, as written."""

    magic: bytes
    version: int
    kind: int
    state: int
    oid: bytes  # zero padded to OID_BYTES
    nbufs: int
    uid: int  # of the slot: process number << 32 | counter
    total: int  # bytes in use, header included
    capacity: int  # bytes of the file
    meta_at: int
    meta_bytes: int
    created_ns: int
    flags: int


class Plan(NamedTuple):
    """Where each part of an object will lie."""

    meta_at: int
    buffers_at: list[int]
    total: int


def plan(meta_bytes: int, sizes: Sequence[int]) -> Plan:
    """Lay out metadata and buffers behind a header."""
    meta_at = HEADER_BYTES + 16 * len(sizes)
    end = meta_at + meta_bytes
    starts = []
    for size in sizes:
        mask = PAGE - 1 if size >= _PAGE_ALIGNED_FROM else 63
        start = (end + mask) & ~mask
        starts.append(start)
        end = start + size
    return Plan(meta_at, starts, end)


def pack_head(  # noqa: PLR0913 - one argument per field
    plan: Plan,
    sizes: Sequence[int],
    *,
    oid: bytes,
    kind: int,
    state: int,
    uid: int,
    capacity: int,
    meta_bytes: int,
    created_ns: int,
) -> bytearray:
    """Header and table of buffers: everything in front of the metadata."""
    head = bytearray(plan.meta_at)
    _HEADER.pack_into(
        head, 0, MAGIC, VERSION, kind, state, oid, len(sizes), uid,
        plan.total, capacity, plan.meta_at, meta_bytes, created_ns, 0,
    )  # fmt: skip
    table = [number for pair in zip(plan.buffers_at, sizes, strict=True) for number in pair]
    struct.pack_into(f"<{len(table)}Q", head, HEADER_BYTES, *table)
    return head


def rehoused(head: bytes, *, uid: int, capacity: int, state: int) -> bytes:
    """The header of an object that comes from elsewhere, for the slot that it is built in here."""
    fields = Header._make(_HEADER.unpack_from(head))
    return _HEADER.pack(*fields._replace(uid=uid, capacity=capacity, state=state))


def padded(oid: bytes) -> bytes:
    """The id as it stands in a header.

    Raises:
        ValueError: it is empty or too long.
    """
    if not 0 < len(oid) <= OID_BYTES:
        raise ValueError(f"an object id has 1 to {OID_BYTES} bytes, not {len(oid)}: {oid.hex()}")
    return oid.ljust(OID_BYTES, b"\0")


def parse(head: bytes | memoryview) -> Header | None:
    """The header, or None when this is not a whole one of ours."""
    if len(head) < HEADER_BYTES:
        return None
    header = Header._make(_HEADER.unpack_from(head))
    return header if header.magic == MAGIC and header.version == VERSION else None


def is_sealed(head: bytes, oid: bytes) -> bool:
    """Do these first bytes of a file show the sealed object `oid` (padded)?"""
    return (
        len(head) >= HEADER_BYTES
        and head[STATE_AT] == SEALED
        and head[OID_AT : OID_AT + OID_BYTES] == oid
        and head[:4] == MAGIC
    )


def sections(data: memoryview) -> tuple[int, memoryview, list[memoryview]]:
    """Kind, metadata and buffers of a whole object, as slices of `data`."""
    header = parse(data)
    if header is None:
        raise ValueError("these bytes are no object of this version of the store")
    table = struct.unpack_from(f"<{2 * header.nbufs}Q", data, HEADER_BYTES)
    meta = data[header.meta_at : header.meta_at + header.meta_bytes]
    pairs = zip(table[::2], table[1::2], strict=True)
    return header.kind, meta, [data[at : at + size] for at, size in pairs]


def size_class(size: int) -> int:
    """The capacity of a slot for `size` bytes: a multiple of a page.

    Four classes per doubling up to 1 MiB, eight above: at most 25 % or 12.5 % too much, and
    few enough classes that a freed slot soon finds an object of its size.
    """
    if size <= _SMALLEST_SLOT:
        return _SMALLEST_SLOT
    shift = (size - 1).bit_length() - (3 if size <= 1 << 20 else 4)
    return ((size + (1 << shift) - 1) >> shift) << shift


def slot_uid(process: int, counter: int) -> int:
    """The name of a slot for its whole life, never reused in a session."""
    return process << 32 | counter


def slot_name(uid: int) -> str:
    """The file name of a slot that holds no object."""
    return f"{uid >> 32}-{uid & 0xFFFFFFFF}"


def uid_of(name: str) -> int:
    """The inverse of `slot_name`."""
    process, _, counter = name.partition("-")
    return slot_uid(int(process), int(counter))


def size_text(size: int) -> str:
    """A size for people."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004 - the step between the units
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
