"""Ten thousand no-ops: submitted one by one, and in bulk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import hyperloom as loom
from benchmarks.functions import same, task_same
from benchmarks.harness import US, expect
from benchmarks.peers import POOL, PPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness import Bench
    from benchmarks.peers import Foreign


def batch(bench: Bench) -> None:
    """Submit, then get all."""
    n = bench.n(10_000, tiny=50)
    pool = bench.peers.pool
    contenders: dict[str, Callable[[], object]] = {
        US: lambda: _ours(n),
        PPE: lambda: executor_batch(bench, n),
        POOL: lambda: [r.get() for r in [pool.apply_async(same, (i,)) for i in range(n)]],
    }
    for peer in bench.peers.foreign:
        contenders[peer.name] = partial(_foreign, peer, n)
    bench.rates(
        f"{n:,} no-ops, one call each, get", "tasks/s", {US: n}, contenders, against=PPE, target=5
    )


def map_(bench: Bench) -> None:
    """The bulk form; each item is still a task of its own."""
    n = bench.n(10_000, tiny=50)
    contenders = {
        US: lambda: expect(loom.get(task_same.map(range(n))), list(range(n)), "map"),
        PPE: lambda: executor_batch(bench, n),
        POOL: lambda: bench.peers.pool.map(same, range(n), chunksize=1),
    }
    bench.rates(
        f"map of {n:,} (PPE: submit each)",
        "tasks/s",
        {US: n},
        contenders,
        against=PPE,
        target=8,
    )


def executor_batch(bench: Bench, n: int) -> None:
    """What most promises are about."""
    futures = [bench.peers.executor.submit(same, i) for i in range(n)]
    expect([future.result() for future in futures], list(range(n)), PPE)


def _foreign(peer: Foreign, n: int) -> None:
    refs = [peer.submit(same, i) for i in range(n)]
    expect(peer.gather(refs), list(range(n)), peer.name)


def _ours(n: int) -> None:
    refs = [task_same.remote(i) for i in range(n)]
    expect(loom.get(refs), list(range(n)), "batch")
