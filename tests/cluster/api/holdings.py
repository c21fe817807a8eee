"""What a job holds in the control plane, asked of the server itself, and in the node's store.

A job that has nothing to do and no refs has only what is there once for each function, node and
process: templates, claims, counters.  Everything else is a leak.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import hyperloom as loom
from hyperloom.core import current
from hyperloom.gcs.wire import Wire
from hyperloom.raylet.node import NodeSettings
from tests.waiting import wait_until

# Once for each function, node or process of the job, and each name that it ceded, whatever it does.
CONSTANT = {"turn", "terms", "template", "source", "idle", "served", "heard", "homes", "queues"}
CONSTANT |= {"counts", "events", "noted", "metrics", "ceded"}

STORE = "the node's store"


def holdings() -> dict[str, Any]:
    """Table -> what is in it, of those that should be empty; the store's objects under `STORE`."""
    session = current.current()
    session.settle()
    if hasattr(session, "plane"):
        session.plane.frames = None  # kept for debuggers
        return dict(session.plane.held())
    held = _keys(Wire(session.address), session.namespace.encode() + b":")
    if names := stored():
        held[STORE] = names
    return held


def nothing_is_held(timeout_s: float) -> None:
    """Wait until it is so; what is held is shown if it is not."""
    deadline = time.monotonic() + timeout_s
    wait_until(lambda: not holdings() or time.monotonic() > deadline, 2 * timeout_s)
    held = holdings()
    assert held == {}, f"still held: {held}"


def _keys(wire: Wire, prefix: bytes) -> dict[str, Any]:
    try:
        names = {name.removeprefix(prefix) for name in _scan(wire, prefix + b"*")}
        return {
            name.decode(errors="replace"): _shown(wire, prefix + name)
            for name in names
            if name.split(b":")[0].decode() not in CONSTANT
        }
    finally:
        wire.close()


def stored() -> list[str]:
    """Objects in shared memory, zombies too, and on disk; idle slots do not count."""
    node = settings()
    folders = (node.store / "o", node.store / "z", node.spill)
    return [
        entry.name for folder in folders for entry in os.scandir(folder) if entry.name != "root"
    ]


def stored_bytes() -> int:
    """Bytes of objects in shared memory and on disk, viewed ones too; idle slots do not count."""
    current.current().settle()
    node = settings()
    return bytes_in(node.store / "o", node.store / "z", node.spill)


def settings() -> NodeSettings:
    """Of the node that runs here."""
    return NodeSettings.read(Path(loom.nodes()[0]["folder"]))


def bytes_in(*folders: Path) -> int:
    """Of all objects in these folders of a store."""
    total = 0
    for entry in (entry for folder in folders for entry in os.scandir(folder)):
        if entry.name != "root":  # of the spill folder: a link
            with suppress(FileNotFoundError):
                total += entry.stat(follow_symlinks=False).st_size
    return total


def _scan(wire: Wire, pattern: bytes) -> list[bytes]:
    found: list[bytes] = []
    cursor = b"0"
    while True:
        cursor, names = wire.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
        found += names
        if cursor == b"0":
            return found


def _shown(wire: Wire, key: bytes) -> Any:
    read = {
        b"hash": ("HGETALL", key),
        b"list": ("LRANGE", key, 0, -1),
        b"set": ("SMEMBERS", key),
        b"zset": ("ZRANGE", key, 0, -1),
        b"string": ("GET", key),
    }
    kind = wire.call("TYPE", key)
    if kind not in read:  # it went between the two calls
        return []
    found = wire.call(*read[kind])
    if kind == b"string":
        return found
    return [part.hex() if len(part) < 40 else part[:40] for part in found]
