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
    return [{"job": job.hex(), **row} for row in by_name(cluster, job)]


def by_name(cluster: Cluster, job: bytes, plan: bytes = b"") -> list[dict[str, Any]]:
    """How many tasks of each function were submitted, are done, failed, tried again, and are left.

    With `plan`, a large one, only its own (`hyperloom.plan.detaching.COUNTED_FROM`).

    Of a map that has several items in a task (`chunk`: most of them; 0: there is no such map) also
    the `items`, how many of them are over, and left.  Whose function has other tasks, too, counts
    each of those as an item.
    """
    rows: dict[str, dict[str, Any]] = {}
    for template, each in cluster.counts(job).items():
        if plan and cluster.plan(job, template) != plan:
            continue
        name, chunk = cluster.name(job, template), cluster.chunk(job, template)
        row = rows.setdefault(
            name, {"name": name, **dict.fromkeys(each, 0), "chunk": 0, "items": 0, "items_over": 0}
        )
        for what, number in each.items():
            row[what] += number
        row["chunk"] = max(row["chunk"], chunk)
        row["items"] += each["submitted"] * (chunk or 1)
        row["items_over"] += (each["done"] + each["failed"]) * (chunk or 1)
    for row in rows.values():
        row["left"] = row["submitted"] - row["done"] - row["failed"]
        row["items_left"] = row["items"] - row["items_over"]
    return list(rows.values())


def in_chunks(row: dict[str, Any]) -> str:
    """What is to be said of a function whose tasks have several items; "" of any other."""
    if row["chunk"] <= 1:
        return ""
    return f"{row['items']:,} items in {row['submitted']:,} tasks of up to {row['chunk']:,} items"
