"""What workers do, in their own words: stacks now, and samples of them over a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import errors, ids
from hyperloom.watch import plans

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster, Found

_EVERY_S = 0.01
_NATIVE_S = 12.0  # py-spy reads the symbols of all that is loaded


def _whom(cluster: Cluster, found: Found | None) -> tuple[list[bytes], list[int]]:
    """The nodes to ask, and the workers there; no workers: all.

    Raises:
        errors.NotFound: the task does not run now.
    """
    live = cluster.control_plane
    alive = [bytes.fromhex(node["node"]) for node in live.nodes() if node["alive"]]
    if found is None:
        return alive, []
    if found.kind == "node":
        return [found.id], []
    if found.kind == "group":
        raise errors.NotFound("a placement group has no worker of its own: ask for a task or node")
    is_meant = plans.tasks_of(cluster, found)
    workers = [
        (node, worker["pid"])
        for node, answer in live.answers("status").items()
        for worker in answer["workers"]
        if any(is_meant(bytes.fromhex(has)) for has in _has(worker))
    ]
    if not workers:
        name = ids.short(found.id) if found.kind in {"task", "object"} else found.id.hex()
        raise errors.NotFound(
            f"no worker runs {found.kind} {name} now; loom why says where it stands"
        )
    nodes = [bytes.fromhex(node) for node in dict.fromkeys(node for node, _ in workers)]
    return nodes, [pid for _, pid in workers]


def _has(worker: dict[str, Any]) -> list[str]:
    """The ids of what runs in a worker: a task, or an actor and its calls; else its job's."""
    calls = [call["task_id"] for call in worker["answering"]]
    return [worker["task_id"] or worker["job"], *calls]


def stacks(cluster: Cluster, found: Found | None, *, native: bool = False) -> list[dict[str, Any]]:
    """The stacks of all workers, of a node's, of a job's, or of the one that runs a task.

    In the workers' own words; or, with the frames of native code, as py-spy on their nodes sees
    them, which stops each for a moment.
    """
    nodes, pids = _whom(cluster, found)
    live = cluster.control_plane
    if native:
        told = live.answers_of(nodes, "native", pids, timeout_s=_NATIVE_S)
    else:
        told = live.answers_of(nodes, "stacks", pids)
    return [{**each, "node": node} for node, answer in told.items() for each in answer]


def profile(cluster: Cluster, found: Found | None, seconds: float) -> dict[str, Any]:
    """Samples of the same, as speedscope reads them: a profile of each worker."""
    nodes, pids = _whom(cluster, found)
    patience_s = seconds + 5.0
    told = cluster.control_plane.answers_of(
        nodes, "profile", pids, float(seconds), _EVERY_S, timeout_s=patience_s
    )
    frames: dict[tuple[str, str, int], int] = {}
    profiles = [
        _profile(node, each, frames)
        for node, answer in told.items()
        for each in answer
        if each["told"]
    ]
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": "hyperloom",
        "shared": {
            "frames": [{"name": name, "file": file, "line": line} for name, file, line in frames]
        },
        "profiles": profiles,
    }


def _profile(
    node: str, worker: dict[str, Any], frames: dict[tuple[str, str, int], int]
) -> dict[str, Any]:
    samples, weights = [], []
    for stack, times in worker["told"]:
        numbers = [frames.setdefault(tuple(frame), len(frames)) for frame in stack]
        samples.append(numbers)
        weights.append(times * _EVERY_S)
    return {
        "type": "sampled", "name": f"{worker['task'] or 'idle'}, worker {worker['pid']} on node "
        f"{node[:8]}", "unit": "seconds", "startValue": 0, "endValue": sum(weights),
        "samples": samples, "weights": weights,
    }  # fmt: skip
