"""TLS for the channels over a network: the contexts of both sides, and sockets wrapped in them.

Each side shows the node's certificate, and accepts what the authority signed.  Names in it are
not compared: nodes are found by address, and prove by the cluster's key that they belong to it.
"""

from __future__ import annotations

import os
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Final

# Sent in parts of this size: each takes the interpreter's lock once, and on a line of 0.2 Mbit/s
# still moves within the time after which nothing counts as moving (`giver.STALL_S`).
_PART_BYTES: Final = 64 << 10
_WORDS: Final = 4  # more than a handshake has in one direction


class Tls:
    """The contexts of both sides: `asks` for who connects, `has` for who is connected to."""

    def __init__(self, certificate: str, key: str, authority: str) -> None:
        """From files in PEM.

        Raises:
            OSError: they cannot be read, or a node that has the same ones would not accept this
                one (`ssl.SSLError` is an OSError).
        """
        for file in (certificate, key, authority):
            with Path(file).open("rb"):
                pass  # what the ssl module says does not name the file
        self.asks = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.asks.check_hostname = False
        self.has = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for context in (self.asks, self.has):
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_cert_chain(certificate, key)
            context.load_verify_locations(authority)
        self._greet_itself()

    def _greet_itself(self) -> None:
        to_has, to_asks = ssl.MemoryBIO(), ssl.MemoryBIO()
        asks = self.asks.wrap_bio(to_asks, to_has)
        has = self.has.wrap_bio(to_has, to_asks, server_side=True)
        for _ in range(_WORDS):
            for side in (asks, has):
                with suppress(ssl.SSLWantReadError):
                    side.do_handshake()


def wrapped(
    sock: socket.socket, context: ssl.SSLContext, *, server_side: bool = False
) -> socket.socket:
    """The same connection under TLS; it is closed if that cannot be.

    Raises:
        OSError: the other side does not speak TLS, or has no certificate that is accepted.
    """
    try:
        secret = context.wrap_socket(sock, server_side, do_handshake_on_connect=False)
    except BaseException:
        sock.close()
        raise
    try:
        secret.do_handshake()
    except BaseException as error:
        if server_side and isinstance(error, ssl.SSLError):
            _let_it_read_why(secret)
        secret.close()
        raise
    return secret


def _let_it_read_why(sock: ssl.SSLSocket) -> None:
    # Closed while there is something unread, a connection is reset, and our last word is lost.
    with suppress(OSError):
        hang_up(sock, socket.SHUT_WR)
        for _ in range(_WORDS):
            if not socket.socket.recv(sock, _PART_BYTES):
                return


def hang_up(sock: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    """End a connection on which another thread may be at work: that one gets an error.

    Not `sock.shutdown()`: that of a TLS socket takes the encryption off before it ends the
    connection, and what the other thread sends between the two would go out in the clear.
    """
    socket.socket.shutdown(sock, how)


def send_file(sock: ssl.SSLSocket, fd: int, start: int, size: int) -> None:
    """Send so many bytes of a file; what the ssl module has for this sends 8 KiB at a time.

    Raises:
        OSError: the connection broke, or the file is shorter.
    """
    part = memoryview(bytearray(min(size, _PART_BYTES)))
    end = start + size
    while start < end:
        count = os.preadv(fd, [part[: end - start]], start)
        if not count:
            raise ConnectionError("the object's file ends early")
        sock.sendall(part[:count])
        start += count
