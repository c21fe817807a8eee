"""One plan as it runs: each function of it, what failed, how fast, and its graph.

How many tasks are left is exact.  How many of the others failed or were cancelled is exact of a
large plan, which has counts of its own, and as long as the plan is all that its job has; else it is
what events tell, each task once, and `untold` are those over of which nothing is known.

Of a plan that nobody can take up any more all is from events, and from exact counts where there are
some: how its results stood, too, as each is what became of its task.  What never ended is `left`.

The rule: a task is counted once.  Events are read, and counts, before the tasks are looked at that
are left; of one that was told to be over and is left (it is made again, or the word of it came
sooner) only that counts.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import json

from hyperloom import events, ids
from hyperloom.events import Ended
from hyperloom.gcs import codes
from hyperloom.watch import counted, graph, overall, plans, standing
from hyperloom.watch.belonging import belonging, spans_in
from hyperloom.watch.errors import Groups, in_table, with_node
from hyperloom.watch.following import Following
from hyperloom.watch.over import unattempted
from hyperloom.watch.standing import Standing

if TYPE_CHECKING:
    from hyperloom.events import Run
    from hyperloom.plan.detaching import Record
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.story import Event

_RECENT_S = 20  # by which the rate is told
_SUMMED_UP = 200  # functions, and kinds of failures, that a summary has
_ARROWS = 2_000
_TOLD = ("name", "submitted", *counted.OVER, "retried", "left")  # of each function
_UNKNOWN, _DONE, _FAILED, _CANCELLED = range(4)
_GONE = {"DONE": _DONE, "FAILED": _FAILED, "CANCELLED": _CANCELLED}
_WORD = {_DONE: "done", _FAILED: "failed", _CANCELLED: "cancelled"}
_OVER = {Ended.DONE: _DONE, Ended.FAILED: _FAILED, Ended.PASSED_ON: _FAILED}


class Row:
    """A function."""

    def __init__(self) -> None:
        self.over = [0, 0, 0, 0]  # tasks that are done, failed, cancelled, by the numbers of these
        self.retried = self.timed = 0
        self.seconds = 0.0


class Place(NamedTuple):
    """Numbers of a process's tasks in a row, and where the first is among all of the plan."""

    first: int
    last: int
    at: int


class Seen(NamedTuple):
    """What one look finds."""

    plan: plans.Listed
    record: Record
    standing: Standing
    names: list[dict[str, Any]]  # its functions


class Followed:
    """See the module.  Reads each event once, however often it is asked."""

    def __init__(self, plan: bytes) -> None:
        self.plan = plan
        self._job = plan[: ids.JOB_BYTES]
        self._begin(())

    def begin(self, plan: plans.Listed, record: Record) -> None:
        """From the first event on, if other tasks are its than before: parts were run again."""
        spans = tuple(spans_in(self.plan, record))
        if spans != self._spans:
            self._begin(spans)
            wanted = islice(standing.results(self.plan, record), standing.RESULTS)
            self._wanted += [self._at(oid[: ids.TASK_BYTES]) for oid in wanted]
            self._looked_at |= {at for at in self._wanted if at is not None}
        self._listed, self._record = plan, record

    def _begin(self, spans: tuple[tuple[bytes, tuple[tuple[int, int], ...]], ...]) -> None:
        self._spans = spans
        self._wanted: list[int | None] = []  # tasks that make its first results, by their place
        self._looked_at: set[int] = set()
        self._why: dict[int, tuple[str, str]] = {}  # of those that did not end well
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
        seen = self._see(cluster)
        if seen.plan.summary:
            return dict(seen.plan.known["look"])
        return self._told(cluster, seen)

    def _told(self, cluster: Cluster, seen: Seen) -> dict[str, Any]:
        about = plans.show(seen.plan, seen.record, seen.standing, self.results(cluster))
        left, over = about["left"], {w: sum(r[w] for r in seen.names) for w in counted.OVER}
        if seen.standing.names is not None:
            # Of a task that went on as another, or was made again, the counts have both.
            over["done"] = about["tasks"] - left - over["failed"] - over["cancelled"]
        goes_on = bool(left) and cluster.is_open(self._job)
        rate = self._rate(time.time()) if goes_on else None
        return {
            **about, **{f"tasks_{what}": number for what, number in over.items()},
            "untold": about["tasks"] - counted.over_in(over) - left, "names": seen.names,
            "errors": in_table(self._job, self.errors),
            "began": self._first if self._last else None, "ended": self._last or None,
            "goes_on": goes_on, "rate": rate, "left_s": left / rate if rate else None,
        }  # fmt: skip

    def graph(self, cluster: Cluster, *, singly: bool = True) -> dict[str, Any]:
        """Its tasks, or, of many, its functions.

        Raises:
            errors.NotFound: the plan went just now.
        """
        seen = self._see(cluster)
        if seen.plan.summary:
            return dict(seen.plan.known["graph"])
        return self._drawn(cluster, seen, singly=singly)

    def _drawn(self, cluster: Cluster, seen: Seen, *, singly: bool) -> dict[str, Any]:
        part = graph.Part(
            seen.names, belonging(self.plan, seen.record),
            [one.task for one in seen.standing.looked_at],
        )  # fmt: skip
        return graph.look(cluster, self._job, self.past, singly=singly, part=part)

    def summary(self, cluster: Cluster) -> bytes:
        """All that can be known of one whose job is over, and what was taken in of it."""
        seen = self._seen(cluster)
        drawn = self._drawn(cluster, seen, singly=False)
        look = self._told(cluster, seen)
        for group in look["errors"]:
            del group["traceback"], group["traceback_of"]  # long, and as long as its entries
        look["names"], look["errors"] = look["names"][:_SUMMED_UP], look["errors"][:_SUMMED_UP]
        drawn["arrows"] = drawn["arrows"][:_ARROWS]
        return json.encode({"look": look, "graph": drawn})

    def in_table(self, cluster: Cluster) -> dict[str, Any]:
        """How many of its tasks ended in which way, and how its results stood."""
        over = {_WORD[state]: self._state.count(state) for state in (_DONE, _FAILED, _CANCELLED)}
        return {
            **self.results(cluster).about, **{f"tasks_{of}": n for of, n in over.items()},
            **plans.exact(cluster, self._listed, self._record),
        }  # fmt: skip

    def results(self, cluster: Cluster) -> plans.Tally:
        """How its results stand, or stood when it was let go of."""
        if self._listed.told_from == plans.CLUSTER:
            return plans.how_it_stands(cluster, self._listed, self._record)
        states = Counter(_DONE if at is None else self._state[at] for at in self._wanted)
        made = states[_DONE] + states[_FAILED] + states[_CANCELLED]
        why = Counter(
            self._why.get(at, ("?", "?"))
            for at in self._wanted
            if at is not None and self._state[at] in {_FAILED, _CANCELLED}
        )
        return plans.tally(
            self._listed, len(self._wanted), made, states[_FAILED], states[_CANCELLED], why
        )

    def _see(self, cluster: Cluster) -> Seen:
        plan, record = plans.found(cluster, self.plan)
        self.begin(plan, record)
        if plan.summary:
            return Seen(plan, record, Standing(0, [], None), [])
        for event in self._following.read_on(cluster):
            self.take(cluster, event)
        oldest = int(time.time()) - 3 * _RECENT_S
        self._ends = Counter({at: n for at, n in self._ends.items() if at >= oldest})
        return self._seen(cluster)

    def _seen(self, cluster: Cluster) -> Seen:
        plan, record = self._listed, self._record
        counts = overall.by_name(cluster, self._job)
        if cluster.is_open(self._job):
            stands = standing.look(cluster, self.plan, record)
        else:
            stands = self.over(cluster, counts)
        names = [{name: row[name] for name in _TOLD} for row in self._names(counts, stands)]
        for row in names:
            of = self._rows.get(row["name"])
            row["mean_s"] = of.seconds / of.timed if of and of.timed else None
        names.sort(key=lambda row: (-row["submitted"], row["name"]))
        return Seen(plan, record, stands, names)

    def over(self, cluster: Cluster, counts: list[dict[str, Any]]) -> Standing:
        """Of one whose job is over: how many of its tasks never ended; `counts` are the job's."""
        plan, record = self._listed, self._record
        if record.counted:
            names = overall.by_name(cluster, self._job, self.plan)
            return Standing(sum(row["left"] for row in names), [], names)
        if sum(row["submitted"] for row in counts) == len(self._state):  # its job had nothing else
            return Standing(sum(row["left"] for row in counts), [], counts)
        over = len(self._state) - self._state.count(_UNKNOWN)
        never = sum(row["left"] for row in counts)  # of the job's tasks
        return Standing(min(never, plans.number_of(plan, record) - over), [], None)

    def _names(self, counts: list[dict[str, Any]], stands: Standing) -> list[dict[str, Any]]:
        """The functions, with their counts."""
        if stands.names is not None:
            return stands.names
        left = stands.of_names()
        if sum(row["submitted"] for row in counts) == len(self._state):
            return [
                {
                    **row, "left": left[row["name"]],
                    "done": row["submitted"] - row["failed"] - row["cancelled"] - left[row["name"]],
                }
                for row in counts
            ]  # fmt: skip
        over = {name: [*of.over] for name, of in self._rows.items()}
        for one in stands.looked_at:
            at = self._at(one.task)
            if at is not None and self._state[at] != _UNKNOWN:
                over[one.name][self._state[at]] -= 1
        rows = []
        for name in dict.fromkeys([*over, *left]):
            _, *ends = over.get(name, Row().over)
            rows.append({
                "name": name, "submitted": sum(ends) + left[name],
                **dict(zip(counted.OVER, ends, strict=True)), "left": left[name],
                "retried": self._rows[name].retried if name in over else 0,
            })  # fmt: skip
        return rows

    def _rate(self, now: float) -> float | None:
        """Tasks a second that were over lately."""
        if not self._last:
            return None
        since = max(int(now) - _RECENT_S, int(self._first))
        number = sum(n for second, n in self._ends.items() if second >= since)
        return number / max(1.0, now - since)

    # -- what it takes ----------------------------------------------------------------------

    def take(self, cluster: Cluster, event: Event) -> None:
        """One more."""
        for lost in with_node(event):
            if self._at(lost.task) is not None:
                self.errors.add(cluster.name(self._job, lost.template), lost)
        if event.kind == codes.RAN:
            told = events.ran(event.payload)
            for run in told.runs:
                if any(process in run.tasks for process in self._places):
                    self.ran(cluster, told.node, run)
            return
        gone = unattempted(event)
        if gone is None:
            return
        for task, template in gone.templates.items():
            at = self._at(task)
            if at is not None:
                name = cluster.name(self._job, template)
                self._is_over(at, self._row(name), _GONE[gone.state])
                self._ends[int(event.at)] += 1
                if at in self._looked_at:
                    self._why[at] = name, gone.error or f"{name} was cancelled; it has no result"

    def ran(self, cluster: Cluster, node: bytes, run: Run) -> None:
        """Attempts of a worker, some of which may be of its tasks."""
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
                error = events.Error(*run.errors[n]) if n in run.errors else None
                cancelled = error is not None and error.is_cancelled
                if error is not None and at in self._looked_at:
                    self._why[at] = error.name or name, error.text
                self._is_over(at, row, _CANCELLED if cancelled else _OVER[Ended(ended)])
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


def show(cluster: Cluster, plan: bytes) -> dict[str, Any]:
    """Once.

    Raises:
        errors.NotFound: it went just now.
    """
    return Followed(plan).look(cluster)


def whose(cluster: Cluster, task: bytes) -> list[dict[str, Any]]:
    """Which of the latest plans that can be taken up a task is of."""
    job = task[: ids.JOB_BYTES]
    found = list(plans.recorded(cluster.control_plane, job)) if cluster.is_open(job) else []
    found += plans.bygone(cluster, job)
    return [
        {"id": plan.id.hex(), "short": ids.short(plan.id), "label": plan.about["label"]}
        for plan, record in found
        if belonging(plan.id, record)(task)
    ]
