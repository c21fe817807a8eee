"""The graph of a job as it runs: task by task while they are few, by function when they are many.

What is over is known from events, as far as they are kept; what is not, from its record.  Of very
many that are not over some are looked at, and at least one of each function: it is searched for
once, and kept.
"""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import events, ids, specs
from hyperloom.events import Ended
from hyperloom.gcs import codes, keys
from hyperloom.watch import inputs, overall, tasks
from hyperloom.watch.search import Search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Live

SINGLY_MOST = 250  # tasks that are drawn one by one
_NAMED_MOST = 100_000  # tasks whose function is remembered, to tell who made an input
_ALIVE_MOST = 2000  # tasks that are not over whose inputs are looked at
_OF_EACH = 10  # tasks of a function that are searched for, if none is among those
_SEARCH_S = 5.0
_AT_ONCE = 500  # tasks whose records are read
_STEPS = 5  # up from those,
_MAKERS_MOST = 500  # each to so many tasks
_FUNCTIONS_MOST = 150  # that are drawn: those with most tasks
_EDGES_MOST = 20_000  # different ones
_AROUND_MOST = 40  # of a task's inputs, and of what takes its results

_STATES = {Ended.DONE: "DONE", Ended.FAILED: "FAILED", Ended.PASSED_ON: "FAILED"}


class Over(NamedTuple):
    """A task that is over."""

    name: str
    state: str
    inputs: list[bytes]


class Past:
    """What events have told of a job's graph.  `singly` is None when there are too many."""

    def __init__(self) -> None:
        self.singly: dict[bytes, Over] | None = {}
        self.edges: Counter[tuple[str, str]] = Counter()
        self.rare: dict[str, list[Alive]] = {}  # what was found of functions that have few tasks
        self.sought: dict[str, int] = {}  # functions of which nothing was, when so many were left
        self._names: dict[bytes, str] = {}
        self._older: dict[bytes, str] = {}  # than all of these

    def name_all(self, named: Iterable[tuple[bytes, str]]) -> None:
        """Remember what functions these tasks are of, for a while."""
        self._names.update(named)
        if len(self._names) >= _NAMED_MOST // 2:
            # One by one from the front of a dict would cost more the longer it goes on.
            self._names, self._older = {}, self._names

    def add(self, name: str, ran: events.Attempt) -> None:
        """One attempt, of a task that is named."""
        state = _STATES.get(ran.ended)
        if state is None:
            return
        for maker in ran.inputs:
            made_by = self.name(maker)
            if made_by is not None and len(self.edges) < _EDGES_MOST:
                self.edges[made_by, name] += 1
        if self.singly is not None:
            self.singly[ran.task] = Over(name, state, ran.inputs)
            if len(self.singly) > SINGLY_MOST:
                self.singly = None

    def name(self, task: bytes) -> str | None:
        """The function of a task, if it is remembered."""
        return self._names.get(task) or self._older.get(task)


class Alive(NamedTuple):
    """A task that is not over."""

    task: bytes
    name: str
    inputs: list[bytes]  # tasks that make them


class Part(NamedTuple):
    """A part of a job."""

    counts: Sequence[Mapping[str, Any]]  # of its functions
    has: Callable[[bytes], bool]  # a task
    left: Sequence[bytes]  # tasks of it that are not over, some if they are many


def look(
    cluster: Cluster, job: bytes, past: Past, *, singly: bool = True, part: Part | None = None
) -> dict[str, Any]:
    """Boxes and arrows; `single` says whether a box is a task, or all tasks of a function.

    They are drawn `singly` only if they are few.  Of a `part`, `past` tells of nothing else.
    """
    counts = overall.counts(cluster, job) if part is None else part.counts
    has = (lambda _: True) if part is None else part.has
    total = sum(row["submitted"] for row in counts)
    alive = _alive(cluster, job, None if part is None else part.left)
    if singly and past.singly is not None and total <= SINGLY_MOST:
        return {"single": True, "total": total, **_singly(cluster, job, past.singly, alive)}
    if cluster.live is not None:
        alive += _rare(cluster, job, past, counts, {each.name for each in alive}, has)
    return {"single": False, "total": total, **_by_name(cluster, counts, past, alive, has)}


def _alive(cluster: Cluster, job: bytes, left: Sequence[bytes] | None) -> list[Alive]:
    if cluster.live is None:
        return []
    found = cluster.live.tasks(job, _ALIVE_MOST)[0] if left is None else left[:_ALIVE_MOST]
    return _of_records(cluster, job, found)


def _of_records(cluster: Cluster, job: bytes, found: Sequence[bytes]) -> list[Alive]:
    records = cluster.control_plane.records(job, found)
    return [
        Alive(task, cluster.name(job, specs.template_of(record)), _makers(record))
        for task, record in zip(found, records, strict=True)
        if record is not None
    ]


def _rare(  # noqa: PLR0913, PLR0917 - what is known already
    cluster: Cluster,
    job: bytes,
    past: Past,
    counts: Sequence[Mapping[str, Any]],
    shown: set[str],
    has: Callable[[bytes], bool],
) -> list[Alive]:
    """Some tasks of each function that has some left, of which none is `shown`."""
    left = {row["name"]: row["left"] for row in counts if row["left"] and row["name"] not in shown}
    wanted = {
        name: number for name, number in left.items()
        if name not in past.rare and past.sought.get(name) != number
    }  # fmt: skip
    if wanted:
        for each in _searched(cluster, job, wanted, has):
            past.rare.setdefault(each.name, []).append(each)
        past.sought |= {name: n for name, n in wanted.items() if name not in past.rare}
    return [each for name in left for each in past.rare.get(name, ())]


def _searched(
    cluster: Cluster, job: bytes, wanted: Mapping[str, int], has: Callable[[bytes], bool]
) -> Iterator[Alive]:
    """Some tasks of each of these functions, of which so many are left."""
    missing = {name: min(number, _OF_EACH) for name, number in wanted.items()}
    names = {template: cluster.name(job, template) for template in cluster.counts(job)}
    templates = [template for template, name in names.items() if name in missing]
    search = Search(cluster.control_plane, job, templates, time.monotonic() + _SEARCH_S)
    for part in chain(search.waiting(), search.ready()):
        for each in _of_records(cluster, job, list(filter(has, part))[:_AT_ONCE]):
            if missing[each.name]:
                missing[each.name] -= 1
                yield each
        search.templates = {t for t in search.templates if missing[names[t]]}
        if not search.templates:
            return


def _makers(record: bytes) -> list[bytes]:
    inputs = specs.inputs_of(record)[:_AROUND_MOST]
    return list(dict.fromkeys(oid[: ids.TASK_BYTES] for oid in inputs))


def _singly(
    cluster: Cluster, job: bytes, over: dict[bytes, Over], alive: list[Alive]
) -> dict[str, Any]:
    boxes = {
        task: {"id": task.hex(), "short": ids.short(task), "name": each.name, "state": each.state}
        for task, each in over.items()
    }
    going_on = [each for each in alive if each.task not in over]
    states = _states(cluster, job, [each.task for each in going_on])
    for each, state in zip(going_on, states, strict=True):
        boxes[each.task] = {
            "id": each.task.hex(), "short": ids.short(each.task), "name": each.name, "state": state,
        }  # fmt: skip
    edges = [(maker, task) for task, each in over.items() for maker in each.inputs]
    edges += [(maker, each.task) for each in going_on for maker in each.inputs]
    return _drawn(boxes, Counter(edges))


def _states(cluster: Cluster, job: bytes, found: list[bytes]) -> list[str]:
    if not found:
        return []
    at_work = tasks.running(cluster)
    stands = cluster.control_plane.where(job, found)
    return [
        "RUNNING" if at_work.get(task.hex(), {}).get("at") in tasks.AT_WORK
        else "DONE" if stand.state == "OVER" else stand.becomes or stand.state
        for task, stand in zip(found, stands, strict=True)
    ]  # fmt: skip


def _by_name(
    cluster: Cluster,
    counts: Sequence[Mapping[str, Any]],
    past: Past,
    alive: list[Alive],
    has: Callable[[bytes], bool],
) -> dict[str, Any]:
    busy = Counter(
        work["task"]
        for task, work in tasks.running(cluster).items()
        if work["at"] in tasks.AT_WORK and has(bytes.fromhex(task))
    )
    largest = sorted(counts, key=lambda row: -row["submitted"])[:_FUNCTIONS_MOST]
    boxes = {row["name"]: {**row, "running": busy[row["name"]]} for row in largest}
    alive = _with_makers(cluster, alive, past)
    names = {each.task: each.name for each in alive}
    edges = Counter(past.edges)
    for each in alive:
        for maker in each.inputs:
            made_by = names.get(maker) or past.name(maker)
            if made_by is not None:
                edges[made_by, each.name] += 1
    return {"hidden": len(counts) - len(largest), **_drawn(boxes, edges)}


def _with_makers(cluster: Cluster, alive: list[Alive], past: Past) -> list[Alive]:
    """These, and what makes their inputs, some steps up: its arrows are there, too."""
    found = {each.task: each for each in alive}
    last = alive
    for _ in range(_STEPS):
        wanted = dict.fromkeys(maker for each in last for maker in each.inputs)
        unknown = [task for task in wanted if task not in found and past.name(task) is None]
        if not unknown:
            break
        job = bytes(ids.job_of(ids.TaskID(unknown[0])))
        last = _of_records(cluster, job, unknown[:_MAKERS_MOST])
        found |= {each.task: each for each in last}
    return list(found.values())


def _drawn(boxes: dict[Any, dict[str, Any]], edges: Counter[tuple[Any, Any]]) -> dict[str, Any]:
    numbers = {key: number for number, key in enumerate(boxes)}
    arrows = [
        [numbers[source], numbers[target], times]
        for (source, target), times in edges.items()
        if source in numbers and target in numbers
    ]
    return {"boxes": list(boxes.values()), "arrows": arrows}


def around(cluster: Cluster, task: bytes, name_of: Callable[[bytes], str | None]) -> dict[str, Any]:
    """One task among what it takes and what takes its results."""
    job = bytes(ids.job_of(ids.TaskID(task)))
    took, takers, state = _told(cluster, job, task)
    if cluster.live is not None:
        for each in _of_records(cluster, job, [task]):
            took = each.inputs
        takers |= dict.fromkeys(_waiters(cluster.live, job, task), "WAITING")
    shown = list(dict.fromkeys([*took[:_AROUND_MOST], task, *list(takers)[:_AROUND_MOST]]))
    names, states = _described(cluster, job, shown)
    states[task] = state or states[task]
    boxes = {
        each: {
            "id": each.hex(), "short": ids.short(each), "name": names.get(each) or name_of(each),
            "state": takers.get(each, states[each]), "middle": each == task,
        }
        for each in shown
    }  # fmt: skip
    edges = Counter([(maker, task) for maker in took] + [(task, taker) for taker in takers])
    hidden = len(boxes) <= len(took) + len(takers) or len(took) == events.INPUTS_MOST
    return {"single": True, "hidden": hidden, **_drawn(boxes, edges)}


def _told(
    cluster: Cluster, job: bytes, task: bytes
) -> tuple[list[bytes], dict[bytes, str], str | None]:
    """What events say: the tasks that made its inputs; those that took its results; how it went."""
    state = None
    took: list[bytes] = []
    takers: dict[bytes, str] = {}
    for event in cluster.events(job):
        if task in event.payload and event.kind == codes.RAN:
            for ran in events.attempts(event.payload):
                if ran.task == task:
                    took = list(dict.fromkeys(ran.inputs)) or took
                    state = _STATES.get(ran.ended)
                elif task in ran.inputs:
                    takers[ran.task] = _STATES.get(ran.ended, "WAITING")
    return took, takers, state


def _waiters(live: Live, job: bytes, task: bytes) -> Iterable[bytes]:
    """Tasks that lack its first result."""
    ns = keys.job_namespace(job)
    oid = ids.object_id(ids.TaskID(task), 0)
    told = live.wire.call("HGET", keys.WAITERS.name(ns), oid) or b""
    if len(told) % ids.TASK_BYTES:  # a crowd
        return list(live.wire.call("LRANGE", keys.CROWD.name(ns, oid), 0, _AROUND_MOST))
    return list(ids.cut(told, ids.TASK_BYTES))


def _described(
    cluster: Cluster, job: bytes, found: list[bytes]
) -> tuple[dict[bytes, str], dict[bytes, str]]:
    """Names of those that are not over, and how all of them stand."""
    if cluster.live is None:
        return {}, dict.fromkeys(found, "DONE")
    names = {each.task: each.name for each in _of_records(cluster, job, found)}
    states = dict(zip(found, _states(cluster, job, found), strict=True))
    for task in found:
        if task not in names and states[task] in {"DONE", "UNKNOWN"}:
            value = cluster.live.value(job, ids.object_id(ids.TaskID(task), 0)) or b""
            made = inputs.state_of(value)
            states[task] = "DONE" if made == "PRESENT" else made
    return names, states
