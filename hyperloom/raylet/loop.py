"""One thread that waits for sockets and for time: the raylet's heart."""

from __future__ import annotations

import heapq
import itertools
import selectors
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, eq=False)
class _Calls:
    """What to do when a file is readable, and when it is writable.

    No two are equal: the selector keeps the old one of equals, and it is *this* one we look for.
    """

    read: Callable[[], None]
    write: Callable[[], None] | None


class Loop:
    """Calls back when a file is readable (or writable), or when a moment has come."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._calls: dict[int, _Calls] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.running = True

    def on_readable(self, fd: int, call: Callable[[], None]) -> None:
        """Call when something came in."""
        self._calls[fd] = _Calls(call, None)
        self._selector.register(fd, selectors.EVENT_READ, self._calls[fd])

    def on_writable(self, fd: int, call: Callable[[], None] | None) -> None:
        """Call also when there is room to write; None: not any more."""
        read = self._calls[fd].read
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if call else 0)
        self._calls[fd] = _Calls(read, call)
        self._selector.modify(fd, events, self._calls[fd])

    def only_writable(self, fd: int, call: Callable[[], None]) -> None:
        """Call when there is room to write, and not when something came in any more."""
        self._calls[fd] = _Calls(call, call)
        self._selector.modify(fd, selectors.EVENT_WRITE, self._calls[fd])

    def forget(self, fd: int) -> None:
        """Do not watch this file any more.  Harmless when it was not watched."""
        if self._calls.pop(fd, None) is not None:
            self._selector.unregister(fd)

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
                calls: _Calls = key.data
                # Who was called before may have closed this file, or even opened another one
                # that has its number now.
                if events & selectors.EVENT_READ and self._calls.get(key.fd) is calls:
                    calls.read()
                if events & selectors.EVENT_WRITE and self._calls.get(key.fd) is calls:
                    assert calls.write is not None, "it was not asked for"
                    calls.write()
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()
            after_each()

    def close(self) -> None:
        """Watch nothing."""
        self._selector.close()
