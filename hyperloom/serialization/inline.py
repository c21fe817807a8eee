"""The one-piece form of a value: what a message or a key of the control plane carries.

::

    byte 0    '0' + kind              an ASCII digit, so that no other record's mark is one
    BYTES     the value itself
    ERROR     the failure record
    others    byte 1: 0               the rest is meta
              byte 1: 1               u32 buffers, u32 size of meta, u64 size of each buffer,
                                      meta, then the buffers, each at a multiple of 16

The rule: :func:`from_inline` copies nothing but BYTES; arrays are read-only views of the
record, which stays in memory as long as they do.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from hyperloom.serialization.packed import BYTES, ERROR, Packed
from hyperloom.serialization.values import unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALIGN = 16  # what numpy's widest numbers want, and where the contents of `bytes` begin
_HEAD = Struct("<BBxxII")  # mark, 1, number of buffers, size of meta
_MARK = ord("0")
_FAILED = _MARK + ERROR
_PLAIN = [bytes((_MARK + kind, 0)) for kind in range(10)]
_FAILED_MARK = bytes((_FAILED,))
_BYTES_MARK = bytes((_MARK + BYTES,))


def to_inline(packed: Packed) -> bytes:
    """The packed value as one piece."""
    kind = packed.kind
    buffers = packed.buffers
    if kind == BYTES:
        return b"".join((_BYTES_MARK, buffers[0]))
    if kind == ERROR:
        return _FAILED_MARK + packed.meta
    if not buffers:
        return _PLAIN[kind] + packed.meta
    head = _HEAD.pack(_MARK + kind, 1, len(buffers), len(packed.meta))
    sizes = [buffer.nbytes for buffer in buffers]
    parts: list[bytes | memoryview] = [head, Struct(f"<{len(sizes)}Q").pack(*sizes), packed.meta]
    end = sum([len(part) for part in parts])
    for buffer, size in zip(buffers, sizes, strict=True):
        parts += (bytes(-end % _ALIGN), buffer)
        end += -end % _ALIGN + size
    return b"".join(parts)


def split_inline(data: bytes | memoryview) -> tuple[int, bytes | memoryview, Sequence[memoryview]]:
    """Kind, meta and buffers of a record, as `unpack` and `unpack_call` take them."""
    kind = data[0] - _MARK
    if kind == BYTES:
        return kind, b"", [memoryview(data)[1:]]
    if kind == ERROR:
        return kind, data[1:], []
    if data[1] == 0:
        return kind, data[2:], []
    view = memoryview(data).toreadonly()
    _, _, count, meta_size = _HEAD.unpack_from(view)
    sizes = Struct(f"<{count}Q").unpack_from(view, _HEAD.size)
    start = _HEAD.size + 8 * count
    end = start + meta_size
    meta = view[start:end]
    buffers = []
    for size in sizes:
        begin = end + -end % _ALIGN
        end = begin + size
        buffers.append(view[begin:end])
    return kind, meta, buffers


def from_inline(data: bytes | memoryview) -> Any:  # noqa: ANN401
    """The value of a record; of a failed task the exception, for the caller to raise.

    An exception may also be an ordinary value: ask :func:`is_failure` first.
    """
    return unpack(*split_inline(data))


def is_failure(data: bytes | memoryview) -> bool:
    """Whether the record stands for a failed task."""
    return data[0] == _FAILED


def failure_inline(record: bytes) -> bytes:
    """A failure record as the one-piece value of its task."""
    return _FAILED_MARK + record


def failure_record(data: bytes | memoryview) -> bytes:
    """The failure record inside its one-piece form."""
    return bytes(data[1:])
