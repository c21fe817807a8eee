"""Who reads the inbox of a process, and who waits meanwhile.

Each hand-over between threads costs 40-50 microseconds here, so the thread that waits for a
value reads for itself; of several that wait, one reads for all and passes the role on.  The
pump (`hyperloom.core.pump`) reads when nobody waits.

Nobody waits without end for a message: it is a hint and may be lost.  Who waits looks at the
state itself from time to time (`Config.reconcile_s`), and after each broken connection.  Before
that it asks whether the state is still the one that it knew: it may be an older one, or none.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from hyperloom import errors, failpoints
from hyperloom.core import inquiry
from hyperloom.core.pump import LINGER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hyperloom.core.session import Session
    from hyperloom.core.waiting import Waiter
    from hyperloom.gcs.inbox import Inbox


_LOOK_AT = 500  # objects at a time


class Reading:
    """The reader's role of one session."""

    def __init__(self, session: Session, inbox: Inbox) -> None:
        self._session = session
        self._inbox = inbox
        self._role = threading.Lock()
        self._turn = threading.Condition(threading.Lock())
        self._sleepers = 0
        self._looked = 0
        self.waiting = 0  # threads in `until`
        self.last = 0.0  # when one left it

    def fileno(self) -> int | None:
        """The inbox, for poll(); changes with each reconnection.  None while there is no other."""
        return self._inbox.fileno_now()

    def listen(self, channel: bytes) -> None:
        """Read that channel too; that it is read comes as a message of its own name."""
        self._inbox.listen(channel)

    def once(self, timeout_s: float | None) -> bool:
        """Read what is there, if nobody else reads.  False: somebody does."""
        if not self._role.acquire(blocking=False):
            return False
        try:
            self._read(timeout_s)
        finally:
            self._pass_on()
        return True

    def wait(self, waiter: Waiter, oids: Sequence[bytes], timeout_s: float | None) -> bool:
        """Wait until a registered `waiter` is satisfied.  False: it was not, in time."""
        if waiter.done:
            return True
        session = self._session
        session.sweep()
        session.outbox.flush(wanted_only=True)
        if timeout_s is not None and timeout_s <= 0:
            self.once(0)
            return waiter.done
        go_on = session.blocked(oids)
        try:
            return self.until(waiter, oids, timeout_s)
        finally:
            go_on()

    def until(self, waiter: Waiter, oids: Sequence[bytes], timeout_s: float | None) -> bool:
        """Read or sleep until `waiter` is satisfied.  False: it was not, in time."""
        session = self._session
        slow_s = session.config.reconcile_s
        start = time.monotonic()
        look_again = start + slow_s
        self.waiting += 1
        if failpoints.ON:
            failpoints.hit("driver.waiting")
            failpoints.hit("worker.waiting")
        try:
            while not waiter.done:
                session.check_open()
                now = time.monotonic()
                left = look_again - now
                if timeout_s is not None:
                    if now - start >= timeout_s:
                        return False
                    left = min(left, start + timeout_s - now)
                if left > 0 and not self.once(left):
                    self._sleep(waiter, left)
                if time.monotonic() >= look_again:
                    look_again = time.monotonic() + slow_s
                    self.look(oids)
        finally:
            self.waiting -= 1
            self.last = time.monotonic()
            if self.last - start > LINGER_S:
                session.wake()  # the pump sleeps while a wait is long
        return True

    def _sleep(self, waiter: Waiter, timeout_s: float) -> None:
        with self._turn:
            # 1. we count as a sleeper  2. we look whether somebody reads  3. the reader passes
            # the role on: it released it before it looks for sleepers, so it sees us.
            self._sleepers += 1
            try:
                if self._role.locked() and not waiter.done:
                    self._turn.wait(timeout_s)
            finally:
                self._sleepers -= 1

    def _read(self, timeout_s: float | None) -> None:
        try:
            messages = self._inbox.poll(timeout_s)
        except errors.ControlPlaneLost:
            self._come_back()
            return
        for message in messages:
            self._session.arrived(message)

    def _pass_on(self) -> None:
        self._role.release()
        if self._sleepers:
            with self._turn:
                self._turn.notify_all()
        self._session.finish()

    def _come_back(self) -> None:
        session = self._session
        deadline = time.monotonic() + session.config.outage_s
        pause_s = 0.01
        while not session.closed:
            try:
                self._inbox.reconnect()
                break
            except errors.LoomError:  # a password file that is gone too: its node may be dying
                if time.monotonic() > deadline:
                    raise
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, 0.5)
        # Closed: it was interrupted because it is over; what goes with it is not lost by itself.
        if not session.closed:
            self.look_at_all()

    def look(self, oids: Iterable[bytes]) -> None:
        """A message may be lost: ask about those of `oids` that are not known yet."""
        self._compare()
        session = self._session
        missing = [oid for oid in oids if session.values.get(oid, b"") is None]
        first = self._looked % max(1, len(missing))  # each time at the next ones
        self._looked = first + _LOOK_AT
        session.ask((missing[first:] + missing[:first])[:_LOOK_AT])
        session.finish()

    def look_at_all(self) -> None:
        """The same of everything, after the connection broke."""
        self._compare()
        inquiry.ask_about_all(self._session)

    def _compare(self) -> None:
        try:
            self._session.outbox.compare()
        except (errors.ClusterStateLost, errors.JobEnded) as error:
            self._session.lost(error)  # nobody shall wait for it in vain
            raise

    def interrupt(self) -> None:
        """Wake the thread that reads."""
        self._inbox.interrupt()

    def close(self) -> None:
        """Hang up."""
        self._inbox.close()
