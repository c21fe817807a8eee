"""Plans that nobody can take up any more, as history tells them: in a table, and summed up.

What is known of such a plan are the events of its job (`hyperloom.watch.followed`).  The rule: the
events of a job are read once for all of its plans, and what cannot change any more is not read
again.  Before they go, what they tell of its plans is summed up, and stays.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from hyperloom import events, ids
from hyperloom.gcs import codes
from hyperloom.watch import overall, plans, standing
from hyperloom.watch.belonging import spans_in
from hyperloom.watch.followed import Followed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hyperloom.plan.detaching import Record
    from hyperloom.watch.cluster import Cluster

_AGAIN_S = 30.0  # by who looks again and again, the events of a job are read so seldom
_KEPT_MOST = 5_000  # rows of plans that cannot change any more
_IN_TABLE = (
    "looked_at", "there", "failed", "cancelled", "there_text", "failed_text", "cancelled_text",
    "tasks_done", "tasks_failed", "tasks_cancelled",
)  # fmt: skip


class Bygone:
    """Rows of a table, for who may look again."""

    def __init__(self) -> None:
        self._rows: dict[bytes, dict[str, Any]] = {}  # of plans that cannot change any more
        self._read: dict[bytes, tuple[float, list[dict[str, Any]]]] = {}  # job -> when, and what

    def table(
        self, cluster: Cluster, jobs: Sequence[bytes], also: Sequence[bytes] = ()
    ) -> list[dict[str, Any]]:
        """The plans of these jobs that can be taken up; then those that could be, the latest first.

        Of other jobs `also` those that could be.
        """
        there = [job for job in jobs if cluster.is_open(job)]
        rows = plans.counted(cluster, there) if there else []
        for job in dict.fromkeys([*jobs, *also]):
            rows += self._of_job(cluster, job)
        return rows

    def _of_job(self, cluster: Cluster, job: bytes) -> list[dict[str, Any]]:
        gone = plans.bygone(cluster, job)
        unknown = [each for each in gone if each[0].id not in self._rows]
        at, before = self._read.get(job, (-math.inf, []))
        fresh = {row["id"]: row for row in before}
        if unknown and time.monotonic() - at >= _AGAIN_S:
            read = list(_rows(cluster, job, unknown))
            fresh = {row["id"]: row for row in read}
            self._read[job] = time.monotonic(), read
            if cluster.jobs().get(job, {}).get("state") == "ended":  # the last event is there
                self._rows |= {bytes.fromhex(row["id"]): row for row in read}
                for old in list(self._rows)[:-_KEPT_MOST]:
                    del self._rows[old]
        found = (self._rows.get(each.id) or fresh.get(each.id.hex()) for each, _ in gone)
        return [row for row in found if row]


def _rows(
    cluster: Cluster, job: bytes, gone: Sequence[tuple[plans.Listed, Record]]
) -> Iterator[dict[str, Any]]:
    many = follow(cluster, job, [each for each in gone if not each[0].summary])
    counts = overall.by_name(cluster, job)
    left: dict[bytes, int | None] = {}
    if cluster.is_open(job):
        left = standing.lefts(cluster, job, [(plan.id, of) for plan, of in reversed(gone)])
    for plan, record in gone:
        one = many.get(plan.id)
        if one is None:
            about = plan.known["look"]
            number = about["left"]
        else:
            about = one.in_table(cluster)
            number = left[plan.id] if left else one.over(cluster, counts).left
        yield {
            **plans.row_of(plan, record, number),
            **{name: about[name] for name in _IN_TABLE if name in about},
        }


def sum_up(cluster: Cluster, job: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Of each plan of a job that is over: what is to be kept when its events go."""
    gone = [each for each in plans.bygone(cluster, job) if not each[0].summary]
    for plan, one in follow(cluster, job, gone).items():
        yield plan, one.summary(cluster)


def follow(
    cluster: Cluster, job: bytes, gone: Iterable[tuple[plans.Listed, Record]]
) -> dict[bytes, Followed]:
    """These plans of a job, with all that is told of them: read once."""
    many = {plan.id: Followed(plan.id) for plan, _ in gone}
    for plan, record in gone:
        many[plan.id].begin(plan, record)
    whose = _whose({plan.id: list(spans_in(plan.id, record)) for plan, record in gone})
    for event in cluster.events(job) if many else ():
        if event.kind != codes.RAN:
            for one in many.values():
                one.take(cluster, event)
            continue
        told = events.ran(event.payload)
        for run in told.runs:
            for plan_id in dict.fromkeys(map(whose, ids.cut(run.tasks, ids.TASK_BYTES))):
                if plan_id is not None:
                    many[plan_id].ran(cluster, told.node, run)
    return many


def _whose(
    spans: dict[bytes, list[tuple[bytes, tuple[tuple[int, int], ...]]]],
) -> Callable[[bytes], bytes | None]:
    """Which of these plans a task is of."""
    starts: dict[bytes, list[tuple[int, int, bytes]]] = {}
    for plan, of in spans.items():
        for process, numbers in of:
            starts.setdefault(process, []).extend((first, last, plan) for first, last in numbers)
    for each in starts.values():
        each.sort()

    def whose(task: bytes) -> bytes | None:
        mine = starts.get(task[: ids.PROCESS_BYTES])
        if mine is None:
            return None
        number = ids.number_of(task)
        at = bisect_right(mine, number, key=lambda span: span[0]) - 1
        return mine[at][2] if at >= 0 and number <= mine[at][1] else None

    return whose
