"""How the tasks of a plan stand: how many are left, and what those wait for.

The rule: a number is exact, or it is said of how many it is.  A large plan has counts of its own
(`hyperloom.plan.detaching.COUNTED_FROM`), and some of its tasks that are left are looked at; of any
other each task is.  Counts are read first and tasks are looked at then: meanwhile a task may be
over, and hardly any comes, so what is looked at is a part of what is counted.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import ids
from hyperloom.plan.detaching import places_in
from hyperloom.plan.told import RESULTS as RESULTS  # noqa: PLC0414 - of a plan that are looked at
from hyperloom.watch import counted, overall
from hyperloom.watch.belonging import belonging, spans_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hyperloom.plan.detaching import Record
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Live

STATES = {"HELD": "running", "READY": "ready", "WAITING": "waiting"}
_SOME = 2_000  # tasks of a large plan, of a job of which not all that are left are looked at
_LOOKED_AT = 20_000  # tasks of a job that are left
_OF_PLANS = 40_000  # tasks of the small plans of such a job, the latest ones first


class Left(NamedTuple):
    """A task that is not over."""

    task: bytes
    state: str
    name: str


class Standing(NamedTuple):
    """See the module."""

    left: int  # exact
    looked_at: list[Left]  # of those
    names: list[dict[str, Any]] | None  # the functions of a large plan, with their exact counts

    @property
    def not_done(self) -> int:
        """Tasks of a large plan that failed or were cancelled; of another nobody knows here."""
        return sum(row["failed"] + row["cancelled"] for row in self.names or ())

    def states(self) -> dict[str, int]:
        """How those that were looked at stand; of all that run each was."""
        found = Counter(one.state for one in self.looked_at)
        return {state: found[state] for state in STATES.values()}

    def of_names(self) -> Counter[str]:
        """How many of those that were looked at are of each function."""
        return Counter(one.name for one in self.looked_at)


def number_of(record: Record) -> int:
    """Its tasks, those that are parts of it run again too."""
    return record.number + run_again(record)


def run_again(record: Record) -> int:
    """Tasks that were submitted when parts of it were run again."""
    return sum(span.last - span.first + 1 for _, spans in record.again for span in spans)


def results(plan: bytes, record: Record) -> Iterator[bytes]:
    """The ids of its results, in their order."""
    process = ids.ProcessID(record.process or plan)
    for at, (task, index) in enumerate(places_in(record.results)):
        own = ids.object_id(ids.task_id(process, task), index)
        yield record.others.get(at) or own


def look(cluster: Cluster, plan: bytes, record: Record) -> Standing:
    """At one plan."""
    live, job = cluster.control_plane, plan[: ids.JOB_BYTES]
    if not record.counted:
        left = _left_of(live, job, list(_tasks(plan, record)))
        return Standing(len(left), left, None)
    names = overall.by_name(cluster, job, plan)
    some = _left_of(live, job, _some(cluster, plan, record))
    return Standing(sum(row["left"] for row in names), some, names)


def lefts(
    cluster: Cluster, job: bytes, plans: Sequence[tuple[bytes, Record]]
) -> dict[bytes, int | None]:
    """How many tasks are left of each of these plans of a job, the oldest first.

    None: nobody looks, there are too many small plans in a job that has too much to do.
    """
    counted = _counts(cluster, job)
    left: dict[bytes, int | None] = {p: counted[p] for p, record in plans if record.counted}
    small = [(plan, record) for plan, record in plans if not record.counted]
    live = cluster.control_plane
    if small and counted.total() <= _LOOKED_AT:
        tasks, _ = live.tasks(job, _LOOKED_AT)
        return left | {plan: sum(map(belonging(plan, record), tasks)) for plan, record in small}
    looked_at = 0
    for plan, record in reversed(small):
        looked_at += number_of(record)
        left[plan] = None
        if looked_at <= _OF_PLANS:
            left[plan] = len(_open(live, job, list(_tasks(plan, record))))
    return left


def _counts(cluster: Cluster, job: bytes) -> Counter[bytes]:
    """Tasks that are left, exactly, by the large plan that they are of."""
    left: Counter[bytes] = Counter()
    for template, of in cluster.counts(job).items():
        left[cluster.plan(job, template)] += of["submitted"] - counted.over_in(of)
    return left


def _some(cluster: Cluster, plan: bytes, record: Record) -> list[bytes]:
    """All its tasks that are left, or, of a job that has too many, all that run and some more."""
    live, job = cluster.control_plane, plan[: ids.JOB_BYTES]
    mine = belonging(plan, record)
    if _counts(cluster, job).total() <= _LOOKED_AT:
        return list(filter(mine, live.tasks(job, _LOOKED_AT)[0]))
    held = filter(mine, live.held(job))
    makers = (oid[: ids.TASK_BYTES] for oid in islice(results(plan, record), _SOME))
    evenly = islice(_tasks(plan, record), 0, None, -(-number_of(record) // _SOME))
    return list(dict.fromkeys(chain(held, filter(mine, makers), evenly)))


def _tasks(plan: bytes, record: Record) -> Iterator[bytes]:
    """All its tasks."""
    for process, spans in spans_in(plan, record):
        of = ids.ProcessID(process)
        for first, last in spans:
            yield from (ids.task_id(of, number) for number in range(first, last + 1))


def _open(live: Live, job: bytes, tasks: Sequence[bytes]) -> list[bytes]:
    """Those that are not over."""
    found: list[bytes] = []
    for at in range(0, len(tasks), _SOME):
        part = tasks[at : at + _SOME]
        records = live.records(job, part)
        found += [task for task, of in zip(part, records, strict=True) if of is not None]
    return found


def _left_of(live: Live, job: bytes, tasks: Sequence[bytes]) -> list[Left]:
    return list(_standing(live, job, _open(live, job, tasks)))


def _standing(live: Live, job: bytes, tasks: Sequence[bytes]) -> Iterable[Left]:
    for task, of in zip(tasks, live.where(job, tasks), strict=True):
        if of.state in STATES:
            yield Left(task, STATES[of.state], of.template.name if of.template else "?")


NOT_LOOKED_AT = "not looked at"


def of_those(number: int, looked_at: int, there_are: int) -> str:
    """A number for people; of how many it is, if not all of them were looked at."""
    if looked_at >= there_are:
        return f"{number:,}"
    return f"{number:,} of the {looked_at:,} looked at"
