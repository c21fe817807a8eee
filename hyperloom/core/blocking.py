"""Whether the task that runs waits; the raylet hears when that changes.

A task may wait in several places at the same time: in threads, for futures, for what its
coroutines await.  It is blocked as long as it does in one of them: then what that one waits for
can always get the CPUs that the task gave back.

The rule: a wait belongs to the task that ran when it began.  What it leaves behind (a thread, a
future that nobody looks at) does not count for the next one.

Of calls that run beside others on an actor nothing is lent, so the raylet hears nothing; but who
asks why one does not end is told what it waits for (`Waits`).
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.core.context import Running


_TOLD_MOST = 10_000  # waits of one worker


def nobody_minds() -> None:
    """The end of a wait of which nobody was told."""


class Blocking:
    """Of one worker; `running` says what its main thread runs."""

    def __init__(
        self,
        running: Callable[[], Running | None],
        say_blocked: Callable[[], None],
        say_unblocked: Callable[[], None],
    ) -> None:
        self._running = running
        self._say_blocked = say_blocked
        self._say_unblocked = say_unblocked
        self._lock = threading.Lock()  # over the words too: they are said in the counts' order
        self._of: Running | None = None
        self._waits = 0

    def begin(self) -> Callable[[], None]:
        """The task waits in one more place; call what this returns, once, when that ends."""
        with self._lock:
            running = self._running()
            if running is None:
                return nobody_minds
            if running is not self._of:
                self._of, self._waits = running, 0
            self._waits += 1
            if self._waits == 1:
                self._say_blocked()
            return partial(self._end, running)

    def _end(self, running: Running) -> None:
        with self._lock:
            if running is self._of:
                self._waits -= 1
                if not self._waits:
                    self._say_unblocked()

    def task_ended(self) -> None:
        """What it still waits for is nobody's business; the next one begins unblocked."""
        if self._of is None:
            return
        with self._lock:
            if self._waits:
                self._say_unblocked()
            self._of, self._waits = None, 0


class Waits:
    """What those wait for that run beside each other; `running` says which of them asks."""

    def __init__(self, running: Callable[[], Running | None]) -> None:
        self._running = running
        self._lock = threading.Lock()
        self._waits: dict[object, tuple[bytes, Sequence[bytes]]] = {}  # each wait: task, objects

    def begin(self, oids: Sequence[bytes]) -> Callable[[], None]:
        """One waits for these; call what this returns, once, when that ends."""
        running = self._running()
        if running is None:
            return nobody_minds
        wait = object()
        with self._lock:
            self._waits[wait] = (running.task, oids)
        return partial(self._end, wait)

    def _end(self, wait: object) -> None:
        with self._lock:
            self._waits.pop(wait, None)

    def told(self, ready: Callable[[Sequence[bytes]], list[bool]]) -> list[tuple[bytes, bytes]]:
        """Tasks, and the first object that each waits for; `ready` says which are there."""
        with self._lock:
            waits = list(self._waits.values())[:_TOLD_MOST]
        lacking = [(task, oids, ready(oids)) for task, oids in waits]
        return [(task, oids[there.index(False)]) for task, oids, there in lacking if not all(there)]
