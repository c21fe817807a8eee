"""Serves what this node has to other nodes: a thread that listens, and one for each that asks.

Bytes go from the object's file to the socket inside the kernel (sendfile), if nothing is encrypted.
The rule: whoever asks has proved that it is of this cluster, and what it says is of fixed length;
one that is slow or silent is hung up on, and costs a thread until then.
"""

from __future__ import annotations

import logging
import os
import ssl
import threading
from collections import Counter
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Final

from hyperloom import failpoints
from hyperloom.objectstore import layout
from hyperloom.transfer import endpoint, protocol
from hyperloom.transfer.protocol import Answer
from hyperloom.transfer.tls import hang_up, send_file

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from hyperloom.objectstore.client import StoreClient
    from hyperloom.objectstore.transit import Departure
    from hyperloom.transfer.tls import Tls

_log = logging.getLogger(__name__)

STALL_S: Final = 5.0  # nothing moves for so long: hang up
_PAUSE_S: Final = 0.1
_IDLE_S: Final = 60.0  # a connection over which nothing is asked
_GUESTS_MOST: Final = 64
# An object as large as this goes to so many at a time: whoever comes next gets it sooner from one
# of these, and they have more cables than we.
LARGE_BYTES: Final = 8 << 20
LARGE_AT_ONCE: Final = 2
_LINES_MOST: Final = 100


class Giver:
    """See the module.  `key` is asked for at each connection: it may change."""

    def __init__(
        self,
        listener: socket.socket,
        store: StoreClient,
        key: Callable[[], bytes],
        tls: Tls | None = None,
    ) -> None:
        self._listener = listener
        self._store = store
        self._key = key
        self._tls = tls
        self._lock = threading.Lock()  # of what follows
        self._guests: set[socket.socket] = set()
        self._going: Counter[bytes] = Counter()  # object -> to how many it is going
        self._said: set[str] = set()  # of whom was turned away, and why
        self.objects = 0  # sent so far
        self.bytes = 0
        self._closed = threading.Event()
        threading.Thread(target=self._listen, name="loom-giver", daemon=True).start()

    def _listen(self) -> None:
        well = True
        while True:
            try:
                sock, address = self._listener.accept()
            except OSError as error:
                if well and not self._closed.is_set():
                    _log.warning("nobody is let in to read objects until this ends: %s", error)
                well = False
                # Too many files are open, say: it ends when others end, and nothing tells us.
                if self._closed.wait(_PAUSE_S):
                    return
                continue
            well = True
            with self._lock:
                full = len(self._guests) >= _GUESTS_MOST
                if not full:
                    self._guests.add(sock)
            if full:
                sock.close()
                continue
            threading.Thread(
                target=self._serve, args=(sock, _host(address)), name="loom-gives", daemon=True
            ).start()

    def _serve(self, plain: socket.socket, who: str) -> None:
        sock = plain
        try:
            sock = endpoint.accepted(plain, STALL_S, self._tls)
            with self._lock:
                self._guests.discard(plain)
                self._guests.add(sock)
            protocol.admit(sock, self._key())
            sock.settimeout(_IDLE_S)
            while (question := protocol.question(sock)) is not None:
                sock.settimeout(STALL_S)
                self._answer(sock, *question)
                sock.settimeout(_IDLE_S)
        except (protocol.Unproven, ssl.SSLError) as error:
            if not isinstance(error, ssl.SSLEOFError):
                self._turned_away(who, error)
        except OSError:
            pass  # it is gone, or stopped: it asks again, or somebody else
        finally:
            with self._lock:
                self._guests -= {plain, sock}
            sock.close()

    def _answer(self, sock: socket.socket, oid: bytes, start: int) -> None:
        departure = self._store.depart(oid)
        if departure is None:
            sock.sendall(bytes([Answer.ABSENT]))
            return
        with closing(departure):
            if not self._begin(oid, departure.total):
                sock.sendall(bytes([Answer.BUSY]))
                return
            try:
                self._send(sock, departure, max(start, layout.HEADER_BYTES))
            finally:
                with self._lock:
                    self._going[oid] -= 1
                    if not self._going[oid]:
                        del self._going[oid]

    def _begin(self, oid: bytes, total: int) -> bool:
        with self._lock:
            if total >= LARGE_BYTES and self._going[oid] >= LARGE_AT_ONCE:
                return False
            self._going[oid] += 1
            return True

    def _send(self, sock: socket.socket, departure: Departure, start: int) -> None:
        sock.sendall(bytes([Answer.HERE]) + departure.head())
        if failpoints.ON:
            failpoints.hit("transfer.given")
        left = departure.total - start
        if left > 0:
            _send_file(sock, departure.fd, start, left)
        with self._lock:
            self.objects += 1
            self.bytes += max(0, left)

    def _turned_away(self, who: str, why: OSError) -> None:
        """It will try again and again: of each host it is said once."""
        line = f"{who}: {why}"
        with self._lock:
            if line in self._said:
                return
            if len(self._said) == _LINES_MOST:
                self._said.clear()
            self._said.add(line)
        _log.warning("an object's reader was turned away, from %s", line)

    def close(self) -> None:
        """Serve nobody any more."""
        self._closed.set()
        with self._lock:
            open_ones = [self._listener, *self._guests]
        for sock in open_ones:
            with suppress(OSError):
                hang_up(sock)  # wakes who waits on it
        self._listener.close()


def _send_file(sock: socket.socket, fd: int, start: int, size: int) -> None:
    if isinstance(sock, ssl.SSLSocket):
        send_file(sock, fd, start, size)
        return
    with os.fdopen(os.dup(fd), "rb") as file:
        sock.sendfile(file, start, size)


def _host(address: Any) -> str:  # noqa: ANN401 - it depends on the family
    return str(address[0]) if isinstance(address, tuple) else "this machine"
