"""The thread that speaks and listens for a process while its own threads do other things.

It sends what was said within some milliseconds, and reads the inbox when nobody waits.
It costs nothing when there is nothing to do: it then sleeps in poll() without a time limit.

How it keeps out of the way.  A program that submits and gets in a loop flushes and reads for
itself; a pump that woke with it each time would cost two thread switches a task.  So while a
thread waits, and for some time after, the pump only ticks, and looks at nothing but whether
words lie unsent: those of other threads, and what the waiting one left for later.  When the
wait is a long one, it stops ticking too.
"""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.core.session import Session

_TICK_S = 0.002
_READ_EVERY = 8  # ticks, while somebody submits
LINGER_S = 0.05  # after a thread has waited: it will again
_LONG_TICKS = LINGER_S / _TICK_S  # nobody began or ended a wait for so long


class Pump:
    """Of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ticks = 0
        self._quiet_ticks = 0  # in a row, in which no thread ended a wait
        self._last = 0.0  # `reading.last` at the latest tick
        self._asleep = False
        self._closing = False
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._tick = threading.Event()  # set only to end the thread
        self._thread = threading.Thread(target=self._run, name="loom-pump", daemon=True)
        session.wake = self.wake
        self._thread.start()

    def wake(self) -> None:
        """There is something to send soon, or to listen for."""
        if self._asleep:
            self._asleep = False
            try:
                os.write(self._waker, b"w")
            except BlockingIOError:
                return  # it is full of wake-ups already

    def close(self) -> None:
        """End the thread."""
        self._closing = True
        self._session.wake = lambda: None
        self._tick.set()
        os.write(self._waker, b"x")
        if threading.current_thread() is not self._thread:
            self._thread.join()
        os.close(self._woken)
        os.close(self._waker)

    def _run(self) -> None:
        session = self._session
        while not self._closing and not session.closed:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - whoever waits must not wait in vain
                # Closed: somebody knows better why, and this only follows from it.
                if not self._closing and not session.closed:
                    session.lost(error)
                return

    def _turn(self) -> None:
        session = self._session
        reading = session.reading
        waited = reading.waiting or time.monotonic() - reading.last < LINGER_S
        if reading.waiting or (waited and not session.has_waiters):
            self._stand_by()
        elif session.unsent:
            # Somebody is submitting.  Reading results now would take the interpreter from that
            # thread again and again; they can wait a few ticks, and then come in one piece.
            self._ticks += 1
            if self._ticks % _READ_EVERY:
                self._tick.wait(_TICK_S)
            else:
                self._listen(_TICK_S)
            session.flush()
        else:
            self._listen(None)

    def _stand_by(self) -> None:
        """A thread reads for itself, or will again soon."""
        reading = self._session.reading
        if self._quiet_ticks >= _LONG_TICKS and reading.waiting:
            # Who ends a long wait wakes us (`Reading.until`), as does who speaks.
            self._sleep([self._woken], lambda: reading.waiting == 0)
            self._quiet_ticks = 0
        else:
            self._tick.wait(_TICK_S)
            self._quiet_ticks = self._quiet_ticks + 1 if reading.last == self._last else 0
            self._last = reading.last
        if self._session.unsent:
            self._session.flush()

    def _listen(self, timeout_s: float | None) -> None:
        reading = self._session.reading
        inbox = reading.fileno()
        if inbox is None:  # another thread reads, found it broken, and connects anew
            self._tick.wait(_TICK_S)
            return
        files = [self._woken, inbox]
        if timeout_s is None:
            ready = self._sleep(files, lambda: reading.waiting > 0)
        else:
            ready = self._poll(files, timeout_s)
        if inbox in ready and not reading.waiting:
            reading.once(0)

    def _sleep(self, files: list[int], no_reason: Callable[[], bool]) -> set[int]:
        # 1. we say that we sleep  2. we look once more  3. we sleep: who speaks between
        # 1 and 3 wakes us, who spoke before 1 is seen in 2.
        self._asleep = True
        try:
            if self._session.unsent or self._closing or no_reason():
                return set()
            return self._poll(files, None)
        finally:
            self._asleep = False

    def _poll(self, files: list[int], timeout_s: float | None) -> set[int]:
        """Until one of the files is readable; which are."""
        poll = select.poll()
        for file in files:
            poll.register(file, select.POLLIN)
        ready = {file for file, _ in poll.poll(None if timeout_s is None else timeout_s * 1000)}
        if self._woken in ready:
            os.read(self._woken, 4096)
        return ready
