"""Jobs, nodes and workers in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom.gcs.orphans import Orphan
from hyperloom.resources import ResourceSet
from hyperloom.watch import counted

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.counted import Counts

RETRY = "loom retry"  # the program of this command's own jobs, which nobody means by `LAST`
GOES_ON = "its program has ended, and what it detached goes on"  # said of an open job


def jobs(cluster: Cluster) -> list[dict[str, Any]]:
    """All that are known, the latest first; their counts are exact."""
    return [row_of(cluster, job, known) for job, known in reversed(list(cluster.jobs().items()))]


def listed(cluster: Cluster) -> list[dict[str, Any]]:
    """Those that are of somebody's: no job that a command was for itself, which has no tasks."""
    return [row for row in jobs(cluster) if is_listed(row)]


def is_listed(row: dict[str, Any]) -> bool:
    """Whether this one is."""
    return bool(row["submitted"]) or row["program"] != RETRY


def row_of(cluster: Cluster, job: bytes, known: dict[str, Any]) -> dict[str, Any]:
    """One of them; `known` is what `Cluster.jobs` knows."""
    each = cluster.counts(job)
    what = ("submitted", *counted.OVER, "retried")
    total = {one: sum(counts[one] for counts in each.values()) for one in what}
    about = known.get("about", {})
    chunk, items_left = _items(cluster, job, each) if known["state"] == "open" else (0, 0)
    orphan = known.get("orphan") or Orphan()
    forsaken = known["state"] == "open" and bool(about.get("forsaken"))
    program_ended = known["state"] != "open" or forsaken
    return {
        "job": job.hex(),
        "state": known["state"],
        "program": " ".join(about.get("argv", [])),
        "pid": None if program_ended else about.get("pid"),
        "program_ended": program_ended,
        "node": about.get("node"),
        "namespace": about.get("namespace", ""),
        "submission": about.get("submission", ""),
        "opened": known["opened"],
        "ended": known["ended"],
        **total,
        "left": total["submitted"] - counted.over_in(total),
        "chunk": chunk,
        "items_left": items_left,
        "lost_s": orphan.lost_s,
        "ends_s": orphan.ends_s,
        "orphan": orphan.says,
        "notes": [note for note in (orphan.says, GOES_ON if forsaken else "") if note],
    }


def _items(cluster: Cluster, job: bytes, each: Counts) -> tuple[int, int]:
    """Of maps that have several items in a task: how many at most, and how many items are left."""
    most = left = 0
    for template, counts in each.items():
        chunk = cluster.chunk(job, template)
        most = max(most, chunk)
        left += chunk * (counts["submitted"] - counted.over_in(counts))
    return most, left


def nodes(cluster: Cluster) -> list[dict[str, Any]]:
    """The members of the cluster, as they say now, or lately said if they do not answer."""
    live = cluster.control_plane
    now = {node: _spoken(answer) for node, answer in live.answers("status").items()}
    return [_node(about | now.get(about["node"], {})) for about in live.nodes()]


def _spoken(answer: dict[str, Any]) -> dict[str, Any]:
    """A node's own answer, which has exact units."""
    return answer | {name: ResourceSet(answer[name]).as_dict() for name in ("resources", "free")}


def _node(about: dict[str, Any]) -> dict[str, Any]:
    free = ", ".join(
        f"{about['free'].get(name, 0):g} of {amount:g} {name}"
        for name, amount in about["resources"].items()
        if name != "memory"
    )
    state = "draining" if about.get("draining") else "alive"
    return {
        **about, "state": state if about["alive"] else "NOT HEARD OF", "free_text": free,
        "used": about["store"]["used"], "bytes": about["store"]["capacity"],
        "workers": len(about.get("workers") or ()),
    }  # fmt: skip


def workers(cluster: Cluster) -> list[dict[str, Any]]:
    """The worker processes of all nodes that answer."""
    return [
        {**worker, "node": node, "count": len(worker["behind"])}
        for node, answer in sorted(cluster.control_plane.answers("status").items())
        for worker in answer["workers"]
    ]
