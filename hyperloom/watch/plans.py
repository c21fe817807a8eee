"""Plans that can be taken up: detached ones, and those of programs that run; and one of them.

The rule: which tasks are a plan's follows from its record (`hyperloom.plan.detaching`), so looking
at a plan costs what the job's open tasks cost, however large it is.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import errors, failures, ids
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import fcall
from hyperloom.plan.detaching import Record, decoded, places_in
from hyperloom.watch import reasons

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hyperloom.watch.cluster import Cluster, Found
    from hyperloom.watch.live import Live

_LOOKED_AT = 20_000  # tasks of a job that are not over
_RESULTS = 2_000  # of a plan that are looked at
_AT_ONCE = 500
_LISTED = 500  # plans of a job whose records are read
_FAILURES = 10
_STATES = {"HELD": "running", "READY": "ready", "WAITING": "waiting"}


class Listed(NamedTuple):
    """A plan that can be taken up."""

    id: bytes
    about: dict[str, Any]
    detached: bool


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


def plans(cluster: Cluster, jobs: Iterable[bytes]) -> list[dict[str, Any]]:
    """The plans of these jobs; `left` are tasks that are not over, None: too many."""
    live = cluster.control_plane
    return [row for job in jobs for row, _ in _of_job(live, job)]


def counted(cluster: Cluster, jobs: Iterable[bytes]) -> list[dict[str, Any]]:
    """The same, with how many of the first results (`looked_at`) are `there`, and `failed`."""
    live = cluster.control_plane
    found = [each for job in jobs for each in _of_job(live, job)]
    return [{**row, **_tally(live, bytes.fromhex(row["id"]), record)[0]} for row, record in found]


def _of_job(live: Live, job: bytes) -> list[tuple[dict[str, Any], Record]]:
    found = list(recorded(live, job))
    tasks, total = live.tasks(job, _LOOKED_AT) if found else ([], 0)
    rows = []
    for each, record in found:
        left = sum(map(belonging(each.id, record), tasks))
        rows.append((_row(each, left if total == len(tasks) else None), record))
    return rows


def recorded(live: Live, job: bytes) -> Iterator[tuple[Listed, Record]]:
    """The latest plans of a job, the oldest first."""
    for each in listed(live, job)[-_LISTED:]:
        record = _record(live, each.id)
        if record is not None:  # else it went just now
            yield each, record


def _tally(live: Live, plan: bytes, record: Record) -> tuple[dict[str, int], list[bytes]]:
    """How many of its results were looked at, are there, and failed; and these failures."""
    oids = list(islice(_results(plan, record), _RESULTS))
    name = keys.OBJECT.name(keys.job_namespace(plan[: ids.JOB_BYTES]))
    there, failed = 0, list[bytes]()
    for at in range(0, len(oids), _AT_ONCE):
        (part,) = live.ask([("HMGET", name, *oids[at : at + _AT_ONCE])])
        values = [value for value in part if value is not None]
        there += len(values)
        failed += [value[1:] for value in values if value[:1] == codes.FAILURE]
    return {"looked_at": len(oids), "there": there, "failed": len(failed)}, failed


def _row(plan: Listed, left: int | None) -> dict[str, Any]:
    return {
        "id": plan.id.hex(), "short": ids.short(plan.id),
        "job": plan.id[: ids.JOB_BYTES].hex(), "detached": plan.detached, "left": left,
        **plan.about,
    }  # fmt: skip


def _record(live: Live, plan: bytes) -> Record | None:
    ns = keys.job_namespace(plan[: ids.JOB_BYTES])
    text = live.wire.call(*fcall("owner_record", ns, plan))
    return None if text is None else decoded(text)


def spans_in(plan: bytes, record: Record) -> Iterator[tuple[bytes, tuple[tuple[int, int], ...]]]:
    """Process by process, the numbers of the plan's tasks, those that were run again too."""
    yield record.process or plan, record.tasks
    yield from record.again


def belonging(plan: bytes, record: Record) -> Callable[[bytes], bool]:
    """Whether a task is one of the plan's."""
    spans: dict[bytes, list[tuple[int, int]]] = {}
    for process, some in spans_in(plan, record):
        spans.setdefault(process, []).extend((first, last) for first, last in some)
    for numbers in spans.values():
        numbers.sort()

    def belongs(task: bytes) -> bool:
        mine = spans.get(task[: ids.PROCESS_BYTES])
        if mine is None:
            return False
        number = ids.number_of(task)
        at = bisect_right(mine, number, key=lambda span: span[0]) - 1
        return at >= 0 and number <= mine[at][1]

    return belongs


def belonging_to(cluster: Cluster, plan: bytes) -> Callable[[bytes], bool]:
    """The same, of a plan that can be taken up.

    Raises:
        errors.NotFound: it went just now.
    """
    _, record = _found(cluster.control_plane, plan)
    return belonging(plan, record)


def tasks_of(cluster: Cluster, found: Found) -> Callable[[bytes], bool]:
    """Whether a task is what was found, or has to do with it: of a plan, a job, an object."""
    if found.kind == "plan":
        return belonging_to(cluster, found.id)
    begins = found.id[: ids.TASK_BYTES]
    return lambda task: task.startswith(begins)


# -- one plan -------------------------------------------------------------------------------


class Looked(NamedTuple):
    """What one look at a plan finds."""

    about: dict[str, Any]
    record: Record
    left: Counter[str] | None  # its tasks that are not over, by name; None: its job has too many


def show(cluster: Cluster, plan: bytes) -> dict[str, Any]:
    """What it is, where its tasks stand, how many results are there, and what failed them.

    Raises:
        errors.NotFound: it went just now.
    """
    return looked_at(cluster, plan).about


def looked_at(cluster: Cluster, plan: bytes) -> Looked:
    """The same, and what it follows from.

    Raises:
        errors.NotFound: it went just now.
    """
    live = cluster.control_plane
    each, record = _found(live, plan)
    left, all_of_them = _left(live, plan, record)
    states = Counter(one.state for one in left)
    tally, failed = _tally(live, plan, record)
    why = Counter(
        (one.name or "?", one.text.partition("\n")[0]) for one in map(failures.decode, failed)
    )
    about = {
        **_row(each, len(left)), **{state: states[state] for state in _STATES.values()},
        **tally,
        "failures": [
            {"name": of, "text": text, "results": number}
            for (of, text), number in why.most_common(_FAILURES)
        ],
    }  # fmt: skip
    return Looked(about, record, Counter(one.name for one in left) if all_of_them else None)


def explain(cluster: Cluster, plan: bytes) -> list[dict[str, Any]]:
    """Why it is not over: the plan, then a task that is left, and what that waits for.

    Raises:
        errors.NotFound: it went just now.
    """
    about = show(cluster, plan)
    _, record = _found(cluster.control_plane, plan)
    left = {one.task for one in _left(cluster.control_plane, plan, record)[0]}
    states = ", ".join(f"{about[state]:,} {state}" for state in _STATES.values() if about[state])
    says = f"has {len(left):,} of {about['tasks']:,} tasks left: {states}"
    advice = ""
    if not left:
        says = f"is over: {about['there']:,} of {about['results']:,} results are there"
    if about["failed"]:
        says += f"; {about['failed']:,} result{'s' if about['failed'] > 1 else ''} failed"
        advice = f"see what failed: loom show {about['id']}"
    head = {
        "plan": about["id"], "short": f"plan {about['id']}", "name": about["label"],
        "state": "OVER" if not left else "LEFT", "why": "plan", "says": says, "advice": advice,
    }  # fmt: skip
    if not left:
        return [head]
    makers = (oid[: ids.TASK_BYTES] for oid in islice(_results(plan, record), _RESULTS))
    first = next((task for task in makers if task in left), min(left))
    return [head, *reasons.explain(cluster, first)]


def _found(live: Live, plan: bytes) -> tuple[Listed, Record]:
    there = [each for each in listed(live, plan[: ids.JOB_BYTES]) if each.id == plan]
    record = _record(live, plan)
    if not there or record is None:
        raise errors.NotFound(f"plan {plan.hex()} went just now: it was released")
    return there[0], record


class Left(NamedTuple):
    """A task that is not over."""

    task: bytes
    state: str
    name: str


def _left(live: Live, plan: bytes, record: Record) -> tuple[list[Left], bool]:
    """Its tasks that are not over, as far as they are looked at; and whether these are all."""
    job = plan[: ids.JOB_BYTES]
    tasks, total = live.tasks(job, _LOOKED_AT)
    mine = list(filter(belonging(plan, record), tasks))
    left = [
        Left(task, _STATES[of.state], of.template.name if of.template else "?")
        for task, of in zip(mine, live.where(job, mine), strict=True)
        if of.state in _STATES
    ]
    return left, total == len(tasks)


def _results(plan: bytes, record: Record) -> Iterator[bytes]:
    process = ids.ProcessID(record.process or plan)
    for at, (task, index) in enumerate(places_in(record.results)):
        own = ids.object_id(ids.task_id(process, task), index)
        yield record.others.get(at) or own
