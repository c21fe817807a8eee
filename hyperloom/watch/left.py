"""Why a whole job, or what a node has, is not over: its tasks, those alike in one line.

Tasks are alike that call one function and are kept from being over by the same: of each kind one
is explained.  The rule: some thousand tasks are looked at, however many there are, and the answer
says so; what will not come by itself stands first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import ids
from hyperloom.watch import reasons, things
from hyperloom.watch.tasks import running
from hyperloom.why.reason import spoken

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Stand

_LOOKED_AT = 20_000  # tasks of a job that are not over
_KINDS = 50  # that are explained
_AT = {
    "running": "running", "blocked": "in get()", "hosting": "actors", "behind": "behind others",
    "fetching": "waiting for inputs from other nodes",
}  # fmt: skip
_DETACHED = f"{things.GOES_ON} (loom ls plans, loom ls actors)"
_STATES = {"HELD": "on nodes", "READY": "ready", "WAITING": "waiting"}


class Kind(NamedTuple):
    """What tasks that are alike have in common."""

    name: str
    state: str
    kept_by: str  # a queue, how far its node is with it, or what makes an input and where that is


def of_job(cluster: Cluster, job: bytes) -> list[dict[str, Any]]:
    """The job, then each kind of tasks that are left, with one of them."""
    (about,) = [row for row in things.jobs(cluster) if row["job"] == job.hex()]
    head = {
        "job": about["job"], "short": f"job {about['job']}", "name": about["program"], "why": "job",
        "state": about["state"], "advice": _of_failures(about), "lost_s": about["lost_s"],
        "ends_s": about["ends_s"],
    }  # fmt: skip
    orphan = f"; {about['orphan']}" if about["orphan"] else ""
    if about["state"] != "open" or not about["left"]:
        return [{**head, "says": _over(about) + orphan}]
    at_work = running(cluster)
    kinds, looked_at = _kinds(cluster, job, at_work)
    says = f"has {about['left']:,} of {about['submitted']:,} tasks left"
    states = {
        word: sum(len(tasks) for kind, tasks in kinds.items() if kind.state == state)
        for state, word in _STATES.items()
    }
    if looked_at:
        says += ": " + ", ".join(f"{number:,} {word}" for word, number in states.items() if number)
    if 0 < looked_at < about["left"]:
        says += f" of the {looked_at:,} looked at"
    says += f"; {ended}" if (ended := _ended_badly(about)) else ""
    if about["program_ended"]:
        says += f"; {_DETACHED}"
    return [{**head, "says": says + orphan}, *_explained(cluster, kinds, at_work)]


def _of_failures(about: dict[str, Any]) -> str:
    return f"see what failed: loom ls errors --job {about['job']}" if about["failed"] else ""


def _over(about: dict[str, Any]) -> str:
    is_over = "has no task left; its program goes on"
    if about["state"] != "open":
        is_over = "is over" if about["state"] == "ended" else "ended with its cluster"
    elif about["program_ended"]:
        is_over = f"has no task left; {_DETACHED}, until it is released"
    counts = f"{about['done']:,} of {about['submitted']:,} tasks are done"
    left = f", {about['left']:,} never ended" if about["left"] else ""
    badly = f", {ended}" if (ended := _ended_badly(about)) else ""
    return f"{is_over}: {counts}{badly}{left}"


def _ended_badly(about: dict[str, Any]) -> str:
    """Those that failed; and apart from them those that nobody wanted."""
    return ", ".join([f"{about[what]:,} {what}" for what in ("failed", "cancelled") if about[what]])


def of_node(cluster: Cluster, node: str) -> list[dict[str, Any]]:
    """The node: whether it takes tasks, and what it has."""
    (about,) = [row for row in things.nodes(cluster) if row["node"] == node]
    at = [work["at"] for work in running(cluster).values() if work["node"] == node]
    has = ", ".join(f"{at.count(how):,} {word}" for how, word in _AT.items() if how in at) or "none"
    says, advice = f"is alive with {about['free_text']} free; its tasks: {has}", ""
    if about["alive"] and about["silent_s"]:
        says = f"was not heard of for {spoken(about['silent_s'])}"
        advice = f"if it stays so, what it has goes to other nodes in {spoken(about['left_s'])}"
    elif not about["alive"]:
        says = "is not heard of"
        advice = (
            "what it has goes to other nodes when its lease has run out (LOOM_LEASE_S); is its "
            "machine there, and does it reach the head?"
        )
    elif about.get("draining"):
        says = f"is to leave: it takes nothing new, and hands on or ends what it has: {has}"
    elif about.get("calm"):
        says += "; its memory was short, so it runs one task at a time for a moment"
        advice = "ask for memory= so that fewer run at the same time"
    return [{
        "node": node, "short": f"node {node[:8]}", "name": f"on {about['host']}",
        "state": about["state"], "why": "node", "says": says, "advice": advice,
    }]  # fmt: skip


def _kinds(
    cluster: Cluster, job: bytes, at_work: dict[str, dict[str, Any]]
) -> tuple[dict[Kind, list[bytes]], int]:
    """The tasks that are left by their kinds, and how many were looked at."""
    live = cluster.control_plane
    tasks, _ = live.tasks(job, _LOOKED_AT)
    stands = dict(zip(tasks, live.where(job, tasks, 1), strict=True))
    alive = {about["node"] for about in live.nodes() if about["alive"]}
    kinds: dict[Kind, list[bytes]] = {}
    for task, stand in stands.items():
        if stand.state in _STATES:
            waits = stand.state == "WAITING"
            work = at_work.get(task.hex())
            kept_by = _maker(stand, stands) if waits else _kept_by(stand, work, alive)
            kinds.setdefault(Kind(_name(stand), stand.state, kept_by), []).append(task)
    return kinds, len(tasks)


def _name(stand: Stand) -> str:
    return stand.template.name if stand.template else "?"


def _kept_by(stand: Stand, work: dict[str, Any] | None, alive: set[str]) -> str:
    if stand.state == "READY":
        return stand.becomes or stand.detail
    if stand.detail not in alive:
        return "silent"
    return work["at"] if work else ""


def _maker(stand: Stand, stands: dict[bytes, Stand]) -> str:
    """What makes an input that is not there; empty: nobody does, or it is not among these."""
    maker = stands.get(ids.task_of(ids.ObjectID(stand.lacks[0]))) if stand.lacks else None
    return f"{_name(maker)} {maker.state} {maker.detail}" if maker else ""


def _explained(
    cluster: Cluster, kinds: dict[Kind, list[bytes]], at_work: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """A line for each; those that will not come by themselves first."""
    most = sorted(kinds.items(), key=lambda item: -len(item[1]))[:_KINDS]
    lines = [_line(cluster, kind, tasks, at_work) for kind, tasks in most]
    return sorted(lines, key=lambda line: line["why"] not in reasons.STUCK)


def _line(
    cluster: Cluster, kind: Kind, tasks: list[bytes], at_work: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    line = reasons.alike(cluster, tasks[0], at_work)
    if kind.state == "WAITING" and kind.kept_by and len(tasks) > 1:
        maker = ids.short(bytes.fromhex(line["lacks"][0])[: ids.TASK_BYTES])
        line["says"] = f"waits for what {kind.kept_by.split()[0]} makes, that one for {maker}"
    return {**line, "tasks": len(tasks)}
