"""Objects: who made them, how large they are, where they lie, and who holds them.

The rule: sums are of all objects, and the largest are the largest of all, however many there are
(`hyperloom.watch.weighed`).  Who made it is kept with what lies in a store; of a small one events
tell it, as far as they are there.  Very many small ones are one line: of some of them it is looked
who made them, and so who makes how much of all.
"""

from __future__ import annotations

from collections import Counter
from heapq import nsmallest
from typing import TYPE_CHECKING, Any

from hyperloom import events, ids
from hyperloom.gcs import codes, keys
from hyperloom.watch import pins, weighed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Live
    from hyperloom.watch.story import Event
    from hyperloom.watch.weighed import Weight, Weights

    Row = dict[str, Any]

PUT = "put"
SMALL = "(small values)"  # of a job that has very many, whoever made them
NOT_TOLD = "(not known any more)"  # what told of it is gone


def table(
    cluster: Cluster,
    jobs: Iterable[bytes],
    keep: Callable[[Row], bool] | None,
    limit: int,
    _: object = None,
) -> Row:
    """The largest first, of those that are to be kept; None: of all."""
    rows: list[Row] = []
    matched = 0
    for job in jobs:
        weights = weighed.of_job(cluster.control_plane, job, limit, every=keep is not None)
        if keep is None:
            matched += weights.number
            chosen = _largest(weights, limit)
            rows += _rows(job, chosen, _creators(cluster, job, chosen))
        else:
            names = _creators(cluster, job, weights.each)
            found = [row for row in _rows(job, weights.each, names) if keep(row)]
            matched += len(found)
            rows += nsmallest(limit, found, key=_by_size)
    first = nsmallest(limit, rows, key=_by_size)
    return {"objects": with_pins(cluster, first), "matched": matched}


def with_pins(cluster: Cluster, rows: list[Row]) -> list[Row]:
    """The same with who keeps each: `pins`, and `pinned` in a few words."""
    found: dict[bytes, list[Row]] = {}
    for job in {row["job"] for row in rows}:
        oids = [bytes.fromhex(row["id"]) for row in rows if row["job"] == job]
        found |= pins.of(cluster, bytes.fromhex(job), oids)
    told = [(row, found[bytes.fromhex(row["id"])]) for row in rows]
    return [{**row, "pins": by, "pinned": pins.text(by, row["holders"])} for row, by in told]


def _largest(weights: Weights, number: int) -> list[Weight]:
    return nsmallest(number, weights.each, key=lambda one: (-one.size, one.oid))


def _rows(job: bytes, objects: Iterable[Weight], names: Mapping[bytes, str]) -> Iterator[Row]:
    return (_row(job, one, names[one.oid]) for one in objects)


def _row(job: bytes, one: Weight, name: str) -> Row:
    where = one.kept[1 : 1 + ids.NODE_BYTES].hex() if one.in_store else "control plane"
    state = "FAILED" if one.failed else "CANCELLED" if one.cancelled else "PRESENT"
    return {
        "id": one.oid.hex(), "short": ids.short(one.oid), "bytes": one.size, "where": where,
        "state": state, "job": job.hex(), "name": name,
        "process": one.oid[: ids.PROCESS_BYTES].hex(), "holders": one.holders + one.by_maker,
        "held_by_maker": one.by_maker,
    }  # fmt: skip


def refs(cluster: Cluster, job: bytes, oid: bytes) -> Row:
    """Who holds one object."""
    if cluster.live is None:
        return {"holders": None, "held_by_maker": None, "pins": []}
    holders, by_maker = weighed.refs(cluster.live, job, oid)
    return {
        "holders": holders + by_maker, "held_by_maker": by_maker,
        "pins": pins.of(cluster, job, [oid])[oid],
    }  # fmt: skip


# -- who made them --------------------------------------------------------------------------


def _creators(cluster: Cluster, job: bytes, objects: Iterable[Weight]) -> dict[bytes, str]:
    """The names of the functions that made them."""
    names: dict[bytes, str] = {}
    small: dict[bytes, list[bytes]] = {}
    for one in objects:
        if one.in_store:
            names[one.oid] = cluster.name(job, one.template) if one.template else PUT
        else:
            task = bytes(ids.task_of(one.oid))  # type: ignore[arg-type]
            small.setdefault(task, []).append(one.oid)
    templates, gone = _told(cluster, job, set(small)) if small else ({}, False)
    for task, oids in small.items():
        template = templates.get(task)
        name = cluster.name(job, template) if template else NOT_TOLD if gone else PUT
        names |= dict.fromkeys(oids, name)
    return names


def _told(cluster: Cluster, job: bytes, wanted: set[bytes]) -> tuple[dict[bytes, bytes], bool]:
    """Templates of those of these tasks of which events tell; and whether some events are gone."""
    found: dict[bytes, bytes] = {}
    entries = 0
    for event in cluster.events(job):
        entries += 1
        if event.kind == codes.RAN:
            for run in events.ran(event.payload).runs:
                found |= run.templates_of(wanted)
        else:
            found |= {task: of for task, of in _told_of(event) if task in wanted}
        if len(found) == len(wanted):
            break
    return found, len(found) < len(wanted) and entries < cluster.control_plane.added(job)


def _told_of(event: Event) -> Iterable[tuple[bytes, bytes]]:
    """Tasks of whose ends such an event tells, each with its template."""
    match event.kind:
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


# -- all of them ----------------------------------------------------------------------------


def memory(cluster: Cluster, jobs: Iterable[bytes], largest: int = 0) -> Row:
    """What is kept, by creator, and by the process that holds what it did not make; the stores.

    And so many of the `largest` objects, with who keeps them.  Of small values that are one line
    `some_by` says who made some, and how many of those.
    """
    first: list[Row] = []
    created: list[Row] = []
    holds: list[Row] = []
    for job in jobs:
        weights = weighed.of_job(cluster.control_plane, job, largest)
        chosen = _largest(weights, largest)
        named = [one for one in weights.each if weights.all_told or one.in_store]
        names = _creators(cluster, job, [*named, *chosen, *weights.some])
        first += _rows(job, chosen, names)
        created += _created(job, weights, names)
        holds += _holders(cluster.control_plane, job, weights)
    loads = {node: told["load"] for node, told in cluster.control_plane.answers("status").items()}
    stores = [
        {
            "node": about["node"], "host": about["host"], **about["store"],
            "spilled": loads.get(about["node"], {}).get("spilled"),  # None: it does not answer
        }
        for about in cluster.control_plane.nodes()
    ]  # fmt: skip
    return {
        "created": sorted(created, key=lambda group: -group["bytes"]), "held": holds,
        "stores": stores,
        "largest": with_pins(cluster, nsmallest(largest, first, key=_by_size)),
    }  # fmt: skip


def _by_size(row: Row) -> tuple[int, str]:
    """The largest first."""
    return -row["bytes"], row["id"]


def _created(job: bytes, weights: Weights, names: Mapping[bytes, str]) -> list[Row]:
    """Sums by creator."""
    groups: dict[str, Row] = {}
    for one in weights.each:
        named = weights.all_told or one.in_store
        group = _group(groups, job, names[one.oid] if named else SMALL)
        group["in_store"] += one.size * one.in_store
        _add(group, weighed.Sum.of(one))
    for part in weights.rest.values():
        _add(_group(groups, job, SMALL), part)
    if SMALL in groups:
        groups[SMALL]["some_by"] = dict(
            Counter(names[one.oid] for one in weights.some).most_common()
        )
    return list(groups.values())


def _group(groups: dict[str, Row], job: bytes, name: str) -> Row:
    empty = {"job": job.hex(), "name": name, "count": 0, "bytes": 0, "in_store": 0, "failed": 0}
    return groups.setdefault(name, empty)


def _add(group: Row, part: weighed.Sum) -> None:
    group["count"] += part.number
    group["bytes"] += part.bytes
    group["failed"] += part.failed


def _holders(live: Live, job: bytes, weights: Weights) -> list[Row]:
    processes = live.processes(job)
    name = keys.HOMES.name(keys.job_namespace(job))
    homes = live.ask([("HGET", name, process) for process in processes])
    made = weighed.by_process(weights)
    found = []
    for process, home in zip(processes, homes, strict=True):
        own = made.get(process, weighed.Sum())
        count, size = weighed.lent(live, job, process)
        found.append({
            "job": job.hex(), "process": process.hex(), "short": ids.short(process),
            "node": home.hex() if home else None, "is": "worker" if home else "driver",
            "count": own.held + count, "bytes": own.held_bytes + size,
        })  # fmt: skip
    return sorted(found, key=lambda each: -int(str(each["bytes"])))
