"""The server's memory: per task that waits, and after many that are over."""

from __future__ import annotations

import gc
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import hyperloom as loom
from benchmarks import observe
from benchmarks.functions import task_same
from benchmarks.harness import expect
from benchmarks.peers import CPUS
from hyperloom.core import current

if TYPE_CHECKING:
    from benchmarks.harness import Bench

_SLICE = 10_000


@loom.task(num_cpus=CPUS)
def hold_all_cpus(until: str) -> None:
    """Nothing else runs before there is a file of this name."""
    while not Path(until).exists():
        time.sleep(0.01)


def pending(bench: Bench) -> None:
    """Bytes in the server for a small task that waits for a CPU."""
    n = bench.n(100_000, quick=20_000, tiny=100)
    server = observe.Server()
    with tempfile.TemporaryDirectory() as folder:
        go = Path(folder, "go")
        blocker = hold_all_cpus.remote(str(go))
        loom.wait([blocker], timeout=0.3)
        current.session().settle()
        before = server.memory_bytes()
        refs = [task_same.remote(i) for i in range(n)]
        current.session().settle()
        each = (server.memory_bytes() - before) / n
        go.touch()
        expect(loom.get(refs), list(range(n)), "pending")
    server.close()
    bench.figure(
        f"server memory per pending task ({n:,})", each, "B",
        target=None if bench.scale == "tiny" else 600, at_most=True,
    )  # fmt: skip


def released(bench: Bench) -> None:
    """The server's memory after a million tasks were run and dropped, relative to before."""
    n = bench.n(1_000_000, quick=100_000, tiny=200)
    server = observe.Server()
    _run(min(n, _SLICE))  # buffers and tables have their sizes
    _wait_for_calm()
    before = server.memory_bytes()
    for first in range(0, n, _SLICE):
        _run(min(_SLICE, n - first))
    _wait_for_calm()
    observe.settled(server.memory_bytes, lambda now: now <= before * 1.05, 10)
    after = server.memory_bytes()
    server.close()
    bench.figure(
        f"server memory after {n:,} released tasks", after / before, "x before",
        target=1.05, at_most=True,
    )  # fmt: skip


def _run(n: int) -> None:
    refs = [task_same.remote(i) for i in range(n)]
    expect(loom.get(refs), list(range(n)), "released")


def _wait_for_calm() -> None:
    gc.collect()
    current.session().settle()
