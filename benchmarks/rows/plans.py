"""Plans: a graph that is built first and submitted whole, beside the same graph call by call."""

from __future__ import annotations

import gc
import tempfile
import time
import tracemalloc
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from benchmarks import observe
from benchmarks.functions import task_add, task_one
from benchmarks.harness import US, expect
from benchmarks.rows.memory import hold_all_cpus
from hyperloom.core import current

if TYPE_CHECKING:
    from benchmarks.harness import Bench

_COLUMNS = 200


def plan_grid(bench: Bench) -> None:
    """Rows of tasks, each with three inputs from the row before: submitted, and run."""
    rows = bench.n(50, tiny=3)
    n, wanted = rows * _COLUMNS, _COLUMNS * 3 ** (rows - 1)
    last = _grid(rows, task_one.bind(), bound=True)
    submitting: list[float] = []

    def planned() -> None:
        start = time.perf_counter()
        handle = loom.submit(last)
        submitting.append(time.perf_counter() - start)
        expect(sum(loom.get(handle.results)), wanted, US)

    contenders = {
        US: planned,
        "calls": lambda: expect(sum(loom.get(_grid(rows, None, bound=False))), wanted, "calls"),
    }
    bench.rates(
        f"plan of a grid {rows} x {_COLUMNS}, 3 inputs each, run", "tasks/s", {US: n}, contenders
    )
    bench.figure(
        "the same, submission until accepted", n / median(submitting), "tasks/s",
        target=None if bench.scale == "tiny" else 30_000,
    )  # fmt: skip


def plan_memory(bench: Bench) -> None:
    """Bytes in the server and in the driver for a task of a plan that waits."""
    rows = bench.n(500, quick=100, tiny=3)
    n = rows * _COLUMNS
    server = observe.Server()
    with tempfile.TemporaryDirectory() as folder:
        go = Path(folder, "go")
        blocker = hold_all_cpus.remote(str(go))
        loom.wait([blocker], timeout=0.3)
        current.session().settle()
        gc.collect()
        before = server.memory_bytes()
        tracemalloc.start()
        handle = loom.submit(_grid(rows, task_one.bind(), bound=True))
        here = tracemalloc.get_traced_memory()[1] / n  # the most that there was
        tracemalloc.stop()
        each = (server.memory_bytes() - before) / n
        go.touch()
        expect(len(loom.get(handle.results)), _COLUMNS, "plan-memory")
    server.close()
    target = None if bench.scale == "tiny" else 600
    bench.figure(
        f"server memory per waiting task of a plan, 3 inputs each ({n:,})", each, "B",
        target=target, at_most=True,
    )  # fmt: skip
    bench.figure(
        f"driver memory per task of a plan, 3 inputs each, at most ({n:,})", here, "B",
        target=target, at_most=True,
    )  # fmt: skip


def _grid(rows: int, first: Any, *, bound: bool) -> list[Any]:
    add = task_add.bind if bound else task_add.remote
    row = [first or task_one.remote() for _ in range(_COLUMNS)]
    for _ in range(rows - 1):
        row = [add(row[i - 1], row[i], row[(i + 1) % _COLUMNS]) for i in range(_COLUMNS)]
    return row
