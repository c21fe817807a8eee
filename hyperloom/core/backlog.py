"""What a worker was sent and has not begun: in its queue, and unread in its socket.

Its main thread takes from it; the thread that listens gives back what waits behind a task that
takes long.  Calls of an actor are not given back: of one that was cancelled is told at once what it
becomes, and its place stays, since they are counted as they begin.

The rule: whoever cancels writes that down first (`Unwanted.add`), and then looks what runs; the
main thread does it the other way round, so that one of them sees the other.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.frames import FrameReader

    Sent = tuple[bytes, bytes, bytes]  # entry, record, inputs

_UNWANTED_MOST = 1000
_TOLD = b""


class Unwanted:
    """Tasks to come that were cancelled, and what each becomes."""

    def __init__(self) -> None:
        self.any: dict[bytes, bytes] = {}
        self._lock = threading.Lock()

    def add(self, task: bytes, failure: bytes) -> None:
        """Nobody wants it."""
        with self._lock:
            self.any[task] = failure
            if len(self.any) > _UNWANTED_MOST:  # the oldest has long ended before we heard
                del self.any[next(iter(self.any))]

    def take(self, task: bytes) -> bytes | None:
        """What it becomes, at its turn: empty if that is told already; None: it is wanted."""
        with self._lock:
            return self.any.pop(task, None)

    def tell(self, task: bytes) -> bytes:
        """What it becomes, for who tells it before its turn; empty: its turn has come."""
        with self._lock:
            failure = self.any.get(task, _TOLD)
            if failure:
                self.any[task] = _TOLD
            return failure


class Backlog:
    """See the module.  `take`: the tasks in a message of the raylet; `ended`: it was the last."""

    def __init__(
        self,
        reader: FrameReader,
        take: Callable[[list[Any]], list[Sent]],
        ended: Callable[[], bool],
    ) -> None:
        self.tasks: deque[Sent] = deque()
        self._reader = reader
        self._reading = threading.Lock()
        self._take = take
        self._ended = ended

    def receive(self) -> bool:
        """Wait for more; False: the raylet has hung up."""
        with self._reading:
            if self._ended():  # the other thread has read that
                return True
            frame = self._reader.receive()
        if frame is None:
            return False
        self.tasks += self._take(frame)
        return True

    def _receive_some(self) -> None:
        if self._reading.acquire(blocking=False):
            try:
                for frame in self._reader.receive_some(socket.MSG_DONTWAIT) or ():
                    self.tasks += self._take(frame)
            finally:
                self._reading.release()

    def take_back(self) -> list[bytes]:
        """The entries of all that is there, which is not begun here any more."""
        self._receive_some()
        entries = []
        while self.tasks:
            try:
                entries.append(self.tasks.pop()[0])
            except IndexError:  # the main thread took the last one
                break
        return entries[::-1]

    def find(self, task: bytes) -> Sent | None:
        """One of them; it stays."""
        self._receive_some()
        return next((each for each in list(self.tasks) if each[0].startswith(task)), None)
