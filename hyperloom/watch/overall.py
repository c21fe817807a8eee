"""The whole cluster in figures that cost little: for who looks again and again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hyperloom.watch import counted, things

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


def left(cluster: Cluster, job: bytes) -> int:
    """Tasks that are not over."""
    return sum(each["submitted"] - counted.over_in(each) for each in cluster.counts(job).values())


def by_name(cluster: Cluster, job: bytes, plan: bytes = b"") -> list[dict[str, Any]]:
    """How many tasks of each function were submitted, ended in which way, wait, and are left.

    With `plan`, a large one, only its own (`hyperloom.plan.detaching.COUNTED_FROM`).

    Of a map that has several items in a task (`chunk`: most of them; 0: there is no such map) also
    the `items`, how many of them are over, failed, were cancelled, and are left.  Whose function
    has other tasks, too, counts each of those as an item.
    """
    rows: dict[str, dict[str, Any]] = {}
    for template, each in cluster.counts(job).items():
        if plan and cluster.plan(job, template) != plan:
            continue
        name, chunk = cluster.name(job, template), cluster.chunk(job, template)
        row = rows.setdefault(name, {"name": name, **dict.fromkeys((*_COUNTED, *_ITEMS), 0)})
        for what in _COUNTED:
            row[what] += each[what]
        row["chunk"] = max(row["chunk"], chunk)
        row["items"] += each["submitted"] * (chunk or 1)
        row["items_over"] += counted.over_in(each) * (chunk or 1)
        row["items_failed"] += each["failed_items"] if chunk > 1 else each["failed"]
        row["items_cancelled"] += each["cancelled"] * (chunk or 1)
    for row in rows.values():
        row["left"] = row["submitted"] - counted.over_in(row)
        row["items_left"] = row["items"] - row["items_over"]
    return list(rows.values())


def standing(
    cluster: Cluster, job: bytes, rows: Iterable[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """These functions of an open job with how many of their tasks are `ready`, and `held` by nodes.

    Costs what nodes hold: that is not counted by function.
    """
    held = cluster.control_plane.holding(job)
    named = Counter[str]()
    for template, number in held.items():
        named[cluster.name(job, template)] += number
    for row in rows:
        has = min(named[row["name"]], row["left"] - row["waiting"])  # it is asked a moment later
        yield {**row, "held": has, "ready": row["left"] - row["waiting"] - has}


_COUNTED = ("submitted", *counted.OVER, "retried", "waiting")
_ITEMS = ("chunk", "items", "items_over", "items_failed", "items_cancelled")


def in_chunks(row: dict[str, Any]) -> str:
    """What is to be said of a function whose tasks have several items; "" of any other."""
    if row["chunk"] <= 1:
        return ""
    return f"{row['items']:,} items in {row['submitted']:,} tasks of up to {row['chunk']:,} items"
