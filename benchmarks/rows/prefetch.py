"""Tasks one after the other on a node with one CPU, each with a large input from another node."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

import hyperloom as loom
from benchmarks.harness import US, expect, timed
from benchmarks.rows.broadcast import on
from hyperloom.testing import Cluster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.harness import Bench

_MB = 1_000_000
_TASK_S = 0.1  # longer than what is held ahead in any case


@loom.task
def make(size: int) -> NDArray[np.uint8]:
    """An array, which is looked at where it lies: reading it costs nothing."""
    return np.ones(size, np.uint8)


@loom.task
def work(data: NDArray[np.uint8]) -> int:
    """It has its input, and then something to do."""
    time.sleep(_TASK_S)
    return len(data)


def prefetch(bench: Bench) -> None:
    """With the inputs of the next one fetched while one runs, and without."""
    number, size = bench.n(20, quick=10, tiny=2), bench.n(64, tiny=1) * _MB
    options = {US: 25, "without": 0}

    def turn() -> dict[str, float]:
        return {name: _once(number, size, percent) for name, percent in options.items()}

    taken = bench.turns(turn, bench.n(5, quick=3, tiny=1))
    rates = {name: number / statistics.median(each[name] for each in taken) for name in options}
    bench.figure(
        f"{number} tasks of {_TASK_S * 1000:.0f} ms one by one, each with {size // _MB} MB from "
        "another node",
        rates.pop(US), "tasks/s", others=rates, against="without", target=1.05,
    )  # fmt: skip


def _once(number: int, size: int, percent: int) -> float:
    store = 2 * number * size + 64 * _MB
    nodes = [{"num_cpus": 1, "object_store_memory": store}] * 2
    with Cluster(nodes=nodes, prefetch_percent=percent) as cluster, cluster.connect():
        maker, reader = [node.id for node in cluster.nodes]
        made = [on(maker, make).remote(size) for _ in range(number)]
        loom.wait(made, num_returns=number)
        expect(
            loom.get(on(reader, work).remote(np.ones(0, np.uint8))), 0, "prefetch"
        )  # its worker is there

        def run() -> None:
            sizes = loom.get([on(reader, work).remote(each) for each in made])
            expect(sizes, [size] * number, "prefetch")

        return timed(run)
