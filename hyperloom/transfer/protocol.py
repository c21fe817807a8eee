"""The channel between two nodes, as bytes.

::

    who asks                                   who has
      'LOOMOBJ1' | nonce a (16)          ──►
                                         ◄──   nonce b (16) | proof('has', a, b) (32)
      proof('asks', a, b) (32)           ──►
      object id (20) | from (u64)        ──►
                                         ◄──   u8 answer | if HERE: header (128) | bytes from
                                               `from` (128 at least) to the object's total
      object id (20) | from (u64)        ──►   and so on

A proof is an HMAC-SHA256 under the cluster's key, which lies in the control plane: who may enter
there may fetch here, and each side knows that the other may.  The nonces make a proof good for
one connection.  What follows is neither encrypted nor signed, unless the channel is wrapped in TLS
(`tls`).

All numbers are little endian.  Every length is fixed or stands in the header, which is checked
before anything is kept (`hyperloom.objectstore.layout`).
"""

from __future__ import annotations

import enum
import hmac
import os
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from hyperloom.ids import OBJECT_BYTES

if TYPE_CHECKING:
    import socket

MAGIC: Final = b"LOOMOBJ1"
KEY_BYTES: Final = 32
_NONCE: Final = 16
_PROOF: Final = 32
_ASK: Final = struct.Struct(f"<{OBJECT_BYTES}sQ")


class Answer(enum.IntEnum):
    """What is said to a question for an object."""

    HERE = 0  # it follows
    ABSENT = 1
    BUSY = 2  # others are being given it: they have it soon, and so may be asked


class Question(NamedTuple):
    """Somebody wants an object, from this byte on."""

    oid: bytes
    start: int


class Unproven(ConnectionError):
    """The other side does not have the cluster's key, or speaks another language."""


def knock(sock: socket.socket, key: bytes) -> None:
    """Begin as the one who asks.

    Raises:
        Unproven: the other side is not of this cluster.
        OSError: the connection broke, or took too long.
    """
    mine = os.urandom(_NONCE)
    sock.sendall(MAGIC + mine)
    theirs = receive(sock, _NONCE)
    if not hmac.compare_digest(receive(sock, _PROOF), _proof(key, b"has", mine, theirs)):
        raise Unproven("the node that answers does not have this cluster's key")
    sock.sendall(_proof(key, b"asks", mine, theirs))


def admit(sock: socket.socket, key: bytes) -> None:
    """Begin as the one who has; raises as `knock`."""
    theirs = receive(sock, len(MAGIC) + _NONCE)
    if theirs[: len(MAGIC)] != MAGIC:
        raise Unproven("whoever knocked does not speak this language")
    theirs = theirs[len(MAGIC) :]
    mine = os.urandom(_NONCE)
    sock.sendall(mine + _proof(key, b"has", theirs, mine))
    if not hmac.compare_digest(receive(sock, _PROOF), _proof(key, b"asks", theirs, mine)):
        raise Unproven("whoever knocked does not have this cluster's key")


def _proof(key: bytes, role: bytes, asks: bytes, has: bytes) -> bytes:
    return hmac.digest(key, role + asks + has, "sha256")


def ask(sock: socket.socket, oid: bytes, start: int) -> Answer:
    """Ask for an object's bytes from `start` on; the header comes in any case.

    Raises:
        OSError: the connection broke, or the answer is none.
    """
    sock.sendall(_ASK.pack(oid, start))
    code = receive(sock, 1)[0]
    try:
        return Answer(code)
    except ValueError:
        raise ConnectionError(f"an answer {code}: the other side does not speak this") from None


def question(sock: socket.socket) -> Question | None:
    """The next one; None when the other side has hung up.  Raises as `receive`."""
    first = sock.recv(_ASK.size)
    if not first:
        return None
    return Question(*_ASK.unpack(first + receive(sock, _ASK.size - len(first))))


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes.

    Raises:
        OSError: the connection broke before, or nothing came for too long.
    """
    data = bytearray()
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise ConnectionError("the other side closed the connection")
        data += part
    return bytes(data)
