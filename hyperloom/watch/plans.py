"""Plans that can be taken up: detached ones, and those of programs that run; and one of them.

The rule: which tasks are a plan's follows from its record, and how many of them are left is exact
(`hyperloom.watch.standing`).  Of its results the first are looked at, and what is said of them says
so.  A plan that nobody can take up any more is told from history (`hyperloom.watch.bygone`), and
that is said of it.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs

from hyperloom import errors, failures, ids
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import fcall
from hyperloom.plan.detaching import Record, decoded
from hyperloom.plan.told import decoded as decoded_told
from hyperloom.watch import counted as counted_as
from hyperloom.watch import overall, standing
from hyperloom.watch.belonging import belonging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hyperloom.watch.cluster import Cluster, Found
    from hyperloom.watch.history import Planned
    from hyperloom.watch.live import Live
    from hyperloom.watch.standing import Standing

_AT_ONCE = 500
_LISTED = 500  # plans of a job whose records are read
_FAILURES = 10
CLUSTER, HISTORY = "cluster", "history"  # from where a plan is told
FROM_HISTORY = (
    "history: such a plan was released, or its program or cluster ended, and nobody can take it up "
    "any more"
)


class Listed(NamedTuple):
    """A plan that can be taken up; or could be: then it is told from history."""

    id: bytes
    about: dict[str, Any]
    detached: bool
    told_from: str = CLUSTER
    summary: bytes = b""  # what is known of it, if the entries of its job went

    @property
    def known(self) -> dict[str, Any]:
        """That."""
        told: dict[str, Any] = json.loads(self.summary)
        return told


class Tally(NamedTuple):
    """How results stand."""

    about: dict[str, Any]  # how many were looked at, are there, failed, were cancelled
    why: Counter[tuple[str, str]]  # of those that failed or were cancelled: whose word, its words


def listed(live: Live, job: bytes) -> list[Listed]:
    """Those of a job, the oldest first."""
    ns = keys.job_namespace(job)
    flat = live.wire.call(*fcall("owner_list", ns))
    found = [
        Listed(owner, json.loads(about[1:]), detached=True)
        for owner, about in zip(flat[::2], flat[1::2], strict=True)
        if about[:1] == codes.DETACHED
    ]
    flat = live.wire.call(*fcall("plan_list", ns))
    found += [
        Listed(plan, json.loads(about), detached=False)
        for plan, about in zip(flat[1::3], flat[2::3], strict=True)
    ]
    return sorted(found, key=lambda each: each.about["at"])


def counted(cluster: Cluster, jobs: Iterable[bytes]) -> list[dict[str, Any]]:
    """The plans of these jobs: how many tasks are `left`, and how their results stand.

    `left` is None where nobody looks (`standing.lefts`).  Of the first results (`looked_at`) so
    many are `there`, and of these `failed` and were `cancelled`.
    """
    live = cluster.control_plane
    rows = []
    for job in jobs:
        found = list(recorded(live, job))
        left = standing.lefts(cluster, job, [(each.id, record) for each, record in found])
        for each, record in found:
            row = row_of(each, record, left[each.id])
            rows.append({**row, **_tally(live, each, record).about, **exact(cluster, each, record)})
    return rows


def exact(cluster: Cluster, plan: Listed, record: Record) -> dict[str, Any]:
    """What of a row of a large plan is known exactly, whatever was looked at; nothing of another.

    What failed or was cancelled is told of its tasks: these are counted, and not its results.
    """
    if not record.counted:
        return {}
    names = overall.by_name(cluster, plan.id[: ids.JOB_BYTES], plan.id)
    over = {what: sum(row[what] for row in names) for what in counted_as.OVER}
    some = plan.about["results"] > standing.RESULTS
    texts = {f"{what}_text": _tasks(over[what]) for what in ("failed", "cancelled") if some}
    if some and not any(row["left"] for row in names):  # else it is said of how many it is
        texts["there_text"] = f"{plan.about['results']:,}"
    return {**{f"tasks_{what}": number for what, number in over.items()}, **texts}


def _tasks(number: int) -> str:
    return f"{number:,} task{'' if number == 1 else 's'}" if number else "0"


def recorded(live: Live, job: bytes) -> Iterator[tuple[Listed, Record]]:
    """The latest plans of a job, the oldest first."""
    for each in listed(live, job)[-_LISTED:]:
        record = _record(live, each.id)
        if record is not None:  # else it went just now
            yield each, record


def _tally(live: Live, plan: Listed, record: Record) -> Tally:
    """Of its results, as they are."""
    oids = list(islice(standing.results(plan.id, record), standing.RESULTS))
    name = keys.OBJECT.name(keys.job_namespace(plan.id[: ids.JOB_BYTES]))
    there, bad = 0, list[bytes]()
    for at in range(0, len(oids), _AT_ONCE):
        (part,) = live.ask([("HMGET", name, *oids[at : at + _AT_ONCE])])
        values = [value for value in part if value is not None]
        there += len(values)
        bad += [value for value in values if value[:1] == codes.FAILURE]
    cancelled = sum(value.startswith(codes.WAS_CANCELLED) for value in bad)
    told = (failures.decode(value[1:]) for value in bad)
    why = Counter((one.name or "?", one.text.partition("\n")[0]) for one in told)
    return tally(plan, len(oids), there, len(bad) - cancelled, cancelled, why)


def tally(  # noqa: PLR0913, PLR0917 - what was counted
    plan: Listed,
    looked_at: int,
    there: int,
    failed: int,
    cancelled: int,
    why: Counter[tuple[str, str]],
) -> Tally:
    """What is said of so many results."""
    counts = {"there": there, "failed": failed, "cancelled": cancelled}
    texts = {
        f"{what}_text": standing.of_those(number, looked_at, plan.about["results"])
        for what, number in counts.items()
    }
    return Tally({"looked_at": looked_at, **counts, **texts}, why)


def row_of(plan: Listed, record: Record, left: int | None) -> dict[str, Any]:
    """What it is, and how many tasks are left; None: nobody looked."""
    again = standing.run_again(record)
    text = standing.NOT_LOOKED_AT if left is None else f"{left:,}"
    told = {"told_from_text": FROM_HISTORY} if plan.told_from == HISTORY else {}
    return {
        "id": plan.id.hex(), "short": ids.short(plan.id),
        "job": plan.id[: ids.JOB_BYTES].hex(), "detached": plan.detached, "left": left,
        "left_text": text, **plan.about, "tasks": number_of(plan, record), "run_again": again,
        "told_from": plan.told_from, **told,
    }  # fmt: skip


def number_of(plan: Listed, record: Record) -> int:
    """How many tasks it has, those run again too; a record that was told may lack some."""
    submitted: int = plan.about["tasks"]
    return max(standing.number_of(record), submitted + standing.run_again(record))


def _record(live: Live, plan: bytes) -> Record | None:
    ns = keys.job_namespace(plan[: ids.JOB_BYTES])
    text = live.wire.call(*fcall("owner_record", ns, plan))
    return None if text is None else decoded(text)


def belonging_to(cluster: Cluster, plan: bytes) -> Callable[[bytes], bool]:
    """The same, of a plan that can be taken up.

    Raises:
        errors.NotFound: it went just now.
    """
    _, record = found(cluster, plan)
    return belonging(plan, record)


def tasks_of(cluster: Cluster, found: Found) -> Callable[[bytes], bool]:
    """Whether a task is what was found, or has to do with it: of a plan, a job, an object."""
    if found.kind == "plan":
        return belonging_to(cluster, found.id)
    begins = found.id[: ids.TASK_BYTES]
    return lambda task: task.startswith(begins)


# -- one plan -------------------------------------------------------------------------------


def found(cluster: Cluster, plan: bytes) -> tuple[Listed, Record]:
    """What is written down of it.

    Raises:
        errors.NotFound: it went just now, and is not recorded, or not yet.
    """
    live = cluster.live
    if live is not None:
        there = [each for each in listed(live, plan[: ids.JOB_BYTES]) if each.id == plan]
        record = _record(live, plan)
        if there and record is not None:
            return there[0], record
    known = None if cluster.history is None else cluster.history.plan(plan)
    if known is None:
        raise errors.NotFound(
            f"plan {plan.hex()} went just now: it was released, and nothing of it is recorded"
        )
    return _of_history(known)


def _of_history(known: Planned) -> tuple[Listed, Record]:
    """One that was recorded."""
    told = decoded_told(known.told)
    about = structs.asdict(told.about)
    return Listed(known.plan, about, told.detached, HISTORY, known.summary), told.record


def bygone(cluster: Cluster, job: bytes) -> list[tuple[Listed, Record]]:
    """The latest of a job that nobody can take up any more, the latest first."""
    if cluster.history is None:
        return []
    there = {p.id for p in listed(cluster.control_plane, job)} if cluster.is_open(job) else set()
    return [_of_history(each) for each in cluster.history.plans(job) if each.plan not in there]


def how_it_stands(cluster: Cluster, plan: Listed, record: Record) -> Tally:
    """Its results that can be taken up."""
    return _tally(cluster.control_plane, plan, record)


def show(plan: Listed, record: Record, stands: Standing, results: Tally) -> dict[str, Any]:
    """What it is, where its tasks stand, how many results are there, and what failed them.

    `running` are all that run; `ready` and `waiting` are as many of the tasks that were looked at
    (`left_looked_at`), as their texts say.
    """
    states, looked_at = stands.states(), len(stands.looked_at)
    # Of a job that is over nothing is ready, or waits, any more.
    may_be = 0 if plan.told_from == HISTORY and not looked_at else stands.left
    row = row_of(plan, record, stands.left)
    return {
        # Parts that are run again are submitted, and counted, a moment before the record says so.
        **row, "tasks": max(row["tasks"], stands.left + stands.not_done),
        **states, "left_looked_at": looked_at,
        **{
            f"{state}_text": standing.of_those(states[state], looked_at, may_be)
            for state in ("ready", "waiting")
        },
        **results.about,
        "failures": [
            {"name": of, "text": text, "results": number}
            for (of, text), number in results.why.most_common(_FAILURES)
        ],
    }  # fmt: skip
