"""One task at a time: submit, wait, again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import hyperloom as loom
from benchmarks.functions import same, task_same
from benchmarks.harness import US, percentile, round_trips
from benchmarks.peers import POOL, PPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness import Bench
    from benchmarks.peers import Foreign


def sync(bench: Bench) -> None:
    """Median and 99th percentile of a round trip."""
    turns = bench.n(30, quick=10, tiny=1)
    executor, pool = bench.peers.executor, bench.peers.pool
    contenders: dict[str, Callable[[int], object]] = {
        US: lambda i: loom.get(task_same.remote(i)),
        PPE: lambda i: executor.submit(same, i).result(),
        POOL: lambda i: pool.apply(same, (i,)),
    }
    for peer in bench.peers.foreign:
        contenders[peer.name] = partial(_foreign, peer)
    times = round_trips(bench, contenders, turns)
    for percent in (50, 99):
        values = {name: percentile(each, percent) * 1e6 for name, each in times.items()}
        bench.figure(
            f"one no-op, submit and get: p{percent}", values.pop(US), "us", others=values,
            against=PPE, target=1, at_most=True,
        )  # fmt: skip


def _foreign(peer: Foreign, i: int) -> object:
    return peer.gather([peer.submit(same, i)])[0]
