"""One plan as it runs: each function of it, what failed, how fast, and its graph.

How many tasks are done and failed is exact as long as the plan is all that its job has; else it is
what events tell, each task once, and `untold` are those over of which nothing is known.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import events, ids
from hyperloom.events import Ended
from hyperloom.gcs import codes
from hyperloom.watch import graph, overall, plans
from hyperloom.watch.errors import Groups, with_node
from hyperloom.watch.following import Following
from hyperloom.watch.over import unattempted

if TYPE_CHECKING:
    from hyperloom.events import Run
    from hyperloom.plan.detaching import Record
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.story import Event

_RECENT_S = 20  # by which the rate is told
_UNKNOWN, _DONE, _FAILED = range(3)
_OVER = {Ended.DONE: _DONE, Ended.FAILED: _FAILED, Ended.PASSED_ON: _FAILED}


class Row:
    """A function."""

    def __init__(self) -> None:
        self.over = [0, 0, 0]  # tasks that are done and failed, by the numbers of these
        self.retried = self.timed = 0
        self.seconds = 0.0


class Place(NamedTuple):
    """Numbers of a process's tasks in a row, and where the first is among all of the plan."""

    first: int
    last: int
    at: int


class Followed:
    """See the module.  Reads each event once, however often it is asked."""

    def __init__(self, plan: bytes) -> None:
        self.plan = plan
        self._job = plan[: ids.JOB_BYTES]
        self._begin(())

    def _begin(self, spans: tuple[tuple[bytes, tuple[tuple[int, int], ...]], ...]) -> None:
        self._spans = spans
        self._following = Following(self._job)
        self._places: dict[bytes, list[Place]] = {}
        number = 0
        for process, some in spans:
            for first, last in some:
                self._places.setdefault(process, []).append(Place(first, last, number))
                number += last + 1 - first
        self._state = bytearray(number)
        self._rows: dict[str, Row] = {}
        self._ends: Counter[int] = Counter()  # by the second
        self._first, self._last = float("inf"), 0.0
        self.errors = Groups()
        self.past = graph.Past()

    # -- what it tells ----------------------------------------------------------------------

    def look(self, cluster: Cluster) -> dict[str, Any]:
        """What `plans.show` tells; its functions, its failures together, rate and time left.

        Raises:
            errors.NotFound: the plan went just now.
        """
        looked = plans.looked_at(cluster, self.plan)
        self._catch_up(cluster, looked.record)
        names = self._names(cluster, looked.left)
        done, failed = (sum(row[what] for row in names) for what in ("done", "failed"))
        number = len(self._state)
        told = [row["left"] for row in names]
        left = max(0, number - done - failed) if None in told or not told else sum(told)
        rate = self._rate(time.time()) if left else None
        return {
            **looked.about, "left": left, "tasks_done": done, "tasks_failed": failed,
            "untold": max(0, number - done - failed - left), "names": names,
            "errors": [
                {"job": self._job.hex(), **row, "error": row["text"]} for row in self.errors.rows()
            ],
            "began": self._first if self._last else None, "ended": self._last or None,
            "rate": rate, "left_s": left / rate if rate else None,
        }  # fmt: skip

    def graph(self, cluster: Cluster, *, singly: bool = True) -> dict[str, Any]:
        """Its tasks, or, of many, its functions.

        Raises:
            errors.NotFound: the plan went just now.
        """
        looked = plans.looked_at(cluster, self.plan)
        self._catch_up(cluster, looked.record)
        part = graph.Part(
            self._names(cluster, looked.left), plans.belonging(self.plan, looked.record)
        )
        return graph.look(cluster, self._job, self.past, singly=singly, part=part)

    def _names(self, cluster: Cluster, left: Counter[str] | None) -> list[dict[str, Any]]:
        """The functions, those with most tasks first."""
        counts = overall.counts(cluster, self._job)
        rows = [{name: row[name] for name in row if name != "job"} for row in counts]
        if sum(row["submitted"] for row in counts) != len(self._state):
            known = dict.fromkeys([*self._rows, *(left or ())])
            rows = [_told(name, self._rows.get(name) or Row(), left) for name in known]
        for row in rows:
            of = self._rows.get(row["name"])
            row["mean_s"] = of.seconds / of.timed if of and of.timed else None
        return sorted(rows, key=lambda row: (-row["submitted"], row["name"]))

    def _rate(self, now: float) -> float | None:
        """Tasks a second that were over lately."""
        if not self._last:
            return None
        since = max(int(now) - _RECENT_S, int(self._first))
        number = sum(n for second, n in self._ends.items() if second >= since)
        return number / max(1.0, now - since)

    # -- what it takes ----------------------------------------------------------------------

    def _catch_up(self, cluster: Cluster, record: Record) -> None:
        spans = tuple(plans.spans_in(self.plan, record))
        if spans != self._spans:  # parts of it were run again
            self._begin(spans)
        for event in self._following.read_on(cluster):
            self._take(cluster, event)
        oldest = int(time.time()) - 3 * _RECENT_S
        self._ends = Counter({at: n for at, n in self._ends.items() if at >= oldest})

    def _take(self, cluster: Cluster, event: Event) -> None:
        for lost in with_node(event):
            if self._at(lost.task) is not None:
                self.errors.add(cluster.name(self._job, lost.template), lost)
        if event.kind == codes.RAN:
            told = events.ran(event.payload)
            for run in told.runs:
                if any(process in run.tasks for process in self._places):
                    self._ran(cluster, told.node, run)
            return
        gone = unattempted(event)
        for task, template in gone.templates.items() if gone is not None else ():
            at = self._at(task)
            if at is not None:
                state = _DONE if gone is not None and gone.state == "DONE" else _FAILED
                self._is_over(at, self._row(cluster.name(self._job, template)), state)
                self._ends[int(event.at)] += 1

    def _ran(self, cluster: Cluster, node: bytes, run: Run) -> None:
        seconds, began = array("f", run.seconds), array("d", run.began)
        named: dict[bytes, str] = {}
        mine: dict[int, str] = {}
        templates = ids.cut(run.each_template(), ids.TEMPLATE_BYTES)
        for n, (task, _, ended) in enumerate(run.ends()):
            at = self._at(task)
            if at is None:
                continue
            name = named.get(templates[n])
            if name is None:
                name = named[templates[n]] = cluster.name(self._job, templates[n])
            mine[n] = name
            row = self._row(name)
            row.retried += ended == Ended.RETRIED
            if began[n] and ended != Ended.PASSED_ON:
                begun = began[n] + run.epoch
                row.timed += 1
                row.seconds += seconds[n]
                self._first = min(self._first, begun)
                self._last = max(self._last, begun + seconds[n])
            if ended in _OVER:
                self._is_over(at, row, _OVER[Ended(ended)])
                self._ends[int(began[n] + run.epoch + seconds[n])] += 1
        self._remember(node, run, mine)

    def _remember(self, node: bytes, run: Run, mine: dict[int, str]) -> None:
        """What failed, and who took what from whom."""
        tasks = ids.cut(run.tasks, ids.TASK_BYTES)
        self.past.name_all((tasks[n], name) for n, name in mine.items())
        singly = mine if self.past.singly is not None else ()
        for n in sorted({*run.errors, *run.inputs, *singly} & mine.keys()):
            ran = events.attempt(node, run, n)
            self.past.add(mine[n], ran)
            if ran.error is not None and ran.ended is not Ended.PASSED_ON:
                self.errors.add(mine[n], ran)

    def _at(self, task: bytes) -> int | None:
        """Where a task is among those of the plan; None: it is none of them."""
        places = self._places.get(task[: ids.PROCESS_BYTES])
        if places is not None:
            number = ids.number_of(task)
            for first, last, at in places:
                if first <= number <= last:
                    return at + number - first
        return None

    def _row(self, name: str) -> Row:
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = Row()
        return row

    def _is_over(self, at: int, row: Row, state: int) -> None:
        """Once more, if its result was lost and made again."""
        before = self._state[at]
        if before != state:
            row.over[before] -= before != _UNKNOWN
            row.over[state] += 1
            self._state[at] = state


def _told(name: str, row: Row, left: Counter[str] | None) -> dict[str, Any]:
    """A row of a function, as far as it is known."""
    _, done, failed = row.over
    more = left[name] if left is not None else None
    return {
        "name": name, "submitted": done + failed + (more or 0), "done": done, "failed": failed,
        "retried": row.retried, "left": more,
    }  # fmt: skip


def show(cluster: Cluster, plan: bytes) -> dict[str, Any]:
    """Once.

    Raises:
        errors.NotFound: it went just now.
    """
    return Followed(plan).look(cluster)


def whose(cluster: Cluster, task: bytes) -> list[dict[str, Any]]:
    """Which of the latest plans that can be taken up a task is of."""
    job = task[: ids.JOB_BYTES]
    found = plans.recorded(cluster.control_plane, job) if cluster.is_open(job) else ()
    return [
        {"id": plan.id.hex(), "short": ids.short(plan.id), "label": plan.about["label"]}
        for plan, record in found
        if plans.belonging(plan.id, record)(task)
    ]
