"""What the tests of this folder run, and what they ask.

It imports little: each worker that runs one of these imports it, and there are many of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hyperloom as loom

if TYPE_CHECKING:
    from tests.cluster.api.gate import Gate

MIB = 1 << 20


@loom.task
def where() -> str:
    return loom.context().node_id


def on(node: str, task: Any = where) -> Any:
    return task.options(scheduling=loom.NodeAffinity(node))


def alive() -> set[str]:
    return {node["node"] for node in loom.nodes() if node["alive"]}


@loom.task
def make(size: int, what: bytes = b"x") -> bytes:
    return what * size


@loom.task
def size_of(data: Any) -> int:
    return len(data)


@loom.task
def sizes_in(refs: list[Any]) -> list[int]:
    return [len(data) for data in loom.get(refs)]


@loom.task
def joined(*data: bytes) -> bytes:
    return b"".join(data)


# -- where tasks run --------------------------------------------------------------------------


@loom.task
def waits_or_not(gate: Gate | None, notes: Gate | None) -> str:
    if gate is not None and notes is not None:
        notes.note("runs")
        gate.pass_through()
    return loom.context().node_id


@loom.task
def place_of(data: bytes, gate: Gate | None = None, notes: Gate | None = None) -> str:
    assert data
    if gate is not None and notes is not None:
        notes.note("runs")
        gate.pass_through()
    return loom.context().node_id


@loom.task
def place_of_item(_: int) -> str:
    return loom.context().node_id


@loom.actor(num_cpus=1)
class Resident:
    def where(self) -> str:
        return loom.context().node_id
