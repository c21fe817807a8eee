"""Failures, those that are the same together: one function, one class, one place.  Pure.

Of a group the latest tasks are kept, to be looked at, and the latest traceback that was told; how
many there were is counted.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import events, failures, ids
from hyperloom.events import Ended
from hyperloom.gcs import codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.story import Event

_GROUPS_MOST = 500
_TASKS_KEPT = 20


class Key(NamedTuple):
    """What failures of a group have in common."""

    name: str
    kind: str
    place: str


class Groups:
    """See the module.  What has no room any more is counted in `left_out`."""

    def __init__(self) -> None:
        self._groups: dict[Key, dict[str, Any]] = {}
        self.left_out = 0

    def add(self, name: str, ran: events.Attempt) -> None:
        """One attempt that has an error; what was cancelled has not failed."""
        assert ran.error is not None, "only those are added"
        if ran.error.is_cancelled:
            return
        key = Key(name, ran.error.kind, ran.error.place)
        at = ran.begun + ran.seconds
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= _GROUPS_MOST:
                self.left_out += 1
                return
            group = self._groups[key] = {
                **key._asdict(), "category": ran.error.category, "count": 0, "retried": 0,
                "first": at, "tasks": deque(maxlen=_TASKS_KEPT), "traceback": "",
                "traceback_of": "",
            }  # fmt: skip
        group["count"] += 1
        group["retried"] += ran.ended is Ended.RETRIED
        group |= {"text": ran.error.text, "last": at}
        group["tasks"].append(ran.task)
        if ran.error.traceback:
            group |= {"traceback": ran.error.traceback, "traceback_of": ran.task.hex()}

    def rows(self) -> list[dict[str, Any]]:
        """The groups, the most frequent first; of each the latest tasks, the latest first."""
        ordered = sorted(self._groups.values(), key=lambda group: -group["count"])
        return [{**group, "tasks": _tasks(group["tasks"])} for group in ordered]

    def traceback(self, key: Key) -> tuple[str, str]:
        """Of one group: the task (in hex), and its traceback, if one was told."""
        group = self._groups.get(key, {})
        return group.get("traceback_of", ""), group.get("traceback", "")


def _tasks(latest: Iterable[bytes]) -> list[dict[str, str]]:
    unique = list(dict.fromkeys(latest))
    return [{"id": task.hex(), "short": ids.short(task)} for task in reversed(unique)]


def of(told: Iterable[Event], name_of: Callable[[bytes], str]) -> Groups:
    """Those of a job's events; what an input passed on is the input's."""
    groups = Groups()
    for event in told:
        if event.kind == codes.RAN:
            for ran in events.attempts(event.payload):
                if ran.error is not None and ran.ended is not Ended.PASSED_ON:
                    groups.add(name_of(ran.template), ran)
        for ran in with_node(event):
            groups.add(name_of(ran.template), ran)
    return groups


def with_node(event: Event) -> Iterator[events.Attempt]:
    """What failed since its node, or its actor, was lost, as if that node had told it."""
    if event.kind == codes.CALLS_LOST:
        lost_calls = events.calls_lost(event.payload)
        for task, template in lost_calls.templates.items():
            yield events.Attempt(
                task, template, 0, Ended.FAILED, event.at, 0.0, 0, b"", 0, lost_calls.error, []
            )
    if event.kind == codes.NODE_FAILED:
        node, lost = events.failed_with_node(event.payload)
        why = events.Error(
            "node lost", f"its node {node.hex()[:8]} was lost, and no retry was left"
        )
        for task, template in lost.items():
            yield events.Attempt(
                task, template, 0, Ended.FAILED, event.at, 0.0, 0, node, 0, why, []
            )


def of_job(cluster: Cluster, job: bytes) -> list[dict[str, Any]]:
    """The groups of a job's failures."""
    return in_table(job, of(cluster.events(job), lambda template: cluster.name(job, template)))


def in_table(job: bytes, groups: Groups) -> list[dict[str, Any]]:
    """Each with its job, what it says, and the task that is named for it."""
    return [
        {"job": job.hex(), **row, "error": row["text"], "such_as": row["tasks"][0]["short"]}
        for row in groups.rows()
    ]


def traceback_of(cluster: Cluster, task: bytes) -> tuple[str, str]:
    """As the worker of a task printed it, and the task (in hex).

    It may be of another task that failed at the same place: then its own is not known any more.
    Empty: there is none.
    """
    held, of = held_traceback(cluster, task)
    if held:
        return held, of
    told = list(cluster.events(bytes(ids.job_of(ids.TaskID(task)))))
    error = _last_error(told, task)
    return ("", "") if error is None or not error.place else _told(told, task, error)


def held_traceback(cluster: Cluster, task: bytes) -> tuple[str, str]:
    """The one in the task's result, and whose it is; empty: nobody holds such a result."""
    if cluster.live is None:
        return "", ""
    job = bytes(ids.job_of(ids.TaskID(task)))
    value = cluster.live.value(job, ids.object_id(ids.TaskID(task), 0))
    if value is None or value[:1] != codes.FAILURE:
        return "", ""
    failure = failures.decode(value[1:])
    return failure.traceback, (failure.task_id or task).hex()


def _last_error(told: Iterable[Event], task: bytes) -> events.Error | None:
    found = None
    for event in told:
        if event.kind == codes.RAN and task in event.payload:
            ran = [each for each in events.attempts(event.payload) if each.task == task]
            found = ran[-1].error if ran else found
    return found


def _told(told: Iterable[Event], task: bytes, error: events.Error) -> tuple[str, str]:
    """The task's own, or of the one whose failure it is, or of one that failed at that place."""
    found = "", ""
    own = {task.hex(), error.origin}
    for event in told:
        for run in events.ran(event.payload).runs if event.kind == codes.RAN else ():
            for number in run.errors:
                ran = events.attempt(b"", run, number)
                if ran.error is None or not ran.error.traceback:
                    continue
                if ran.task.hex() in own:
                    return ran.error.traceback, ran.task.hex()
                if (ran.error.kind, ran.error.place) == (error.kind, error.place):
                    found = ran.error.traceback, ran.task.hex()
    return found
