"""What happened to the tasks of one job, followed entry by entry, kept as far as pages need it.

Rows of attempts are taken as columns: there may be a million to be read when somebody looks.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import numpy as np

from hyperloom import events
from hyperloom.dashboard.bars import Bars, rows_of
from hyperloom.events import Ended
from hyperloom.gcs import codes
from hyperloom.ids import TASK_BYTES, TEMPLATE_BYTES, cut
from hyperloom.watch.errors import Groups, with_node
from hyperloom.watch.following import Following
from hyperloom.watch.graph import Past

if TYPE_CHECKING:
    from hyperloom.dashboard.bars import Column, Rows
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.story import Event

_BARS_MOST = 1_000_000  # the latest


class Tail:
    """See the module.  `catch_up` reads what came since the last time.

    There may be much of it: who shows what is known so far reads a part at a time.
    """

    def __init__(self, job: bytes) -> None:
        self._job = job
        self._following = Following(job)
        self.behind = False  # there was more to read
        self.done = 0  # attempts that made a result
        self._names: dict[bytes, str] = {}
        self.bars = Bars(_BARS_MOST)
        self.first, self.last = float("inf"), 0.0  # begin and end of what ran
        self.seconds: dict[str, list[float]] = {}  # by name: number, sum
        self.errors = Groups()
        self.past = Past()

    def catch_up(self, cluster: Cluster, most: float = inf) -> None:
        """Read on, all or about so many attempts; a history that is alone is read as a whole."""
        self.behind = False
        left = most if cluster.live is not None else inf
        for event in self._following.read_on(cluster):
            left -= self._take(cluster, event)
            if left <= 0:
                self.behind = True
                return

    def _take(self, cluster: Cluster, event: Event) -> int:
        """How many attempts it tells of."""
        for lost in with_node(event):
            self.errors.add(cluster.name(self._job, lost.template), lost)
        if event.kind != codes.RAN:
            return 0
        told = events.ran(event.payload)
        rows = rows_of(told.runs)
        self.done += int(np.count_nonzero(rows["ended"] == Ended.DONE))
        names, of = self._named(cluster, rows["template"])
        self._remember(told, rows, names, of)
        lanes = [self.bars.lane(f"{told.node.hex()[:8]} {run.pid}") for run in told.runs]
        lane = np.repeat(lanes, [len(run) for run in told.runs])
        # What an input passed on is the input's failure; what has no begin never ran.
        ran = (rows["ended"] != Ended.PASSED_ON) & (rows["begun"] > 0)
        if ran.any():
            self._ran(rows[ran], lane[ran], names, of[ran])
        return len(rows)

    def _named(self, cluster: Cluster, templates: Column) -> tuple[list[str], Column]:
        """The functions that are there, and for each row which."""
        found, of = np.unique(templates, return_inverse=True)
        names = []
        for short in found.tolist():
            template = short.ljust(TEMPLATE_BYTES, b"\0")  # numpy cuts zeros off
            if template not in self._names:
                self._names[template] = cluster.name(self._job, template)
            names.append(self._names[template])
        return names, of

    def _remember(self, told: events.Ran, rows: Rows, names: list[str], of: Column) -> None:
        """What failed, and who took what from whom: of the few rows that have such a thing."""
        tasks = cut(rows["task"].tobytes(), TASK_BYTES)
        self.past.name_all(zip(tasks, [names[n] for n in of.tolist()], strict=True))
        at = 0
        for run in told.runs:
            singly = range(len(run)) if self.past.singly is not None else ()
            for n in sorted({*run.errors, *run.inputs, *singly}):
                ran, name = events.attempt(told.node, run, n), names[of[at + n]]
                self.past.add(name, ran)
                if ran.error is not None and ran.ended is not Ended.PASSED_ON:
                    self.errors.add(name, ran)
            at += len(run)

    def _ran(self, rows: Rows, lane: Column, names: list[str], of: Column) -> None:
        numbers, seconds = np.bincount(of), np.bincount(of, rows["seconds"])
        for n in np.flatnonzero(numbers).tolist():
            total = self.seconds.setdefault(names[n], [0, 0.0])
            total[0] += int(numbers[n])
            total[1] += float(seconds[n])
        ends = rows["begun"] + rows["seconds"]
        self.first = min(self.first, float(rows["begun"].min()))
        self.last = max(self.last, float(ends.max()))
        self.bars.add_rows(rows, lane, np.array([self.bars.name(name) for name in names])[of])
        self.bars.trim()

    def mean_s(self) -> dict[str, float]:
        """Seconds of an attempt, by name."""
        return {name: total / number for name, (number, total) in self.seconds.items()}
