"""What happened to the tasks of one job, followed entry by entry, kept as far as pages need it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hyperloom import events, ids
from hyperloom.dashboard.stream import Bar
from hyperloom.events import Ended
from hyperloom.gcs import codes

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.story import Event

_BARS_MOST = 300_000  # the latest; some forty megabytes
_ERRORS_MOST = 500  # different ones
_ENDED = {Ended.DONE: "done", Ended.FAILED: "failed", Ended.RETRIED: "retried"}


class Tail:
    """See the module.  `catch_up` reads what came since the last time."""

    def __init__(self, job: bytes) -> None:
        self._job = job
        self._last = b"-"
        self._names: dict[bytes, str] = {}
        self.bars: list[Bar] = []
        self.seconds: dict[str, list[float]] = {}  # by name: number, sum
        self.errors: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.dropped = 0  # bars that are not kept any more

    def catch_up(self, cluster: Cluster) -> None:
        """Read on; what a history has, first."""
        if self._last == b"-" and cluster.history is not None:
            for entry, event in cluster.history.entries(self._job):
                self._take(cluster, entry, event)
        if cluster.live is not None:
            for entry, event in cluster.live.entries(self._job, self._last):
                self._take(cluster, entry, event)
        if len(self.bars) > _BARS_MOST:
            self.dropped += len(self.bars) - _BARS_MOST
            del self.bars[: len(self.bars) - _BARS_MOST]

    def _take(self, cluster: Cluster, entry: bytes, event: Event) -> None:
        self._last = entry
        if event.kind != codes.RAN:
            return
        for ran in events.attempts(event.payload):
            name = self._names.get(ran.template)
            if name is None:
                name = self._names[ran.template] = cluster.name(self._job, ran.template)
            if ran.ended is Ended.PASSED_ON:  # the failure is its input's
                continue
            if ran.error is not None:
                self._failed(name, ran)
            if not ran.begun:
                continue
            total = self.seconds.setdefault(name, [0, 0.0])
            total[0] += 1
            total[1] += ran.seconds
            lane = f"{ran.node.hex()[:8]} {ran.pid}"
            self.bars.append(
                Bar(ran.begun, ran.seconds, lane, name, ran.task.hex(), _ENDED[ran.ended])
            )

    def _failed(self, name: str, ran: events.Attempt) -> None:
        assert ran.error is not None
        key = (name, ran.error.category, ran.error.text)
        known = self.errors.get(key)
        if known is None:
            if len(self.errors) >= _ERRORS_MOST:
                return
            known = self.errors[key] = {
                "name": name, "category": ran.error.category, "text": ran.error.text,
                "count": 0, "first": ran.begun, "tasks": [],
            }  # fmt: skip
        known["count"] += 1
        known["last"] = ran.begun + ran.seconds
        if len(known["tasks"]) < 20:  # noqa: PLR2004 - enough to look at
            known["tasks"].append({"id": ran.task.hex(), "short": ids.short(ran.task)})

    def mean_s(self) -> dict[str, float]:
        """Seconds of an attempt, by name."""
        return {name: total / number for name, (number, total) in self.seconds.items()}

    def ended(self) -> Counter[str]:
        """How the kept attempts ended."""
        return Counter(bar.ended for bar in self.bars)
