"""Tasks in a table: those that are not over as they stand, those that are as their events tell."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from hyperloom import events
from hyperloom.events import Ended
from hyperloom.gcs import codes
from hyperloom.watch import counted, overall
from hyperloom.watch.over import End, First, Over, blank_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Stand

STATES = ("RUNNING", "HELD", "READY", "WAITING", "FAILED", "CANCELLED", "DONE")

_OVER = {"FAILED", "CANCELLED", "DONE"}
AT_WORK = ("running", "blocked", "hosting")  # `at` of what workers have begun
_LOOKED_AT = 20_000  # tasks of a job that are not over
_PLACE = {state: at for at, state in enumerate(STATES)}


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
    named: dict[str, list[float]] = {}
    for template, seconds in times.items():
        named.setdefault(cluster.name(job, template), []).extend(seconds)
    rows = overall.by_name(cluster, job)
    return [_timed(row, sorted(named.get(row["name"], ()))) for row in rows]


def _timed(row: dict[str, Any], seconds: list[float]) -> dict[str, Any]:
    mean = sum(seconds) / len(seconds) if seconds else None
    late = seconds[min(len(seconds) - 1, int(0.99 * len(seconds)))] if seconds else None
    return {**row, "timed": len(seconds), "mean_s": mean, "p99_s": late}


def table(  # noqa: PLR0913 - what is asked for
    cluster: Cluster,
    jobs: Iterable[bytes],
    keep: Callable[[dict[str, Any]], bool] | None,
    limit: int,
    states: frozenset[str] = frozenset(STATES),
    *,
    wanted: Callable[[str], bool] | None = None,
    over_of: Callable[[bytes], Over] = Over,
) -> dict[str, Any]:
    """Tasks of these jobs, what goes on first: `tasks`, and how many `matched` and were `hidden`.

    `hidden` are tasks that were not looked at: too many wait, or what was known of them is gone.
    Without `keep` all of these states match whose function's name is `wanted`, and only rows that
    are shown are made.  Who asks again has `over_of`: what it has read of a job's tasks.
    """
    chosen = First(limit)
    hidden = 0
    at_work = running(cluster)
    for job in jobs:
        alive, total = ([], 0) if cluster.live is None else cluster.live.tasks(job, _LOOKED_AT)
        rows = _not_over(cluster, job, alive, at_work) if alive and states - _OVER else []
        over = over_of(job)
        over.catch_up(cluster)  # now that it is known who is alive: nobody is missed
        ends, others = over.look(states, wanted, {*alive}, None if keep else limit)
        chosen.others(others)
        ended = sum(map(counted.over_in, cluster.counts(job).values()))
        hidden += total - len(alive) + max(0, ended - over.number({*alive}))
        stand = (end for end in rows if wanted is None or wanted(end.row()["name"]))
        for end in chain(stand, ends):
            if end.state in states and (keep is None or keep(end.row())):
                chosen.add((_PLACE[end.state], end.task), end)
    return {"tasks": [end.row() for end in chosen.all()], "matched": chosen.of, "hidden": hidden}


def _not_over(
    cluster: Cluster, job: bytes, tasks: list[bytes], at_work: dict[str, dict[str, Any]]
) -> list[End]:
    """Tasks as they are."""
    stands = zip(tasks, cluster.control_plane.where(job, tasks), strict=True)
    rows = [_alive(task, stand, at_work) for task, stand in stands]
    return [
        End(row["state"], task, partial(dict, row)) for task, row in zip(tasks, rows, strict=True)
    ]


def _alive(task: bytes, stand: Stand, at_work: dict[str, dict[str, Any]]) -> dict[str, Any]:
    name = stand.template.name if stand.template else "?"
    work = at_work.get(task.hex())
    if work is None:
        node = stand.detail if stand.state == "HELD" else None
        return blank_row(task, name, "WAITING" if stand.state == "OVER" else stand.state, node=node)
    state = "RUNNING" if work["at"] in AT_WORK else "HELD"
    attempt = work["attempt"] if state == "RUNNING" else None
    seconds = work["seconds"] if state == "RUNNING" else None
    return blank_row(
        task, name, state, node=work["node"], pid=work["pid"], attempt=attempt, seconds=seconds
    )
