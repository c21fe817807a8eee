"""Plans that can be taken up: detached ones, and those of programs that run; and one of them.

The rule: which tasks are a plan's follows from its record, and how many of them are left is exact
(`hyperloom.watch.standing`).  Of its results the first are looked at, and what is said of them says
so.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import errors, failures, ids
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import fcall
from hyperloom.plan.detaching import Record, decoded
from hyperloom.watch import reasons, standing
from hyperloom.watch.belonging import belonging

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hyperloom.watch.cluster import Cluster, Found
    from hyperloom.watch.live import Live
    from hyperloom.watch.standing import Standing

_AT_ONCE = 500
_LISTED = 500  # plans of a job whose records are read
_FAILURES = 10


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
            tally, _ = _tally(live, each.id, record)
            row = _row(each, record, left[each.id])
            text = standing.NOT_LOOKED_AT if row["left"] is None else f"{row['left']:,}"
            rows.append({**row, "left_text": text, **tally})
    return rows


def recorded(live: Live, job: bytes) -> Iterator[tuple[Listed, Record]]:
    """The latest plans of a job, the oldest first."""
    for each in listed(live, job)[-_LISTED:]:
        record = _record(live, each.id)
        if record is not None:  # else it went just now
            yield each, record


def _tally(live: Live, plan: bytes, record: Record) -> tuple[dict[str, Any], list[bytes]]:
    """How many of its results were looked at, are there, failed, were cancelled; and why."""
    oids = list(islice(standing.results(plan, record), standing.RESULTS))
    name = keys.OBJECT.name(keys.job_namespace(plan[: ids.JOB_BYTES]))
    there, bad = 0, list[bytes]()
    for at in range(0, len(oids), _AT_ONCE):
        (part,) = live.ask([("HMGET", name, *oids[at : at + _AT_ONCE])])
        values = [value for value in part if value is not None]
        there += len(values)
        bad += [value for value in values if value[:1] == codes.FAILURE]
    number, all_of_them = len(oids), sum(run.number for run in record.results)
    cancelled = sum(value.startswith(codes.WAS_CANCELLED) for value in bad)
    tally = {"there": there, "failed": len(bad) - cancelled, "cancelled": cancelled}
    texts = {
        f"{what}_text": standing.of_those(of, number, all_of_them) for what, of in tally.items()
    }
    return {"looked_at": number, **tally, **texts}, [value[1:] for value in bad]


def _row(plan: Listed, record: Record, left: int | None) -> dict[str, Any]:
    return {
        "id": plan.id.hex(), "short": ids.short(plan.id),
        "job": plan.id[: ids.JOB_BYTES].hex(), "detached": plan.detached, "left": left,
        **plan.about, "tasks": standing.number_of(record), "run_again": standing.run_again(record),
    }  # fmt: skip


def _record(live: Live, plan: bytes) -> Record | None:
    ns = keys.job_namespace(plan[: ids.JOB_BYTES])
    text = live.wire.call(*fcall("owner_record", ns, plan))
    return None if text is None else decoded(text)


def belonging_to(cluster: Cluster, plan: bytes) -> Callable[[bytes], bool]:
    """The same, of a plan that can be taken up.

    Raises:
        errors.NotFound: it went just now.
    """
    _, record = found(cluster.control_plane, plan)
    return belonging(plan, record)


def tasks_of(cluster: Cluster, found: Found) -> Callable[[bytes], bool]:
    """Whether a task is what was found, or has to do with it: of a plan, a job, an object."""
    if found.kind == "plan":
        return belonging_to(cluster, found.id)
    begins = found.id[: ids.TASK_BYTES]
    return lambda task: task.startswith(begins)


# -- one plan -------------------------------------------------------------------------------


def found(live: Live, plan: bytes) -> tuple[Listed, Record]:
    """What is written down of it.

    Raises:
        errors.NotFound: it went just now.
    """
    there = [each for each in listed(live, plan[: ids.JOB_BYTES]) if each.id == plan]
    record = _record(live, plan)
    if not there or record is None:
        raise errors.NotFound(f"plan {plan.hex()} went just now: it was released")
    return there[0], record


def show(live: Live, plan: Listed, record: Record, stands: Standing) -> dict[str, Any]:
    """What it is, where its tasks stand, how many results are there, and what failed them.

    `running` are all that run; `ready` and `waiting` are as many of the tasks that were looked at
    (`left_looked_at`), as their texts say.
    """
    tally, failed = _tally(live, plan.id, record)
    why = Counter(
        (one.name or "?", one.text.partition("\n")[0]) for one in map(failures.decode, failed)
    )
    states, looked_at = stands.states(), len(stands.looked_at)
    row = _row(plan, record, stands.left)
    return {
        # Parts that are run again are submitted, and counted, a moment before the record says so.
        **row, "tasks": max(row["tasks"], stands.left + stands.not_done),
        **states, "left_looked_at": looked_at,
        **{
            f"{state}_text": standing.of_those(states[state], looked_at, stands.left)
            for state in ("ready", "waiting")
        },
        **tally,
        "failures": [
            {"name": of, "text": text, "results": number}
            for (of, text), number in why.most_common(_FAILURES)
        ],
    }  # fmt: skip


def explain(cluster: Cluster, plan: bytes) -> list[dict[str, Any]]:
    """Why it is not over: the plan, then a task that is left, and what that waits for.

    Raises:
        errors.NotFound: it went just now.
    """
    live = cluster.control_plane
    each, record = found(live, plan)
    stands = standing.look(cluster, plan, record)
    about = show(live, each, record, stands)
    ended = _ended(about, stands)
    head = {
        "plan": about["id"], "short": f"plan {about['id']}", "name": about["label"],
        "state": "LEFT" if stands.left else "OVER", "why": "plan",
        "says": _says(about) + "".join(ended.values()),
        "advice": f"see what failed: loom show {about['id']}" if ended["failed"] else "",
        **{name: about[name] for name in _EXPLAINED},
    }  # fmt: skip
    left = {one.task for one in stands.looked_at}
    if not left:
        return [head]
    makers = (oid[: ids.TASK_BYTES] for oid in islice(standing.results(plan, record), _MAKERS))
    first = next((task for task in makers if task in left), min(left))
    return [head, *reasons.explain(cluster, first)]


_EXPLAINED = (
    "tasks", "left", "left_looked_at", "running", "ready", "waiting", "results", "looked_at",
    "there", "failed", "cancelled",
)  # fmt: skip
_MAKERS = 100_000  # of results, among which the first is looked for that is left


def _says(about: dict[str, Any]) -> str:
    looked_at = about["looked_at"]
    some = looked_at < about["results"]
    said = f"is over: {about['there']:,} of {about['results']:,} results are there"
    if some:
        said = f"is over: {about['there']:,} of the {looked_at:,} results looked at are there"
    if about["left"]:
        said = f"has {about['left']:,} of {about['tasks']:,} tasks left"
        states = [state for state in standing.STATES.values() if about[state]]
        if states:
            said += ": " + ", ".join(f"{about[state]:,} {state}" for state in states)
        if 0 < about["left_looked_at"] < about["left"]:
            said += f" of the {about['left_looked_at']:,} looked at"
    return said


def _ended(about: dict[str, Any], stands: Standing) -> dict[str, str]:
    """What is said of its results that failed, and of those that were cancelled.

    Of a large plan, of which some results are looked at, it is said of its tasks: all are counted.
    """
    looked_at, said = about["looked_at"], {}
    some = looked_at < about["results"]
    for what in ("failed", "cancelled"):
        number, noun, of = about[what], "result", ""
        if some and stands.names is not None:
            number, noun = sum(row[what] for row in stands.names), "task"
        elif some:
            noun, of = "results looked at", f"of the {looked_at:,} "
        noun += "s" if number > 1 and not of else ""
        be = "" if what == "failed" else "was " if number == 1 else "were "
        said[what] = f"; {number:,} {of}{noun} {be}{what}" if number else ""
    return said
