"""What is left when all is over, and should not be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom.gcs import codes, keys
from hyperloom.ids import JOB_BYTES, index_of
from tests.models.stored import CONSTANTS

if TYPE_CHECKING:
    from tests.simulation.jobs import Jobs
    from tests.simulation.node import Node
    from tests.simulation.server import Server

_STAYS = {*CONSTANTS, keys.IDLE, keys.NODES, keys.LEASES, keys.JOBS, keys.ABOUT, keys.NAMES}
_STRAY = (keys.SERVED, keys.IDLE, keys.TEMPLATE, keys.TERMS, keys.SOURCE)


def left(server: Server, jobs: Jobs, unknown: set[bytes], *, forgetful: bool) -> dict[bytes, Any]:
    """Keys of the control plane.  `unknown`: jobs of which a restored server knew nothing."""
    world = server.plane.world()
    there = {name: held for name, held in world.items() if not _stays(name, jobs, unknown)}
    for driver in jobs.drivers if forgetful else ():
        # Another open question.  1. A stream that nobody reads makes an item.  2. The server comes
        # back without it.  3. Its maker hears of it after that, and lets go.  4. Who made it is
        # dead, and there is no other attempt: that nobody wants the item stays known.
        name = keys.REFS.name(driver.ns)
        rows = {oid: n for oid, n in there.pop(name, {}).items() if not _is_an_item(oid, n)}
        there |= {name: rows} if rows else {}
    return there


def _is_an_item(oid: bytes, count: bytes) -> bool:
    """Of a stream, and nobody wants it."""
    return index_of(oid) > 0 and count == codes.NOBODY  # type: ignore[arg-type]


def _stays(name: bytes, jobs: Jobs, unknown: set[bytes]) -> bool:
    spaces = [keys.CLUSTER, *(driver.ns for driver in jobs.drivers)]
    over = [keys.job_namespace(job) for job in jobs.all if not jobs.has_driver(job)]
    if any(name == key.name(ns) for key in keys.OUTLIVE for ns in over):
        return True
    # An open question: what a node, or a dead driver, says late of a job that a restored server
    # has never had stays there.
    strange = [keys.job_namespace(job) for job in unknown]
    if any(name == key.name(ns) for key in _STRAY for ns in strange):
        return True
    return any(name == key.name(ns) for key in _STAYS for ns in spaces)


def check_nodes(server: Server, nodes: list[Node], jobs: Jobs) -> None:
    """All is free again, and nobody reckons with the dead."""
    for node in nodes:
        machine = node.agent.machine
        assert machine.free == machine.total, "a seat was never given back"
        assert machine.waiting() == 0, "a task waits here, and nobody wants it"
        assert not node.store, f"objects that nobody holds lie here: {sorted(node.store)}"
    claimed = server.plane.wire.call("HGETALL", keys.NAMES.name(keys.CLUSTER))
    for name, row in zip(claimed[::2], claimed[1::2], strict=True):
        assert not name or jobs.has_driver(row[:JOB_BYTES]), f"{name!r} is still that of a job"
    alive = {node.node for node in nodes}
    living = {voice.process for node in nodes for voice in node.voices()}
    for driver in jobs.drivers:
        for key, known in (keys.IDLE, alive), (keys.SERVED, alive), (keys.HOMES, living):
            there = set(server.plane.wire.call("HKEYS", key.name(driver.ns)))
            assert there <= known, f"{key.name(driver.ns)!r} has dead ones: {there - known}"
