"""The whole cluster in figures that cost little: for who looks again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom.watch import things

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster


def look(cluster: Cluster) -> dict[str, Any]:
    """Open jobs, their functions, the nodes and the server.  Reads counts, and no task."""
    live = cluster.control_plane
    told = live.overview()
    names = [row for job in told["jobs"] for row in counts(cluster, bytes.fromhex(job["job"]))]
    return {**told, "names": names, "nodes": things.nodes(cluster)}


def counts(cluster: Cluster, job: bytes) -> list[dict[str, Any]]:
    """The functions of a job with their exact counts."""
    rows: dict[str, dict[str, Any]] = {}
    for template, each in cluster.counts(job).items():
        name = cluster.name(job, template)
        row = rows.setdefault(name, {"job": job.hex(), "name": name, **dict.fromkeys(each, 0)})
        for what, number in each.items():
            row[what] += number
    for row in rows.values():
        row["left"] = row["submitted"] - row["done"] - row["failed"]
    return list(rows.values())
