"""A client's membership in its node's store: number, liveness locks, line to the keeper.

The number names the client's slots.  It is handed out by the keeper with the first put and
kept when the keeper is started again.  As long as this process lives it holds a lock on
``p/<number>``; what it leaves behind when it dies is the keeper's.  A lock on ``alive`` keeps
the folder itself.

The keeper may be away for a while (its raylet is being restarted).  Nothing here waits long
for that: without it there are no new slots, and the put goes to disk.
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH112

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from typing import TYPE_CHECKING, Final

from hyperloom.objectstore import kernel, places, wire

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

# A raylet that is started again is back within this; nobody is told when, so we knock.
_KNOCK_FOR_S: Final = 2.0
_KNOCK_EVERY_S: Final = 0.02
# The keeper may be moving gigabytes to disk for us.
_ANSWER_WITHIN_S: Final = 60.0


class Membership:
    """One process's connection to the keeper.  Thread-safe."""

    def __init__(self, where: places.Places, forget_grants: Callable[[], None]) -> None:
        self._where = where
        # Called before a keeper learns which slots we have: grants of the previous one that we
        # have not used yet are in nobody's books.
        self._forget_grants = forget_grants
        self.number = 0
        self._lock = threading.RLock()  # re-entrant: the collector may run a free() inside
        self._line: socket.socket | None = None
        self._locks: list[int] = []  # descriptors whose locks say that we live
        self._alive = -1

    @property
    def stays(self) -> bool:
        """Has stay() been called in this process?"""
        return self._alive >= 0

    def stay(self) -> None:
        """Keep the folder from being swept; cheap when done before."""
        if self._alive < 0:
            with self._lock, contextlib.suppress(FileNotFoundError):
                if self._alive < 0:
                    fd = os.open(self._where.alive, os.O_RDONLY)
                    kernel.lock_now(fd, fcntl.LOCK_SH)  # refused: it is being swept, too late
                    self._alive = fd

    def reserve(self, first: int, count: int, capacity: int) -> tuple[int, str]:
        """Ask for room for new slots: how many are granted, and if none, why."""
        body = wire.RESERVE_BODY.pack(first, count, capacity)
        try:
            code, answer = self._call(wire.Say.RESERVE, body)
        except OSError as error:
            socket_path = self._where.socket
            return 0, f"the store's keeper does not answer at {socket_path} ({error})."
        if code == wire.Answer.OK:
            return wire.COUNT.unpack(answer)[0], ""
        return 0, answer.decode()

    def describe(self) -> str:
        """The store in figures, in words."""
        return self.reserve(0, 0, 0)[1]

    def tell(self, code: wire.Say, body: bytes) -> None:
        """Say something that needs no answer, if somebody listens.

        A keeper that is started again reads all this from the folder.
        """
        with self._lock, contextlib.suppress(OSError):
            if self._line is not None:
                self._line.sendall(wire.frame(code, body))

    def leave(self) -> None:
        """Hang up and drop the locks: what is left of us in the folder is the keeper's."""
        with self._lock:
            self._hang_up()
            for fd in (*self._locks, self._alive):
                if fd >= 0:
                    os.close(fd)
            self._locks, self._alive, self.number = [], -1, 0

    def after_fork(self) -> None:
        """In the child: become nobody.  Closing leaves the parent's locks as they are."""
        self._lock = threading.RLock()
        self.leave()

    def _call(self, code: wire.Say, body: bytes) -> tuple[int, bytes]:
        with self._lock:
            knock_until = time.monotonic() + _KNOCK_FOR_S
            while True:
                try:
                    if self._line is None:
                        self._line = self._connect()
                    self._line.sendall(wire.frame(code, body))
                    return wire.receive(self._line)
                except OSError:
                    # Also a timeout: the answer that may still come would be taken for another's.
                    self._hang_up()
                    if time.monotonic() > knock_until or not os.path.isdir(self._where.root):
                        raise
                time.sleep(_KNOCK_EVERY_S)

    def _connect(self) -> socket.socket:
        import socket  # noqa: PLC0415 - 5 ms that a process which only reads need not pay

        self.stay()
        line = socket.socket(socket.AF_UNIX)
        try:
            line.settimeout(_ANSWER_WITHIN_S)
            address, folder = places.socket_address(self._where.socket)
            try:
                line.connect(address)
            finally:
                if folder is not None:
                    os.close(folder)
            self._forget_grants()
            line.sendall(wire.frame(wire.Say.HELLO, wire.NUMBER.pack(self.number)))
            number = wire.NUMBER.unpack(wire.receive(line)[1])[0]
            if number != self.number:
                self.number = number
                fd = os.open(f"{self._where.processes}{number}", os.O_RDWR)
                fcntl.flock(fd, fcntl.LOCK_EX)  # at most, somebody just looks whether we live
                self._locks.append(fd)
        except BaseException:
            line.close()
            raise
        return line

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()
