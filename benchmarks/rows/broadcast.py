"""One object to many nodes: each has it once, and those that have it already give it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hyperloom as loom
from benchmarks.harness import US, expect
from hyperloom.testing import Cluster

if TYPE_CHECKING:
    from typing import Any

    from benchmarks.harness import Bench

_MIB = 1 << 20
_READERS = 4


@loom.task
def make(size: int) -> bytes:
    """So many bytes, in the store of the node that runs this."""
    return bytes(size)


@loom.task
def size_of(data: bytes) -> int:
    """What a node that has fetched it says."""
    return len(data)


def on(node: str, task: Any) -> Any:
    """The task, to run on that node."""
    return task.options(scheduling=loom.NodeAffinity(node))


def broadcast(bench: Bench) -> None:
    """To four nodes of this machine, beside one."""
    size = bench.n(256, tiny=4) * _MIB
    nodes = [{"object_store_memory": 2 * size}] * (1 + _READERS)
    with Cluster(nodes=nodes) as cluster, cluster.connect():
        maker, *readers = [node.id for node in cluster.nodes]

        def once(takers: list[str]) -> None:
            expect(sizes(takers), [size] * len(takers), "broadcast")

        def sizes(takers: list[str]) -> list[int]:
            ref = on(maker, make).remote(size)
            return loom.get([on(node, size_of).remote(ref) for node in takers])

        bench.rates(
            f"{size // _MIB} MiB made on one node, and got by {_READERS} others", "GB/s",
            {US: _READERS * size / 1e9, "by one": size / 1e9},
            {US: lambda: once(readers), "by one": lambda: once(readers[:1])},
        )  # fmt: skip
        moved = {each["node"]: each["transfers"] for each in loom.nodes()}
        expect(moved[maker]["received"], 0, "broadcast")
