"""Plans: a graph that is built first and submitted whole, beside the same graph call by call."""

from __future__ import annotations

import gc
import tempfile
import time
import tracemalloc
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from benchmarks import observe
from benchmarks.functions import task_add, task_one, task_same, task_successor
from benchmarks.harness import US, expect
from benchmarks.rows.memory import hold_all_cpus
from hyperloom.core import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def plan_forms(bench: Bench) -> None:
    """A chain, a tree and tasks that need nothing of each other: built, submitted, run, got."""
    long, leaves = bench.n(2_000, tiny=20), bench.n(4_096, tiny=8)
    wide = bench.n(100_000, quick=20_000, tiny=100)

    def chain() -> None:
        last = task_successor.bind(0)
        for _ in range(long - 1):
            last = task_successor.bind(last)
        expect(_got(last), [long], "plan of a chain")

    def tree() -> None:
        level = [task_one.bind() for _ in range(leaves)]
        while len(level) > 1:
            level = [task_add.bind(*level[i : i + 2]) for i in range(0, len(level), 2)]
        expect(_got(level[0]), [leaves], "plan of a tree")

    def independent() -> None:
        results = loom.submit([task_same.bind(i) for i in range(wide)]).results
        expect(loom.get(results), list(range(wide)), "plan of independent tasks")

    bench.rates(f"plan of a chain of {long:,}", "tasks/s", {US: long}, {US: chain})
    bench.rates(
        f"plan of a binary tree of {leaves:,} leaves", "tasks/s", {US: 2 * leaves - 1}, {US: tree}
    )
    taken = bench.take_turns({US: independent}, rounds=min(3, bench.rounds))
    bench.figure(f"plan of {wide:,} independent tasks", wide / taken[US], "tasks/s")


def _got(task: Any) -> Any:
    return loom.get(loom.submit(task).results)


def plan_map(bench: Bench) -> None:
    """A map of a million: submitted, waiting, run, got and released; no rounds."""
    n = bench.n(1_000_000, quick=100_000, tiny=300)
    server = observe.Server()
    items = list(range(n))
    with nothing_runs() as go:
        before, events = server.memory_bytes(), server.events_bytes()
        start = time.perf_counter()
        handle = loom.submit(task_same.bind_map(items))
        submitting = time.perf_counter() - start
        waiting = (server.memory_bytes() - before) / n
        start = time.perf_counter()
        numbers = loom.submit(task_same.bind_map(range(n)))
        submitting_numbers = time.perf_counter() - start
        spent = server.cpu_s()
        numbers.cancel()
        spent = server.cpu_s() - spent
        numbers.release()
        start = time.perf_counter()
        go.touch()
        expect(loom.get(handle.results[0]), items, "plan-map")
        running = time.perf_counter() - start
    handle.release()
    current.session().settle()
    kept = (server.memory_bytes() - before - (server.events_bytes() - events)) / n
    server.close()
    tiny = bench.scale == "tiny"
    bench.figure(
        f"a map of {n:,} tasks, submission until accepted", n / submitting, "tasks/s",
        others={"of a range": n / submitting_numbers}, target=None if tiny else 100_000,
    )  # fmt: skip
    bench.figure(
        f"server CPU per task of a map of {n:,} that is cancelled", spent / n * 1e6, "us/task",
        target=None if tiny else 10, at_most=True,
    )  # fmt: skip
    bench.figure(f"a map of {n:,} tasks, run and got", n / running, "tasks/s")
    bench.figure(
        f"server memory per waiting task of a map ({n:,})", waiting, "B",
        target=None if tiny else 100, at_most=True,
    )  # fmt: skip
    bench.figure(
        "server memory per task of the map that was released, but for its events",
        max(kept, 0), "B", target=None if tiny else 10, at_most=True,
    )  # fmt: skip


def plan_memory(bench: Bench) -> None:
    """Bytes in the server and in the driver for a task of a plan that waits."""
    rows = bench.n(500, quick=100, tiny=3)
    n = rows * _COLUMNS
    with nothing_runs() as go:
        server, here, handle = _memory(lambda: _grid(rows, task_one.bind(), bound=True), n)
        go.touch()
        expect(len(loom.get(handle.results)), _COLUMNS, "plan-memory")
    mapped = bench.n(1_000_000, quick=100_000, tiny=300)
    with nothing_runs():
        _, of_map, handle = _memory(lambda: [task_same.bind_map(list(range(mapped)))], mapped)
        handle.cancel()
    target = None if bench.scale == "tiny" else 600
    bench.figure(
        f"server memory per waiting task of a plan, 3 inputs each ({n:,})", server, "B",
        target=target, at_most=True,
    )  # fmt: skip
    bench.figure(
        f"driver memory per task of a plan, 3 inputs each, at most ({n:,})", here, "B",
        target=target, at_most=True,
    )  # fmt: skip
    bench.figure(
        f"driver memory per task of a map, all wanted, at most ({mapped:,})", of_map, "B",
        target=target, at_most=True,
    )  # fmt: skip


def _memory(build: Callable[[], list[Any]], n: int) -> tuple[float, float, Any]:
    """Bytes a task in the server; the most in the driver, bound tasks included; the handle."""
    server = observe.Server()
    before = server.memory_bytes()
    tracemalloc.start()
    handle = loom.submit(build())
    here = tracemalloc.get_traced_memory()[1] / n
    tracemalloc.stop()
    each = (server.memory_bytes() - before) / n
    server.close()
    return each, here, handle


@contextmanager
def nothing_runs() -> Iterator[Path]:
    """What is submitted in the block waits until the file is there, or the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        go = Path(folder, "go")
        blocker = hold_all_cpus.remote(str(go))
        loom.wait([blocker], timeout=0.3)
        current.session().settle()
        gc.collect()
        try:
            yield go
        finally:
            go.touch()
            loom.wait([blocker])


def _grid(rows: int, first: Any, *, bound: bool) -> list[Any]:
    add = task_add.bind if bound else task_add.remote
    row = [first or task_one.remote() for _ in range(_COLUMNS)]
    for _ in range(rows - 1):
        row = [add(row[i - 1], row[i], row[(i + 1) % _COLUMNS]) for i in range(_COLUMNS)]
    return row
