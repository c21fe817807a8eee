"""What clients and the keeper say to each other, and the frames it travels in.

A frame is u32 length, u8 code, body; little endian.  Only these pass, and none on the path of
a put into a slot that exists, of a get or of a free:

    HELLO    u64 process number, 0 for a new one      -> OK u64 process number
    RESERVE  u64 first counter, u32 slots, u64 bytes  -> OK u32 slots granted | FULL text;
                                                         of 0 slots: just the text
    UNLINKED u64 slot uid ...                         no answer
    FREE     object id                                no answer; of one somebody is stuck in

No pickle: the keeper is part of the raylet, and its clients run user code.
"""

from __future__ import annotations

import enum
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket

_FRAME: Final = struct.Struct("<IB")
_MAX_BYTES: Final = 1 << 20  # of a frame; more is not from one of us
RESERVE_BODY: Final = struct.Struct("<QIQ")
NUMBER: Final = struct.Struct("<Q")
COUNT: Final = struct.Struct("<I")


class Say(enum.IntEnum):
    """From a client."""

    HELLO = 1
    RESERVE = 2
    UNLINKED = 3
    FREE = 4


class Answer(enum.IntEnum):
    """From the keeper."""

    OK = 1
    FULL = 2


def frame(code: int, body: bytes) -> bytes:
    """One message as it travels."""
    return _FRAME.pack(len(body), code) + body


def split(received: bytearray) -> tuple[int, bytes] | None:
    """Take the first whole message off the front, if there is one.

    Raises:
        ConnectionError: these are no frames of ours.
    """
    if len(received) < _FRAME.size:
        return None
    length, code = _FRAME.unpack_from(received)
    if length > _MAX_BYTES:
        raise ConnectionError(f"a frame of {length} bytes: the other side does not speak this")
    end = _FRAME.size + length
    if len(received) < end:
        return None
    body = bytes(received[_FRAME.size : end])
    del received[:end]
    return code, body


def receive(connection: socket.socket) -> tuple[int, bytes]:
    """Wait for one message.

    Raises:
        ConnectionError: the other side is gone.
    """
    received = bytearray()
    while (message := split(received)) is None:
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("the other side closed the connection")
        received += data
    return message
