"""By whom objects are kept: tasks that take them, views of them, objects around them, processes.

The rule: of very much a part is looked at, as everywhere here; who is not found is counted, by what
the control plane itself counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import ids, specs
from hyperloom.gcs import codes, keys

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Live

    Pins = dict[bytes, list[dict[str, Any]]]

_AT_ONCE = 500  # rows of a table in one call
_ROWS_MOST = 20_000  # that are looked at,
_BYTES_MOST = 1 << 26  # or so many bytes of them
_NAMED_MOST = 10  # of a kind, for one object
_SHOWN = 3  # in a line of a table
_DOES = {
    "WAITING": "waits for its inputs", "READY": "waits for a node", "HELD": "is on a node",
}  # fmt: skip


def of(cluster: Cluster, job: bytes, oids: Collection[bytes]) -> Pins:
    """Of each object, who keeps it: `by` what, its `id`, and what it `says` of itself."""
    live = cluster.control_plane
    wanted = set(oids)
    pins: Pins = {oid: [] for oid in oids}
    if not wanted:
        return pins
    _add(pins, _processes(live, job, wanted))
    _add(pins, _tasks(live, job, wanted))
    _add(pins, _around(live, job, wanted))
    _add(pins, _views(live, wanted))
    return pins


def text(pins: list[dict[str, Any]], holders: int | None) -> str:
    """In a few words, for a table."""
    shown = [pin["short"] for pin in pins[:_SHOWN]]
    more = len(pins) - len(shown) + unknown(pins, holders)
    return ", ".join(shown) + (f" and {more:,} more" if more and shown else "")


def unknown(pins: list[dict[str, Any]], holders: int | None) -> int:
    """Holders that are counted, and of which nothing is said here; views are not counted."""
    return max(0, (holders or 0) - len([pin for pin in pins if pin["by"] != "view"]))


def _add(pins: Pins, found: Iterator[tuple[bytes, dict[str, Any]]]) -> None:
    numbers: dict[bytes, int] = {}
    for oid, pin in found:
        numbers[oid] = numbers.get(oid, 0) + 1
        if numbers[oid] <= _NAMED_MOST:
            pins[oid].append(pin)


# -- processes ------------------------------------------------------------------------------


def _processes(
    live: Live, job: bytes, wanted: set[bytes]
) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Processes with refs: the maker, as the count has it, and those that were lent one."""
    ns = keys.job_namespace(job)
    known = live.processes(job)
    oids = sorted(wanted)
    counts, held, homes = (
        live.wire.call("HMGET", keys.REFS.name(ns), *oids),
        live.ask([("SMEMBERS", keys.HOLDS.name(ns, process)) for process in known]),
        live.ask([("HGET", keys.HOMES.name(ns), process) for process in known]),
    )
    driver = live.jobs().get(job, {}).get("pid")
    home = dict(zip(known, homes, strict=True))
    for oid, count in zip(oids, counts, strict=True):
        if int(count or 0) > -(codes.GONE >> 1):
            maker = oid[: ids.PROCESS_BYTES]
            yield oid, _process(maker, home.get(maker), driver, "has a ref, and made it")
    for process, lent in zip(known, held, strict=True):
        for oid in wanted.intersection(lent):
            yield oid, _process(process, home[process], driver, "has a ref")


def _process(process: bytes, home: bytes | None, driver: int | None, does: str) -> dict[str, Any]:
    short = ids.short(process)
    what = f"worker {short} on node {home.hex()[:8]}" if home else f"driver {short}"
    pid = None if home else driver
    return {
        "by": "process", "id": process.hex(), "short": what, "pid": pid,
        "node": home.hex() if home else None,
        "says": f"{what}{f' (pid {pid})' if pid else ''} {does}",
    }  # fmt: skip


# -- tasks ----------------------------------------------------------------------------------


def _tasks(live: Live, job: bytes, wanted: set[bytes]) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Tasks that are not over and whose arguments have a ref."""
    found: dict[bytes, list[bytes]] = {}
    for task, record in _records(live, job):
        for oid in wanted.intersection(ids.cut(specs.refs_of(record), ids.OBJECT_BYTES)):
            found.setdefault(oid, []).append(task)
    some = list(dict.fromkeys(task for tasks in found.values() for task in tasks[:_NAMED_MOST]))
    stands = dict(zip(some, live.where(job, some), strict=True)) if some else {}
    for oid, tasks in found.items():
        for task in tasks:
            stand = stands.get(task)
            name = stand.template.name if stand and stand.template else "?"
            does = _DOES.get(stand.state, "is over in a moment") if stand else ""
            yield oid, {
                "by": "task", "id": task.hex(), "short": f"task {ids.short(task)}",
                "says": f"task {ids.short(task)} {name} takes it, and {does}",
            }  # fmt: skip


def _records(live: Live, job: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Tasks that are not over, and their records; of a range the first, with what all take."""
    ns = keys.job_namespace(job)
    yield from _rows(live, keys.TASK.name(ns))
    for name, row in _rows(live, keys.RANGE.name(ns)):
        about, _, rest = row.partition(b";")
        first, _, size = about.split(b",")[:3]
        yield name + bytes([int(first)]), rest[: int(size)]


# -- objects --------------------------------------------------------------------------------


def _around(live: Live, job: bytes, wanted: set[bytes]) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Objects in whose values there is a ref."""
    for outer, inside in _rows(live, keys.CONTAINS.name(keys.job_namespace(job))):
        for oid in wanted.intersection(ids.cut(inside, ids.OBJECT_BYTES)):
            short = f"object {ids.short(outer)}"
            yield oid, {
                "by": "object", "id": outer.hex(), "short": short, "says": f"{short} contains it",
            }  # fmt: skip


# -- views ----------------------------------------------------------------------------------


def _views(live: Live, wanted: set[bytes]) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Processes that look at it where it lies: arrays and bytes that a `get` gave them."""
    for node, told in live.answers("views").items():
        for oid, pids in told:
            if oid in wanted:
                yield from ((oid, _view(node, pid)) for pid in pids)


def _view(node: str, pid: int) -> dict[str, Any]:
    short = f"process {pid} on node {node[:8]}"
    return {
        "by": "view", "id": str(pid), "short": short, "pid": pid, "node": node,
        "says": f"{short} has its bytes mapped",
    }  # fmt: skip


def _rows(live: Live, name: bytes) -> Iterator[tuple[bytes, bytes]]:
    cursor, seen, size = b"0", 0, 0
    while seen < _ROWS_MOST and size < _BYTES_MOST:
        cursor, flat = live.wire.call("HSCAN", name, cursor, "COUNT", _AT_ONCE)
        yield from zip(flat[::2], flat[1::2], strict=True)
        seen += len(flat) // 2
        size += sum(map(len, flat))
        if cursor == b"0":
            return
