"""Objects: who made them, how large they are, where they lie, and who holds them."""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, Any

from hyperloom import events, ids
from hyperloom.gcs import codes, keys
from hyperloom.watch import pins
from hyperloom.watch.inputs import thing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Live
    from hyperloom.watch.story import Event

_LOOKED_AT = 20_000  # objects of a job
_AT_ONCE = 500
_NO_MAKER = -(codes.GONE >> 1)  # a count below this: the maker itself let go


def table(
    cluster: Cluster,
    jobs: Iterable[bytes],
    keep: Callable[[dict[str, Any]], bool],
    limit: int,
    _: object = None,
) -> dict[str, Any]:
    """The largest first; `hidden` were not looked at."""
    rows: list[dict[str, Any]] = []
    hidden = 0
    for job in jobs:
        found, unseen = of_job(cluster, job)
        rows += [row for row in found if keep(row)]
        hidden += unseen
    rows.sort(key=_by_size)
    return {"objects": with_pins(cluster, rows[:limit]), "matched": len(rows), "hidden": hidden}


def with_pins(cluster: Cluster, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with who keeps each: `pins`, and `pinned` in a few words."""
    found: dict[bytes, list[dict[str, Any]]] = {}
    for job in {row["job"] for row in rows}:
        oids = [bytes.fromhex(row["id"]) for row in rows if row["job"] == job]
        found |= pins.of(cluster, bytes.fromhex(job), oids)
    told = [(row, found[bytes.fromhex(row["id"])]) for row in rows]
    return [{**row, "pins": by, "pinned": pins.text(by, row["holders"])} for row, by in told]


def of_job(cluster: Cluster, job: bytes) -> tuple[list[dict[str, Any]], int]:
    """Objects of a job, and how many more there are."""
    live = cluster.control_plane
    values, total = _values(live, job)
    counts = _refs(live, job, list(values))
    names = _creators(cluster, job, values)
    rows = []
    for oid, value in values.items():
        count, by_maker = counts[oid]
        task = bytes(ids.task_of(oid))  # type: ignore[arg-type]
        about = thing(oid, value)
        rows.append({
            **about, "job": job.hex(), "name": names.get(task, "put"),
            "process": oid[: ids.PROCESS_BYTES].hex(), "holders": count + by_maker,
            "held_by_maker": bool(by_maker),
        })  # fmt: skip
    return rows, total - len(values)


def _values(live: Live, job: bytes) -> tuple[dict[bytes, bytes], int]:
    name = keys.OBJECT.name(keys.job_namespace(job))
    values: dict[bytes, bytes] = {}
    cursor = b"0"
    total = live.wire.call("HLEN", name)
    while len(values) < _LOOKED_AT:
        cursor, flat = live.wire.call("HSCAN", name, cursor, "COUNT", _AT_ONCE)
        values |= dict(zip(flat[::2], flat[1::2], strict=True))
        if cursor == b"0":
            break
    return values, max(total, len(values))


def _refs(live: Live, job: bytes, oids: list[bytes]) -> dict[bytes, tuple[int, int]]:
    """Of each object: its holders besides its maker, and 1 if that holds it too."""
    name = keys.REFS.name(keys.job_namespace(job))
    found = {}
    for at in range(0, len(oids), _AT_ONCE):
        part = oids[at : at + _AT_ONCE]
        for oid, count in zip(part, live.wire.call("HMGET", name, *part), strict=True):
            n = int(count or 0)
            found[oid] = (n + codes.GONE, 0) if n < _NO_MAKER else (n, 1)
    return found


def refs(cluster: Cluster, job: bytes, oid: bytes) -> dict[str, Any]:
    """Who holds one object."""
    if cluster.live is None:
        return {"holders": None, "held_by_maker": None, "pins": []}
    count, by_maker = _refs(cluster.live, job, [oid])[oid]
    return {
        "holders": count + by_maker, "held_by_maker": bool(by_maker),
        "pins": pins.of(cluster, job, [oid])[oid],
    }  # fmt: skip


def _creators(cluster: Cluster, job: bytes, values: Iterable[bytes]) -> dict[bytes, str]:
    """The names of the functions that made them, as far as events tell."""
    wanted = {bytes(ids.task_of(oid)) for oid in values}  # type: ignore[arg-type]
    return {
        task: cluster.name(job, template)
        for event in cluster.events(job)
        for task, template in _told_of(event)
        if task in wanted
    }


def _told_of(event: Event) -> Iterable[tuple[bytes, bytes]]:
    """Tasks of whose ends an event tells, each with its template."""
    match event.kind:
        case codes.RAN:
            return ((ran.task, ran.template) for ran in events.attempts(event.payload))
        case codes.CANCELLED:
            return events.cancelled(event.payload).items()
        case codes.CALLS_LOST:
            return events.calls_lost(event.payload).templates.items()
        case codes.NODE_FAILED:
            return events.failed_with_node(event.payload)[1].items()
        case codes.ACTOR_ENDED:
            over = events.actor_ended(event.payload)
            return ((over.actor, over.template),)
        case _:
            return ()


def memory(cluster: Cluster, jobs: Iterable[bytes], largest: int = 0) -> dict[str, Any]:
    """What is kept, by creator, and by the process that holds what it did not make; the stores.

    And so many of the `largest` objects, with who keeps them.
    """
    all_rows: list[dict[str, Any]] = []
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    hidden = 0
    holds = []
    for job in jobs:
        rows, unseen = of_job(cluster, job)
        hidden += unseen
        all_rows += rows
        for row in rows:
            group = groups.setdefault((row["job"], row["name"]), _empty(row))
            group["count"] += 1
            group["bytes"] += row["bytes"] or 0
            group["in_store"] += (row["bytes"] or 0) * (" " not in row["where"])
            group["failed"] += row["state"] == "FAILED"
        holds += _holders(cluster.control_plane, job, {row["id"]: row for row in rows})
    created = sorted(groups.values(), key=lambda group: -group["bytes"])
    loads = {node: told["load"] for node, told in cluster.control_plane.answers("status").items()}
    stores = [
        {
            "node": about["node"], "host": about["host"], **about["store"],
            "spilled": loads.get(about["node"], {}).get("spilled"),  # None: it does not answer
        }
        for about in cluster.control_plane.nodes()
    ]  # fmt: skip
    first = nsmallest(largest, all_rows, key=_by_size)
    return {
        "created": created, "held": holds, "stores": stores, "hidden": hidden,
        "largest": with_pins(cluster, first),
    }  # fmt: skip


def _by_size(row: dict[str, Any]) -> tuple[int, str]:
    """The largest first."""
    return -(row["bytes"] or 0), row["id"]


def _empty(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "job": row["job"], "name": row["name"], "count": 0, "bytes": 0, "in_store": 0, "failed": 0
    }  # fmt: skip


def _holders(live: Live, job: bytes, rows: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    ns = keys.job_namespace(job)
    processes = live.processes(job)
    held = live.ask([("SMEMBERS", keys.HOLDS.name(ns, process)) for process in processes])
    homes = live.ask([("HGET", keys.HOMES.name(ns), process) for process in processes])
    found = []
    for process, oids, home in zip(processes, held, homes, strict=True):
        made = [row for row in rows.values() if row["process"] == process.hex()]
        own = [row for row in made if row["held_by_maker"]]
        lent = [rows[oid.hex()] for oid in oids if oid.hex() in rows]
        found.append({
            "job": job.hex(), "process": process.hex(), "short": ids.short(process),
            "node": home.hex() if home else None, "is": "worker" if home else "driver",
            "count": len(own) + len(lent),
            "bytes": sum(row["bytes"] or 0 for row in (*own, *lent)),
        })  # fmt: skip
    return sorted(found, key=lambda each: -int(str(each["bytes"])))
