"""The ways of a value to another process."""

from __future__ import annotations

import pytest

from hyperloom.serialization import from_inline, pack, to_inline, unpack


def beside(value):
    packed = pack(value)
    return unpack(packed.kind, packed.meta, [buffer.toreadonly() for buffer in packed.buffers])


def in_one_piece(value):
    return from_inline(to_inline(pack(value)))


def in_a_message(value):
    data = to_inline(pack(value))
    return from_inline(memoryview(bytearray(b"xyz" + data))[3:])


WAYS = pytest.mark.parametrize("way", [beside, in_one_piece, in_a_message])
