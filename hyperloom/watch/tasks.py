"""Tasks in a table: those that are not over as they stand, those that are as their events tell."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import events, ids
from hyperloom.events import Ended
from hyperloom.gcs import codes
from hyperloom.watch import counted, overall, search
from hyperloom.watch.over import End, First, Over, blank_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Stand

STATES = ("RUNNING", "HELD", "READY", "WAITING", "FAILED", "CANCELLED", "DONE")

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


class Asked(NamedTuple):
    """Which tasks are asked for.  Of no `keep` nobody needs a task's row to know."""

    states: frozenset[str] = frozenset(STATES)
    wanted: Callable[[str], bool] | None = None  # whether tasks of a function are
    keep: Callable[[dict[str, Any]], bool] | None = None

    @property
    def all_of_them(self) -> bool:
        """Nothing is looked for."""
        return self.states == frozenset(STATES) and self.wanted is None and self.keep is None

    def may_be(self, end: End) -> bool:
        """By state and function."""
        if end.state not in self.states:
            return False
        return self.wanted is None or self.wanted(end.row()["name"])

    def holds(self, end: End) -> bool:
        """The rest."""
        return self.keep is None or self.keep(end.row())


class _Look(NamedTuple):
    """A look at tasks that are not over."""

    cluster: Cluster
    asked: Asked
    limit: int
    at_work: dict[str, dict[str, Any]]  # as `running` has it
    until: float  # it goes on, as `time.monotonic`


class _Left(NamedTuple):
    """What was found of tasks that are not over."""

    seen: set[bytes]
    rows: list[End]  # that match
    others: int = 0  # that match, too
    hidden: int = 0  # of which nobody knows
    cut_short: bool = False


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
    are shown are made.  Who asks again has `over_of`: what it has read of a job's tasks.  If time
    was up before all was looked at, `stopped` says so.
    """
    asked = Asked(states, wanted, keep)
    chosen = First(limit)
    hidden, stopped = 0, ""
    look = _Look(cluster, asked, limit, running(cluster), time.monotonic() + search.MOST_S)
    for job in jobs:
        left = _left(look, job)
        over = over_of(job)
        over.catch_up(cluster)  # now that it is known who is alive: nobody is missed
        ends, others = over.look(states, wanted, left.seen, None if keep else limit)
        chosen.others(others + left.others)
        ended = sum(map(counted.over_in, cluster.counts(job).values()))
        hidden += left.hidden + max(0, ended - over.number(left.seen))
        stopped = _STOPPED if left.cut_short else stopped
        for end in chain(left.rows, filter(asked.holds, ends)):
            chosen.add((_PLACE[end.state], end.task), end)
    rows = [end.row() for end in chosen.all()]
    return {"tasks": rows, "matched": chosen.of, "hidden": hidden, "stopped": stopped}


_STOPPED = (
    f"the search ended after {search.MOST_S:g} s, before all tasks were looked at; one function "
    "and one state are found sooner, and loom show ID tells of a single task"
)


def _left(look: _Look, job: bytes) -> _Left:
    """Those that are not over: of very many some, or what is looked for among all of them."""
    cluster, asked = look.cluster, look.asked
    if cluster.live is None:
        return _Left(set(), [])
    if not asked.all_of_them and overall.left(cluster, job) > _LOOKED_AT:
        return _found(look, job)
    alive, total = cluster.live.tasks(job, _LOOKED_AT)
    rows = _not_over(look, job, alive) if asked.states - {"DONE"} else []
    rows = [end for end in rows if asked.may_be(end) and asked.holds(end)]
    return _Left(set(alive), rows, hidden=total - len(alive))


def _found(look: _Look, job: bytes) -> _Left:
    """What is looked for among very many: first what nodes have, as it is least."""
    asked, limit = look.asked, look.limit
    templates, there = _there_are(look.cluster, job, asked)
    parts = search.Search(look.cluster.control_plane, job, templates, look.until)
    seen: set[bytes] = set()
    rows: list[End] = []
    found: Counter[str] = Counter()
    states = (("HELD", parts.held), ("WAITING", parts.waiting), ("READY", parts.ready))
    for state, parts_so in states:
        for part in parts_so() if found[state] < there[state] and len(rows) < limit else ():
            new = [task for task in dict.fromkeys(part) if task not in seen]
            some = list(filter(asked.may_be, _not_over(look, job, new)))
            seen |= {end.task for end in some}
            found.update("HELD" if end.state == "RUNNING" else end.state for end in some)
            rows += filter(asked.holds, some)
            if found[state] >= there[state] or len(rows) >= limit:
                break
    there["HELD"] = 0  # all of it was looked at
    more = sum(max(0, number - found[state]) for state, number in there.items())
    if len(rows) < limit and not parts.cut_short:
        more = 0  # what was counted has gone on meanwhile
    known = asked.keep is None and not parts.cut_short
    return _Left(seen, rows, more if known else 0, 0 if known else more, parts.cut_short)


def _there_are(cluster: Cluster, job: bytes, asked: Asked) -> tuple[list[bytes], dict[str, int]]:
    """Templates of what is asked for, and how many of their tasks stand so; HELD: and run."""
    templates, there = [], dict.fromkeys(("HELD", "WAITING", "READY"), 0)
    holding = cluster.control_plane.holding(job)
    for template, each in cluster.counts(job).items():
        left, held = each["submitted"] - counted.over_in(each), holding.get(template, 0)
        if left and (asked.wanted is None or asked.wanted(cluster.name(job, template))):
            templates.append(template)
            there["HELD"] += held
            there["WAITING"] += each["waiting"]
            there["READY"] += max(0, left - each["waiting"] - held)
    states = asked.states | ({"HELD"} if "RUNNING" in asked.states else set())
    return templates, {state: n if state in states else 0 for state, n in there.items()}


def _not_over(look: _Look, job: bytes, tasks: list[bytes]) -> list[End]:
    """Tasks as they are."""
    stands = zip(tasks, look.cluster.control_plane.where(job, tasks), strict=True)
    rows = [_alive(task, stand, look.at_work) for task, stand in stands]
    return [
        End(row["state"], task, partial(dict, row)) for task, row in zip(tasks, rows, strict=True)
    ]


def _alive(task: bytes, stand: Stand, at_work: dict[str, dict[str, Any]]) -> dict[str, Any]:
    name = stand.template.name if stand.template else "?"
    work = at_work.get(task.hex())
    if stand.becomes:
        ended = "failed" if stand.becomes == "FAILED" else "was cancelled"
        error = f"takes {ids.short(stand.lacks[0])}, which {ended}"
        return blank_row(task, name, stand.becomes, error=error)
    if work is None:
        node = stand.detail if stand.state == "HELD" else None
        return blank_row(task, name, "WAITING" if stand.state == "OVER" else stand.state, node=node)
    state = "RUNNING" if work["at"] in AT_WORK else "HELD"
    attempt = work["attempt"] if state == "RUNNING" else None
    seconds = work["seconds"] if state == "RUNNING" else None
    return blank_row(
        task, name, state, node=work["node"], pid=work["pid"], attempt=attempt, seconds=seconds
    )
