"""What the pages show besides the common moment; the same numbers as the command line's."""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING, Any

from hyperloom import errors, ids
from hyperloom.dashboard import stream
from hyperloom.dashboard.tail import Tail
from hyperloom.watch import (
    actors,
    followed,
    graph,
    logs,
    objects,
    overall,
    reasons,
    stacks,
    tasks,
    things,
)
from hyperloom.watch import errors as failed
from hyperloom.watch.bygone import Bygone
from hyperloom.watch.followed import Followed
from hyperloom.watch.over import Over

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperloom.watch.cluster import Cluster

    Answer = Callable[[Cluster, Mapping[str, str]], dict[str, Any]]

_TAILS_MOST = 3  # jobs, and plans, that are followed at a time
_AT_ONCE = 100_000  # attempts that are read for one answer
_ENDS_MOST = 2_000_000  # of tasks of a job, the latest, in its table
_TRACEBACKS_MOST = 20  # tasks in which one is looked for
_LOG_BYTES = 64_000  # from its end, to begin with
_PROFILE_MOST_S = 10.0
_LIMIT = 200
_LIMIT_MOST = 2000
_SHOWN_S = 60.0  # of a task stream, when nothing else is asked for


class Answers:
    """See the module.  What follows events is for one thread."""

    def __init__(self) -> None:
        self._tails: dict[bytes, Tail] = {}
        self._plans: dict[bytes, Followed] = {}
        self._over: dict[bytes, Over] = {}
        self._bygone = Bygone()

    def _over_of(self, job: bytes) -> Over:
        over = self._over.pop(job, None) or Over(job, _ENDS_MOST)
        self._over[job] = over  # the latest last
        while len(self._over) > _TAILS_MOST:
            del self._over[next(iter(self._over))]
        return over

    def _tail(self, cluster: Cluster, job: bytes, most: float = _AT_ONCE) -> Tail:
        """With what happened so far, or some more of it than before: then it is `behind`."""
        tail = self._tails.pop(job, None) or Tail(job)
        self._tails[job] = tail  # the latest last
        while len(self._tails) > _TAILS_MOST:
            del self._tails[next(iter(self._tails))]
        tail.catch_up(cluster, most)
        return tail

    def job(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """How far each function of a job is."""
        job = cluster.job(asked.get("job"))
        tail = self._tail(cluster, job)
        mean = tail.mean_s()
        rows = overall.by_name(cluster, job)
        names = [{**row, "mean_s": mean.get(row["name"])} for row in rows]
        return {"job": job.hex(), "names": names, "behind": tail.behind}

    def stream(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """The task stream between two moments; by itself, the last minute in which anything ran."""
        job = cluster.job(asked.get("job"))
        tail = self._tail(cluster, job)
        now = time.time()
        running = _running(cluster, job, now)
        last = now if running else tail.last or now
        first = min([tail.first, last, *[each.began for each in running]])
        end = _number(asked, "end", last)
        start = _number(asked, "start", max(first, end - _SHOWN_S))
        if not start < end:
            start = end - 1
        width = int(_number(asked, "width", 1000))
        seen = stream.view(tail.bars, start, end, width, running)
        return {
            "job": job.hex(),
            "first": first,
            "last": last,
            "dropped": tail.bars.dropped,
            "untold": max(0, _done(cluster, job) - tail.done),
            "behind": tail.behind,
            **seen,
        }

    def errors(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """Failures, those that are the same together, the most frequent first."""
        job = cluster.job(asked.get("job"))
        tail = self._tail(cluster, job)
        groups = tail.errors
        rows = groups.rows()
        for row in rows:
            del row["traceback"], row["traceback_of"]  # long; `traceback` tells them, one by one
        left_out, behind = groups.left_out, tail.behind
        return {"job": job.hex(), "errors": rows, "left_out": left_out, "behind": behind}

    def traceback(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """The traceback of a group of failures, or of a task whose result is held still."""
        job = cluster.job(asked.get("job"))
        key = failed.Key(*[asked.get(name, "") for name in failed.Key._fields])
        task, text = self._tail(cluster, job, inf).errors.traceback(key)
        if not text:
            named = asked.get("ids", "").split(",")[:_TRACEBACKS_MOST]
            tasks = [found.id for found in map(cluster.find, named) if found.kind == "task"]
            told = (failed.held_traceback(cluster, task) for task in tasks)
            text, task = next(((text, task) for text, task in told if text), ("", ""))
        return {"task": task, "traceback": text}

    def tasks(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """A table of tasks."""
        job = cluster.job(asked.get("job"))
        states = frozenset(filter(None, asked.get("state", "").split(",")))
        name = asked.get("name", "")
        limit = min(_LIMIT_MOST, int(_number(asked, "limit", _LIMIT)))
        unknown = states - set(tasks.STATES)
        if unknown:
            raise errors.InvalidOption(f"there is no state {', '.join(sorted(unknown))}")
        found = tasks.table(
            cluster, [job], None, limit, states or frozenset(tasks.STATES),
            wanted=(lambda of: name in of) if name else None, over_of=self._over_of,
        )  # fmt: skip
        return {"job": job.hex(), **found}

    def task(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """One task: its story, and why it is not over."""
        task = _task(cluster, asked)
        about = reasons.show(cluster, task)
        plans_of = followed.whose(cluster, task)
        return {**about, "why": reasons.explain(cluster, task), "plans": plans_of}

    def around(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """One task among those that it has to do with."""
        task = _task(cluster, asked)
        past = self._tail(cluster, task[: ids.JOB_BYTES], inf).past
        return graph.around(cluster, task, past.name)

    def graph(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """All tasks of a job, or all its functions."""
        job = cluster.job(asked.get("job"))
        tail, singly = self._tail(cluster, job), asked.get("by") != "function"
        drawn = graph.look(cluster, job, tail.past, singly=singly)
        return {"job": job.hex(), **drawn, "behind": tail.behind}

    def actors(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """The actors of a job, or of all that are open; with `all`, also those that are over."""
        named = asked.get("job")
        jobs = [cluster.job(named)] if named else list(cluster.control_plane.jobs())
        over = actors.ended(cluster, jobs)
        rows = actors.actors(cluster, jobs) + (over if asked.get("all") else [])
        return {"actors": rows, "ended": len(over)}

    def plans(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """Plans that can be taken up; and those of one job that nobody can take up any more."""
        jobs = [] if cluster.live is None else list(cluster.live.jobs())
        known = asked.get("job") or cluster.jobs()
        also = [cluster.job(asked.get("job"))] if known else []
        return {"plans": self._bygone.table(cluster, jobs, also)}

    def _followed(self, cluster: Cluster, asked: Mapping[str, str]) -> Followed:
        plan = _plan(cluster, asked)
        one = self._plans.pop(plan, None) or Followed(plan)
        self._plans[plan] = one  # the latest last
        while len(self._plans) > _TAILS_MOST:
            del self._plans[next(iter(self._plans))]
        return one

    def plan(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """One plan: how far each function of it is, what failed, how fast it goes."""
        return self._followed(cluster, asked).look(cluster)

    def drawn(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """The graph of a plan: its tasks, or its functions."""
        singly = asked.get("by") != "function"
        return self._followed(cluster, asked).graph(cluster, singly=singly)

    def logs(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """Files of what workers printed: of a task, an actor, a job, a node, or all."""
        named = asked.get("id")
        whose = logs.Whose(cluster, cluster.find(named) if named else None)
        return {"files": logs.files(cluster, whose), "task": whose.task}

    def log(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """A part of one, or what a task has of it; from its end, if `start` is negative."""
        node = cluster.find(asked.get("node", ""))
        if node.kind != "node":
            raise errors.NotFound(f"{asked.get('node')!r} is a {node.kind}, and no node")
        start = int(_number(asked, "start", -_LOG_BYTES))
        name, task = asked.get("name", ""), asked.get("task", "")
        return logs.read(cluster, node.id.hex(), name, max(start, -_LOG_BYTES), task)

    def profile(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """Where the time of workers goes: of one that runs a task, of a node's, a job's, or all."""
        named = asked.get("id")
        seconds = _number(asked, "seconds", 2.0)
        if not 0 < seconds <= _PROFILE_MOST_S:
            raise errors.InvalidOption(f"seconds={seconds:g} cannot be; {_PROFILE_MOST_S} at most")
        return stacks.profile(cluster, cluster.find(named) if named else None, seconds)

    def nodes(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """The nodes, as they say now, and their workers."""
        del asked
        return {"nodes": things.nodes(cluster), "workers": things.workers(cluster)}

    def load(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """How busy the cluster is: what its workers run, and its machines, of those that answer."""
        del asked
        at = [work["at"] for work in tasks.running(cluster).values()]
        loads = [node["load"] for node in things.nodes(cluster) if "load" in node]
        cpu = sum(load["cpu_percent"] for load in loads) / len(loads) if loads else None
        return {
            "running": at.count("running") + at.count("blocked"), "hosting": at.count("hosting"),
            "cpu_percent": cpu, "spilled": sum(load["spilled"] for load in loads),
        }  # fmt: skip

    def objects(self, cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
        """What is kept, by creator and by holder; and the largest."""
        job = cluster.job(asked.get("job"))
        limit = min(_LIMIT_MOST, int(_number(asked, "limit", _LIMIT)))
        told = objects.memory(cluster, [job], limit)
        largest, there = told.pop("largest"), sum(group["count"] for group in told["created"])
        return {"job": job.hex(), **told, "objects": largest, "matched": there}


def _done(cluster: Cluster, job: bytes) -> int:
    return sum(counts["done"] for counts in cluster.counts(job).values())


def _running(cluster: Cluster, job: bytes, now: float) -> list[stream.Running]:
    """What workers run of a job; an actor that waits for calls is none of it."""
    if not cluster.is_open(job):
        return []
    at_work = [
        (task, f"{work['node'][:8]} {work['pid']}", work)
        for task, work in tasks.running(cluster).items()
        if task.startswith(job.hex()) and work["at"] in {"running", "blocked"}
    ]
    return [
        stream.Running(lane, work["task"], now - work["seconds"], work["seconds"], task)
        for task, lane, work in at_work
        if work["seconds"] is not None
    ]


def _task(cluster: Cluster, asked: Mapping[str, str]) -> bytes:
    """The task that is asked for, or that makes the object that is."""
    found = cluster.find(asked.get("id", ""))
    if found.kind not in {"task", "object"}:
        raise errors.NotFound(f"{asked.get('id')!r} is a {found.kind}, and no task")
    return found.id[: ids.TASK_BYTES]


def _plan(cluster: Cluster, asked: Mapping[str, str]) -> bytes:
    found = cluster.find(asked.get("id", ""))
    if found.kind != "plan":
        raise errors.NotFound(
            f"{asked.get('id')!r} is a {found.kind}, and no plan that can be taken up: it was let "
            "go of, or its program ended"
        )
    return found.id


def _number(asked: Mapping[str, str], name: str, default: float) -> float:
    text = asked.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e12:  # noqa: PLR2004 - neither a time nor a size; NaN is not below
        raise errors.InvalidOption(f"{name}={text!r} is no number")
    return number


PAGES: tuple[str, ...] = (
    "job", "plans", "plan", "drawn", "graph", "around", "stream", "errors", "traceback", "tasks",
    "task", "actors", "nodes", "load", "objects", "logs", "log", "profile",
)  # fmt: skip


def page(answers: Answers, name: str) -> Answer:
    """What answers one page."""
    answer: Answer = getattr(answers, name)
    return answer
