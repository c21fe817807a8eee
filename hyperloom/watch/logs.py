"""What workers printed: which files there are, whose they are, and what they say."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from hyperloom import errors, events, ids
from hyperloom.gcs import codes
from hyperloom.watch import plans
from hyperloom.watch.cluster import Found
from hyperloom.watch.tasks import running

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster

LAST_LINES = 10
_LAST_BYTES = 8_000


class Whose:
    """The workers of something: of a node, a job, a plan, a task, an actor, or (None) of all.

    `task` (in hex; empty: none) is whose lines are meant, of all that these workers printed.  An
    actor has its worker for itself.

    Raises:
        errors.NotFound: it has not run yet.
    """

    def __init__(self, cluster: Cluster, found: Found | None) -> None:
        self._node: str | None = None
        self._workers: set[tuple[str, int]] | None = None
        self.task = ""
        if found is None:
            return
        if found.kind == "node":
            self._node = found.id.hex()
            return
        if found.kind == "group":
            raise errors.NotFound("a placement group prints nothing: ask for a task, job or node")
        at_work = running(cluster)
        self._workers = _of_work(cluster, found, at_work)
        if not self._workers:
            short = found.id.hex()
            raise errors.NotFound(f"{short} has not run yet, as far as is known; loom why {short}")
        if found.kind in {"task", "object"}:
            task = found.id[: ids.TASK_BYTES].hex()
            self.task = "" if _is_actor(task, at_work.get(task)) else task

    def has(self, node: str, pid: int) -> bool:
        """Whether this worker is one of them."""
        known = self._workers is None or (node, pid) in self._workers
        return known and self._node in {None, node}


def _is_actor(task: str, work: dict[str, Any] | None) -> bool:
    """Whether it lives in its worker, and is not one of the calls there."""
    if work is None or not (work["at"] == "hosting" or work.get("calls")):
        return False
    return all(call["task_id"] != task for call in work["answering"])


def _of_work(
    cluster: Cluster, found: Found, at_work: dict[str, dict[str, Any]]
) -> set[tuple[str, int]]:
    begins = b"" if found.kind == "plan" else found.id[: ids.TASK_BYTES]
    is_meant = plans.tasks_of(cluster, found)
    workers = {
        (ran.node.hex(), ran.pid)
        for event in cluster.events(found.job)
        if event.kind == codes.RAN and begins in event.payload
        for ran in events.attempts(event.payload)
        if is_meant(ran.task)
    }
    for task, worker in at_work.items():
        if worker["pid"] is not None and is_meant(bytes.fromhex(task)):
            workers.add((worker["node"], worker["pid"]))
    return workers


def files(cluster: Cluster, whose: Whose) -> list[dict[str, Any]]:
    """Their files, by node and process, the older first: `node`, `name`, `pid`, `bytes`, `at`."""
    found = [
        {**file, "node": node, "pid": _pid(file["name"])}
        for node, told in cluster.control_plane.answers("logs").items()
        for file in told
    ]
    mine = [file for file in found if whose.has(file["node"], file["pid"])]
    return sorted(mine, key=lambda file: (file["node"], file["pid"], file["at"]))


def last_lines(cluster: Cluster, task: bytes) -> list[dict[str, Any]] | None:
    """What a task printed last, of all its attempts: `text`, and by whom: `node`, `pid`.

    None: it has not run yet, as far as is known, or no node is here to tell.
    """
    if cluster.live is None:
        return None
    try:
        whose = Whose(cluster, Found("task", task))
    except errors.NotFound:
        return None
    lines: list[dict[str, Any]] = []
    for file in sorted(files(cluster, whose), key=itemgetter("at")):
        part = read(cluster, file["node"], file["name"], -_LAST_BYTES, whose.task)
        by = {"node": file["node"], "pid": file["pid"]}
        lines += [{**by, "text": text} for text in part["text"].splitlines()]
    return lines[-LAST_LINES:]


def _pid(name: str) -> int:
    return int(name.removeprefix("worker-").partition(".")[0])


def read(cluster: Cluster, node: str, name: str, start: int, task: str = "") -> dict[str, Any]:
    """A part of a file from `start` on, from its end if that is negative: `text`, and `next`.

    With a task (in hex): only what that has printed.
    """
    told = cluster.control_plane.answers_of([bytes.fromhex(node)], "log", name, start, task)
    part = told.get(node) or {
        "name": name, "file": 0, "text": "", "next": max(0, start), "size": 0
    }  # fmt: skip
    return {"node": node, **part}
