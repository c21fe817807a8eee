"""What must hold after whatever was done to a cluster: the same for all rows of the catalogue.

lost     accepted - (committed + reported failed) = 0
commits  one for each task, by the control plane's own counts
values   are right
leaks    no processes, shared memory, sockets or folders; nothing is held in the control plane
"""

from __future__ import annotations

import gc
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import Wire
from tests.cluster.api.holdings import holdings
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 120.0

# Figures of rows.
ANSWERS = "a new task's answer, s"
BACK = "back, s"
CANCELLED = "cancelled, s"
DISTURBED = "running tasks begun anew"
ELSEWHERE = "rerun elsewhere, s"
ENDED = "its workers ended, s"
EXTRA = "more executions per kill"
FETCHED = "fetched from another copy, s"
HEALED = "well again, s"
HEARD = "heard of it, s"
ORPHANS = "orphans dead, s"
RECOVERED = "as much done as before, s"
REFUSED = "late results refused"
SLOT = "slot back, s"
SUBMIT = "a call while a million wait, us"


@dataclass
class Account:
    """What came of one round, or of all rounds of a row."""

    rounds: int = 0
    accepted: int = 0
    committed: int = 0
    failed: int = 0
    wrong: int = 0
    twice: int = 0
    left: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)  # at their worst
    skipped: str = ""

    @property
    def lost(self) -> int:
        return self.accepted - self.committed - self.failed

    @property
    def passes(self) -> bool:
        return not (self.lost or self.wrong or self.twice or self.left)

    def measured(self, figure: str, value: float) -> None:
        """One of the figures that the row may have to keep to."""
        self.figures[figure] = max(value, self.figures.get(figure, value))

    def add(self, other: Account) -> None:
        for name in ("rounds", "accepted", "committed", "failed", "wrong", "twice"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.left += other.left
        for figure, value in other.figures.items():
            self.measured(figure, value)
        self.skipped = "; ".join(filter(None, (self.skipped, other.skipped)))


@loom.task(max_retries=-1)
def plus_one(x: int) -> int:
    return x + 1


class Load:
    """Tasks of a driver in this process, in chains of three, and what came of them.

    `call` submits one that adds one, given a number or its ref.
    """

    def __init__(self, call: Callable[[Any], Any] = plus_one.remote) -> None:
        self.account = Account(rounds=1)
        self.call = call
        self._wanted: list[tuple[Any, Any]] = []
        self._submitting = threading.Lock()
        self._before = _commits()

    def submit(self, chains: int) -> None:
        """Three tasks each.  From any thread."""
        with self._submitting:
            for start in range(chains):
                ref: Any = start
                for depth in range(3):
                    ref = self.call(ref)
                    self._wanted.append((ref, start + depth + 1))
            self.account.accepted += 3 * chains

    @contextmanager
    def streaming(self, tasks_per_s: int) -> Iterator[None]:
        """Submit so many all the time, beside what is done in here."""
        over = threading.Event()

        def submit() -> None:
            while not over.wait(0.1):
                self.submit(tasks_per_s // 30)

        thread = threading.Thread(target=submit)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def expect(self, ref: Any, value: Any) -> None:
        """A task of another kind."""
        with self._submitting:
            self._wanted.append((ref, value))
            self.account.accepted += 1

    def answers(self) -> float:
        """How long one more task takes from here."""
        at = time.monotonic()
        ref = plus_one.remote(1)
        with self._submitting:
            self.account.accepted += 1
            self._wanted.append((ref, 2))
        loom.get(ref, timeout=PATIENCE_S)
        return time.monotonic() - at

    def settle(self, *, counts: bool = True) -> Account:
        """Wait for all; nothing may be held afterwards.  Without `counts` commits are not."""
        account, deadline = self.account, time.monotonic() + PATIENCE_S
        while self._wanted:
            ref, value = self._wanted.pop(0)
            try:
                found = loom.get(ref, timeout=max(0.1, deadline - time.monotonic()))
            except errors.GetTimeout:
                continue  # it counts as lost
            except errors.LoomError:
                account.failed += 1
                continue
            account.committed += 1
            account.wrong += found != value
        if counts and not account.lost:
            account.twice = _commits() - self._before - account.accepted
        ref = None  # the last of them
        gc.collect()  # an error that was raised may hold what it was raised for
        account.left += _left(holdings, "is held in the control plane")
        return account


def _left(look: Callable[[], Any], what: str) -> list[str]:
    try:
        wait_until(lambda: not look(), 20)
    except BaseException:  # noqa: BLE001 - pytest's failure is none of Exception's
        return [f"{look()!r:.600} {what}"]
    return []


def _commits() -> int:
    """How many tasks of this job are over, whichever way."""
    session = current.session()
    session.settle()
    wire = Wire(session.address)
    try:
        table = wire.call("HGETALL", keys.COUNTS.name(session.namespace))
    finally:
        wire.close()
    rows = zip(table[::2], table[1::2], strict=True)
    over = {codes.DONE, codes.FAILED}
    return sum(int(number) for name, number in rows if name[codes.TEMPLATE_ID :] in over)
