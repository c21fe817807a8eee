"""The raylet's socket for the drivers and the command line of its machine.

A driver is connected as long as it lives: its job begins when it says so here and ends when
this connection does, however the driver ended.  In return it hears what its workers print.
The socket lies in the session's folder, which only its user may enter.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any, Protocol

from hyperloom import frames

if TYPE_CHECKING:
    from pathlib import Path

    from hyperloom.raylet.loop import Loop

_SEND_MOST = 1 << 22  # bytes of output that a driver may leave unread; more is dropped


class Host(Protocol):
    """Who answers at the door."""

    def answer(self, guest: Guest, message: list[Any]) -> None:
        """Somebody says something."""

    def leaves(self, guest: Guest) -> None:
        """Somebody says no more, but hears what is said to it now."""

    def left(self, guest: Guest) -> None:
        """Somebody is gone."""


class Guest:
    """One connection."""

    def __init__(self, sock: socket.socket, loop: Loop) -> None:
        self.socket = sock
        self._loop = loop
        self.reader = frames.FrameReader(sock)
        self.job: bytes | None = None
        self.ends = False  # it said that it ends; else it is killed, when it is gone
        self._left = b""
        self.dropped = 0

    def say(self, message: list[Any]) -> None:
        """Send, as far as the other side reads; what prints without end is cut."""
        if len(self._left) > _SEND_MOST:
            self.dropped += 1
            return
        self._admit()
        self._left += frames.encode(message)
        if not self.flush():
            self._loop.on_writable(self.socket.fileno(), self._go_on)

    def _admit(self) -> None:
        if self.dropped:
            text = f"{self.dropped} messages were left out: this program reads them too slowly"
            self._left += frames.encode(["warning", text])
            self.dropped = 0

    def _go_on(self) -> None:
        if self.flush():
            self._loop.on_writable(self.socket.fileno(), None)

    def see_off(self) -> None:
        """It says no more: close, as soon as it has read what was said to it."""
        self._admit()
        self._loop.only_writable(self.socket.fileno(), self._part)

    def _part(self) -> None:
        if self.flush():
            self.close()

    def close(self) -> None:
        """Hang up."""
        self._loop.forget(self.socket.fileno())
        self.socket.close()

    def flush(self) -> bool:
        """Send what was left over.  True: all is sent."""
        try:
            sent = self.socket.send(self._left)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(self._left)  # gone; its end is heard of by reading
        self._left = self._left[sent:]
        return not self._left


class Door:
    """Listens."""

    def __init__(self, path: Path, loop: Loop, host: Host) -> None:
        self._loop = loop
        self._host = host
        self._path = path
        self._guests: list[Guest] = []
        self._socket = socket.socket(socket.AF_UNIX)
        mask = os.umask(0o177)
        try:
            path.unlink(missing_ok=True)
            self._socket.bind(str(path))
        finally:
            os.umask(mask)
        self._socket.listen(128)
        self._socket.setblocking(False)  # noqa: FBT003
        loop.on_readable(self._socket.fileno(), self._open)

    def guests_of(self, job: bytes) -> list[Guest]:
        """The drivers of a job that are here."""
        return [guest for guest in self._guests if guest.job == job]

    def _open(self) -> None:
        sock, _ = self._socket.accept()
        sock.setblocking(False)  # noqa: FBT003
        guest = Guest(sock, self._loop)
        self._guests.append(guest)
        self._loop.on_readable(sock.fileno(), lambda: self._hear(guest))

    def _hear(self, guest: Guest) -> None:
        try:
            messages = guest.reader.receive_some()
        except ValueError:
            messages = None  # not one of ours
        for message in messages or ():
            self._host.answer(guest, message)
        if messages is None and guest in self._guests:
            self._host.leaves(guest)
            self._guests.remove(guest)
            guest.see_off()
            self._host.left(guest)

    def close(self) -> None:
        """Nobody comes in any more."""
        self._loop.forget(self._socket.fileno())
        self._socket.close()
        self._path.unlink(missing_ok=True)
        for guest in self._guests:
            guest.close()
