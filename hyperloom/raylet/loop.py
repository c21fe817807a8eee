"""One thread that waits for sockets and for time: the raylet's heart."""

from __future__ import annotations

import heapq
import itertools
import selectors
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Loop:
    """Calls back when a file is readable (or writable), or when a moment has come."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.running = True

    def on_readable(self, fd: int, call: Callable[[], None]) -> None:
        """Call when something came in."""
        self._selector.register(fd, selectors.EVENT_READ, (call, None))

    def on_writable(self, fd: int, call: Callable[[], None] | None) -> None:
        """Call also when there is room to write; None: not any more."""
        read, _ = self._selector.get_key(fd).data
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if call else 0)
        self._selector.modify(fd, events, (read, call))

    def forget(self, fd: int) -> None:
        """Do not watch this file any more.  Harmless when it was not watched."""
        try:
            self._selector.unregister(fd)
        except (KeyError, ValueError):
            return

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call once, after so long."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), call))

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Call again and again."""

        def again() -> None:
            call()
            self.later(seconds, again)

        self.later(seconds, again)

    def run(self, after_each: Callable[[], None]) -> None:
        """Until `running` is False; `after_each` round of events."""
        while self.running:
            timeout = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
            for key, events in self._selector.select(timeout):
                read, write = key.data
                if events & selectors.EVENT_READ:
                    read()
                if events & selectors.EVENT_WRITE and write is not None:
                    write()
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()
            after_each()

    def close(self) -> None:
        """Watch nothing."""
        self._selector.close()
