"""What happened to the tasks of one job, followed entry by entry, kept as far as pages need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import events
from hyperloom.dashboard.bars import DONE, FAILED, RETRIED, Bar, Bars
from hyperloom.events import Ended
from hyperloom.gcs import codes
from hyperloom.watch.errors import Groups
from hyperloom.watch.graph import Past

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.story import Event

_BARS_MOST = 1_000_000  # the latest
_ENDED = {Ended.DONE: DONE, Ended.FAILED: FAILED, Ended.RETRIED: RETRIED, Ended.REDIRECTED: DONE}


class Tail:
    """See the module.  `catch_up` reads what came since the last time."""

    def __init__(self, job: bytes) -> None:
        self._job = job
        self._last = b"-"
        self._names: dict[bytes, str] = {}
        self._lanes: dict[tuple[bytes, int], str] = {}
        self.bars = Bars(_BARS_MOST)
        self.first, self.last = float("inf"), 0.0  # begin and end of what ran
        self.seconds: dict[str, list[float]] = {}  # by name: number, sum
        self.errors = Groups()
        self.past = Past()

    def catch_up(self, cluster: Cluster) -> None:
        """Read on; what a history has, first."""
        if self._last == b"-" and cluster.history is not None:
            for entry, event in cluster.history.entries(self._job):
                self._take(cluster, entry, event)
        if cluster.live is not None:
            for entry, event in cluster.live.entries(self._job, self._last):
                self._take(cluster, entry, event)

    def _take(self, cluster: Cluster, entry: bytes, event: Event) -> None:
        self._last = entry
        if event.kind != codes.RAN:
            return
        for ran in events.attempts(event.payload):
            name = self._names.get(ran.template)
            if name is None:
                name = self._names[ran.template] = cluster.name(self._job, ran.template)
            self.past.add(name, ran)
            if ran.ended is Ended.PASSED_ON:  # the failure is its input's
                continue
            if ran.error is not None:
                self.errors.add(name, ran)
            if ran.begun:
                self._ran(name, ran)
        self.bars.trim()

    def _ran(self, name: str, ran: events.Attempt) -> None:
        total = self.seconds.setdefault(name, [0, 0.0])
        total[0] += 1
        total[1] += ran.seconds
        self.first = min(self.first, ran.begun)
        self.last = max(self.last, ran.begun + ran.seconds)
        worker = ran.node, ran.pid
        lane = self._lanes.get(worker)
        if lane is None:
            lane = self._lanes[worker] = f"{ran.node.hex()[:8]} {ran.pid}"
        self.bars.add(Bar(ran.begun, ran.seconds, lane, name, ran.task, _ENDED[ran.ended]))

    def mean_s(self) -> dict[str, float]:
        """Seconds of an attempt, by name."""
        return {name: total / number for name, (number, total) in self.seconds.items()}
