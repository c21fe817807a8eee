"""Row 6: a server that syncs once a second is killed on a slow disk, or its file lacks its end.

What was in hand for `WINDOW_S` is kept: none of it runs again, and who asks gets the values.  What
is younger may be forgotten, and is said and done again then.  So nothing fails.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from hyperloom.testing import Cluster
from tests import slow_disk
from tests.chaos.oracle import ANSWERS, PATIENCE_S, Account, Load, plus_one
from tests.cluster.api.gate import Gate
from tests.cluster.several.test_state_lost import append_only_file, forget

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

# While a sync goes on a server puts its writes off for 2 s, and no longer; it looks every 0.2 s
# (`hz` of `hyperloom.gcs.server`).
WINDOW_S = 2.0 + 0.2
_BATCH = 20

_SLOW = "its disk is slow"
KINDS = (_SLOW, "its file lacks its end")


@loom.task(max_retries=-1)
def noted(x: int, notes: Gate) -> int:
    notes.note(str(x))
    return x + 1


class Known:
    """Tasks of this driver: when their results were in hand, and how often they ran."""

    def __init__(self, folder: Path) -> None:
        self._notes = Gate(folder / "notes")
        self._in_hand: list[float] = []
        self.refs: list[Any] = []

    def submit(self, number: int = _BATCH) -> None:
        """So many more."""
        first = len(self.refs)
        self.refs += [noted.remote(x, self._notes) for x in range(first, first + number)]

    def work(self, until: Callable[[], bool]) -> None:
        """Submit tasks and take their results, once at least and until it is so."""
        while not self._in_hand or not until():
            self.submit()
            loom.get(self.refs[len(self._in_hand) :], timeout=PATIENCE_S)
            self._in_hand += [time.monotonic()] * (len(self.refs) - len(self._in_hand))

    def work_for(self, seconds: float) -> None:
        """Until the first results were in hand for so long."""
        self.work(lambda: time.monotonic() - self._in_hand[0] > seconds)

    def old(self, at: float) -> int:
        """How many results were in hand for longer than the window at that time."""
        return sum(at - since > WINDOW_S for since in self._in_hand)

    def forgotten(self, at: float) -> list[str]:
        """What a server did not keep that it had to, when it was killed at that time."""
        # Others ask for the values: this process may have them.
        values = loom.get([plus_one.remote(ref) for ref in self.refs], timeout=PATIENCE_S)
        assert values == list(range(2, len(self.refs) + 2))
        ran = Counter(map(int, self._notes.notes()))
        found = [f"task {x} ran {ran[x]} times" for x in range(self.old(at)) if ran[x] != 1]
        return found if self.old(at) else ["nothing was old enough to be kept"]


def row_6(kind: str, choose: Random) -> Account:
    """kill -9 of the server (everysec), its disk slow, or its file without its end"""
    if kind == _SLOW and (why := slow_disk.why_not()):
        return Account(rounds=1, skipped=why)
    with (
        tempfile.TemporaryDirectory(prefix="loom-chaos-") as folder,
        Cluster(nodes=2, lease_s=2, beat_s=0.5) as cluster,
        cluster.connect(),
    ):
        known, load = Known(Path(folder)), Load()
        at = (_killed_on_a_slow_disk if kind == _SLOW else _cut)(cluster, known, load, choose)
        load.account.measured(ANSWERS, load.answers())
        load.account.left += known.forgotten(at)
        load.account.accepted += len(known.refs)
        load.account.committed += len(known.refs)
        known.refs.clear()
        account = load.settle(counts=False)
        account.left += [f"{account.failed} tasks failed"] if account.failed else []
        return account


def _killed_on_a_slow_disk(cluster: Cluster, known: Known, load: Load, choose: Random) -> float:
    with slow_disk.slow_disk(cluster._control_plane.server_pid, 0.9):
        known.work_for(WINDOW_S + choose.random())
        load.submit(30)
        known.submit()
        at = time.monotonic()
        cluster.kill_server()
    return at


def _cut(cluster: Cluster, known: Known, load: Load, choose: Random) -> float:
    """Its file is as long as it was some time before the kill."""
    known.work_for(WINDOW_S + choose.random())
    at, size = time.monotonic(), append_only_file(cluster).stat().st_size
    until = at + choose.random()
    load.submit(30)
    known.work(lambda: time.monotonic() > until)
    known.submit()
    forget(cluster, size)
    return at
