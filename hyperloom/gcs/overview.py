"""The control plane in figures, for people: read with plain commands, changing nothing.

Costs some commands for each job and queue, so it is for somebody who asks, not for a loop.
"""

from __future__ import annotations

import json
import re
from operator import mul
from typing import TYPE_CHECKING, Any

from msgspec import DecodeError

from hyperloom import errors, specs
from hyperloom.gcs import codes, keys, members, orphans
from hyperloom.gcs.install import DURABILITY, GENERATION
from hyperloom.gcs.wire import Wire, fcall, raised
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.gcs.address import Address
    from hyperloom.gcs.wire import Argument

# What each tier promises, in the words of the manual.
PROMISES = {
    "always": "no accepted task and no committed result is lost by any crash, of the server and "
    "the machine too",
    "everysec": "nothing is lost by a crash of any process of HyperLoom; a crash of the server or "
    "the machine may lose up to the last 2 s",
    "off": "a crash of the server loses everything",
}
# The same of a head that was started without --dir.
_WITHOUT_DIR = "; but all of it is lost when all of the head ends, as by a reboot: it has no --dir"
_PROMISES_WITHOUT_DIR = {
    "always": "no accepted task and no committed result is lost by any crash of a process, of the "
    f"server too{_WITHOUT_DIR}",
    "everysec": "nothing is lost by a crash of any process of HyperLoom; a crash of the server may "
    f"lose up to the last 2 s{_WITHOUT_DIR}",
}


def look(address: Address) -> dict[str, Any]:
    """Nodes, jobs and the server.

    Raises:
        errors.ControlPlaneLost: it does not answer.
    """
    wire = Wire(address)
    try:
        return of(wire)
    finally:
        wire.close()


def of(wire: Wire) -> dict[str, Any]:
    """The same, of the control plane at the other end."""
    there = nodes(wire)
    kept = not any(node.get("data_end_with_it") for node in there)
    return {"nodes": there, "jobs": list(_jobs(wire)), "server": _server(wire, kept=kept)}


def ask(wire: Wire, commands: Sequence[Sequence[Argument]]) -> list[Any]:
    """The replies to some commands, in one round trip."""
    for command in commands:
        wire.send(*command)
    replies = [wire.receive() for _ in commands]  # all of them, before any is raised
    return [raised(reply) for reply in replies]


def nodes(wire: Wire) -> list[dict[str, Any]]:
    """The members of the cluster, as they said lately."""
    reply = wire.call(*fcall("node_list", keys.CLUSTER))
    listed = list(members.of(reply))
    for fields in listed:
        for name in ("resources", "free"):
            fields[name] = ResourceSet(fields.get(name, {})).as_dict()
    return listed


def _jobs(wire: Wire) -> Iterator[dict[str, Any]]:
    listed = wire.call("HGETALL", keys.JOBS.name(keys.CLUSTER))
    jobs = {listed[at]: json.loads(listed[at + 1]) for at in range(0, len(listed), 2)}
    lost = orphans.ask(wire, jobs)
    for job, about in jobs.items():
        ns, orphan = keys.job_namespace(job), lost.get(job, orphans.Orphan())
        yield {
            **_tasks(wire, ns),
            "job": job.hex(),
            "pid": None if about.get("forsaken") else about.get("pid"),
            "program": " ".join(about.get("argv", [])),
            "namespace": about.get("namespace", ""),
            "forsaken": bool(about.get("forsaken")),
            "lost_s": orphan.lost_s,
            "ends_s": orphan.ends_s,
            "orphan": orphan.says,
        }


def _tasks(wire: Wire, ns: str) -> dict[str, int]:
    """How many tasks are not over, and where they stand; how many are, and how they ended.

    All of it is counted: a queue has one entry for many tasks, and such as were cancelled.
    """
    nodes = wire.call("HKEYS", keys.SERVED.name(ns))
    flat, objects, *held = ask(
        wire,
        [
            ("HGETALL", keys.COUNTS.name(ns)),
            ("HLEN", keys.OBJECT.name(ns)),
            *[("HLEN", keys.HELD.name(ns, node)) for node in nodes],
        ],
    )
    left: dict[bytes, int] = {}  # tasks of each template
    total = dict.fromkeys(_ENDS.values(), 0)
    waiting = 0
    for name, number in zip(flat[::2], map(int, flat[1::2]), strict=True):
        template, what = name[: codes.TEMPLATE_ID], name[codes.TEMPLATE_ID :]
        left[template] = left.get(template, 0) + _SIGN.get(what, 0) * number
        waiting += number if what == codes.WAITING else 0
        if what in _ENDS:
            total[_ENDS[what]] += number
    tasks = sum(left.values())
    return {
        **_items(wire, ns, left),
        "tasks": tasks,
        "waiting": waiting,
        "ready": max(0, tasks - waiting - sum(held)),
        "held": sum(held),
        "objects": objects,
        **total,
    }


def _items(wire: Wire, ns: str, left: dict[bytes, int]) -> dict[str, int]:
    """Of maps that have several items in a task: how many items are left, and are in a task."""
    bodies = wire.call("HMGET", keys.TEMPLATE.name(ns), *left) if left else []
    chunks = [_chunk(body) for body in bodies]
    return {
        "map_items_left": sum(map(mul, left.values(), chunks)),
        "map_items_a_task": max(chunks, default=0),
    }


_ENDS = {codes.DONE: "done", codes.FAILED: "failed", codes.CANCELLED: "cancelled"}
_SIGN = {codes.SUBMITTED: 1, **dict.fromkeys(_ENDS, -1)}


def _chunk(body: bytes | None) -> int:
    try:
        return specs.decode_template(body).chunk if body else 0
    except DecodeError:  # another version made it
        return 0


def _server(wire: Wire, *, kept: bool) -> dict[str, Any]:
    info = dict(re.findall(r"^(\w+):(.*?)\r?$", wire.call("INFO").decode(), re.MULTILINE))
    name = "Valkey" if "valkey_version" in info else "Redis"
    durability = _durability(wire, info)
    promises = PROMISES if kept else PROMISES | _PROMISES_WITHOUT_DIR
    return {
        "name": name,
        "version": info.get("valkey_version") or info.get("redis_version", "?"),
        "pid": int(info.get("process_id", 0)),
        "uptime_s": int(info.get("uptime_in_seconds", 0)),
        "memory_bytes": int(info.get("used_memory", 0)),
        "memory_most_bytes": int(info.get("maxmemory", 0)),
        "clients": int(info.get("connected_clients", 0)),
        "library": (wire.call("HGET", keys.ABOUT.name(keys.CLUSTER), "version") or b"?").decode(),
        "generation": int(wire.call("HGET", keys.ABOUT.name(keys.CLUSTER), GENERATION) or 0),
        "durability": durability,
        "promise": promises.get(durability, "its configuration may not be read"),
        "writes": info.get("aof_last_write_status", "ok"),
    }


def _durability(wire: Wire, info: dict[str, str]) -> str:
    if info.get("aof_enabled") == "0":
        return "off"
    told = wire.call("HGET", keys.ABOUT.name(keys.CLUSTER), DURABILITY)
    if told:
        return str(told.decode())
    try:
        reply = wire.call("CONFIG", "GET", "appendfsync")
    except errors.LoomError:
        return "unknown"
    setting = reply[1].decode() if reply else "unknown"
    return "off" if setting == "no" else str(setting)
