"""Tasks in a table: those that are not over as they stand, those that are as their events tell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hyperloom import events, ids
from hyperloom.events import Ended
from hyperloom.gcs import codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Stand
    from hyperloom.watch.story import Event

STATES = ("RUNNING", "HELD", "READY", "WAITING", "FAILED", "CANCELLED", "DONE")

AT_WORK = ("running", "blocked", "hosting")  # `at` of what workers have begun
_LOOKED_AT = 20_000  # tasks of a job that are not over
_OVER = {Ended.DONE: "DONE", Ended.FAILED: "FAILED", Ended.PASSED_ON: "FAILED"}


def running(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """What nodes have, by task: its worker's own words, `node`, and `at`: where there.

    Of a task whose inputs are being fetched there is no worker yet: no `pid`.  Since when an actor
    runs a call is not known while it runs several: no `seconds`.
    """
    found: dict[str, dict[str, Any]] = {}
    answers = {} if cluster.live is None else cluster.live.answers("status")
    for node, answer in answers.items():
        for task in answer["fetching"]:
            found[task] = {"node": node, "pid": None, "seconds": 0.0, "at": "fetching"}
        for worker in answer["workers"]:
            if worker["task_id"]:
                at = worker["state"] if worker["state"] in AT_WORK else "running"
                found[worker["task_id"]] = {**worker, "node": node, "at": at}
            for call in worker["answering"]:
                at = "blocked" if worker["state"] == "blocked" else "running"
                found[call["task_id"]] = {**worker, **call, "node": node, "at": at}
            for behind in worker["behind"]:
                found[behind] = {**worker, "node": node, "at": "behind"}
    return found


def names(cluster: Cluster, job: bytes) -> list[dict[str, Any]]:
    """How far each function of a job is: exact counts, and what events tell of times."""
    times: dict[bytes, list[float]] = {}
    for event in cluster.events(job):
        if event.kind == codes.RAN:
            for ran in events.attempts(event.payload):
                if ran.begun and ran.ended is not Ended.PASSED_ON:
                    times.setdefault(ran.template, []).append(ran.seconds)
    rows: dict[str, dict[str, Any]] = {}
    for template, counts in cluster.counts(job).items():
        name = cluster.name(job, template)
        row = rows.setdefault(name, {"name": name, **dict.fromkeys(counts, 0), "seconds": []})
        for what, number in counts.items():
            row[what] += number
        row["seconds"] += times.get(template, [])
    return [_summed(row) for row in rows.values()]


def _summed(row: dict[str, Any]) -> dict[str, Any]:
    seconds = sorted(row.pop("seconds"))
    mean = sum(seconds) / len(seconds) if seconds else None
    late = seconds[min(len(seconds) - 1, int(0.99 * len(seconds)))] if seconds else None
    left = row["submitted"] - row["done"] - row["failed"]
    return {**row, "left": left, "timed": len(seconds), "mean_s": mean, "p99_s": late}


def table(
    cluster: Cluster,
    jobs: Iterable[bytes],
    keep: Callable[[dict[str, Any]], bool],
    limit: int,
    states: frozenset[str] = frozenset(STATES),
) -> dict[str, Any]:
    """Tasks of these jobs, what goes on first: `tasks`, and how many `matched` and were `hidden`.

    `hidden` are tasks that were not looked at: too many wait, or what was known of them is gone.
    """
    rows: list[dict[str, Any]] = []
    hidden = 0
    at_work = running(cluster)
    for job in jobs:
        found, unseen = _of_job(cluster, job, states, at_work)
        rows += [row for row in found if keep(row)]
        hidden += unseen
    rows.sort(key=lambda row: (STATES.index(row["state"]), row["id"]))
    return {"tasks": rows[:limit], "matched": len(rows), "hidden": hidden}


def _of_job(
    cluster: Cluster, job: bytes, states: frozenset[str], at_work: dict[str, dict[str, Any]]
) -> tuple[list[dict[str, Any]], int]:
    rows: list[dict[str, Any]] = []
    alive: set[bytes] = set()
    hidden = 0
    if cluster.live is not None:
        tasks, total = cluster.live.tasks(job, _LOOKED_AT)
        alive = set(tasks)
        hidden = total - len(tasks)
        if states - {"FAILED", "CANCELLED", "DONE"}:
            stands = cluster.live.where(job, tasks)
            pairs = zip(tasks, stands, strict=True)
            rows += [_alive(task, stand, at_work) for task, stand in pairs]
    over = [row for task, row in _over(cluster, job).items() if task not in alive]
    counts: Counter[str] = Counter()
    for each in cluster.counts(job).values():
        counts.update(each)
    hidden += max(0, counts["done"] + counts["failed"] - len(over))
    rows += [row for row in over if row["state"] in states]
    return [row for row in rows if row["state"] in states], hidden


def _row(task: bytes, name: str, state: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    blank = dict.fromkeys(("attempt", "node", "pid", "began", "seconds", "bytes", "error"))
    return {
        "id": task.hex(), "short": ids.short(task), "name": name, "state": state, **blank, **more
    }  # fmt: skip


def _alive(task: bytes, stand: Stand, at_work: dict[str, dict[str, Any]]) -> dict[str, Any]:
    name = stand.template.name if stand.template else "?"
    work = at_work.get(task.hex())
    if work is None:
        node = stand.detail if stand.state == "HELD" else None
        return _row(task, name, "WAITING" if stand.state == "OVER" else stand.state, node=node)
    state = "RUNNING" if work["at"] in AT_WORK else "HELD"
    attempt = work["attempt"] if state == "RUNNING" else None
    seconds = work["seconds"] if state == "RUNNING" else None
    return _row(
        task, name, state, node=work["node"], pid=work["pid"], attempt=attempt, seconds=seconds
    )


def _over(cluster: Cluster, job: bytes) -> dict[bytes, dict[str, Any]]:
    rows: dict[bytes, dict[str, Any]] = {}
    names: dict[bytes, str] = {}
    for event in cluster.events(job):
        if event.kind == codes.RAN:
            for ran in events.attempts(event.payload):
                if ran.template not in names:
                    names[ran.template] = cluster.name(job, ran.template)
                state = _OVER.get(ran.ended)
                if state is not None:
                    rows[ran.task] = _ran(ran, names[ran.template], state)
        else:
            rows |= dict(_unattempted(cluster, job, event))
    return rows


def _unattempted(
    cluster: Cluster, job: bytes, event: Event
) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Tasks of whose ends no attempt tells."""
    node, state, error = None, "FAILED", None
    match event.kind:
        case codes.CANCELLED:
            state, templates = "CANCELLED", events.cancelled(event.payload)
        case codes.CALLS_LOST:
            lost = events.calls_lost(event.payload)
            templates, error = lost.templates, lost.error.text
        case codes.NODE_FAILED:
            at, templates = events.failed_with_node(event.payload)
            node, error = at.hex(), "its node was lost"
        case codes.ACTOR_ENDED:
            over = events.actor_ended(event.payload)
            templates, error = {over.actor: over.template}, over.error.text
            state = "DONE" if over.in_peace else "FAILED"
        case _:
            return
    for task, template in templates.items():
        name = cluster.name(job, template)
        yield task, _row(task, name, state, node=node, error=error)


def _ran(ran: events.Attempt, name: str, state: str) -> dict[str, Any]:
    cancelled = ran.error is not None and ran.error.category == "cancelled"
    return _row(
        ran.task,
        name,
        "CANCELLED" if cancelled else state,
        attempt=ran.attempt,
        node=ran.node.hex(),
        pid=ran.pid,
        began=ran.begun or None,
        seconds=round(ran.seconds, 6),
        bytes=ran.output_bytes,
        error=ran.error.text if ran.error else None,
    )
