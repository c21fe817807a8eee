"""Where the CPU time of a task goes, by process; and the server's, per task and per edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hyperloom as loom
from benchmarks import observe
from benchmarks.functions import task_add, task_one, task_same
from benchmarks.harness import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness import Bench

_TASK_US = 14  # promises about the server
_EDGE_US = 7


def roles(bench: Bench) -> None:
    """CPU microseconds per task in batches of 10,000, at the batch sizes that then occur."""
    n, rounds = bench.n(10_000, tiny=50), bench.n(10, quick=4, tiny=1)
    loom.get([task_same.remote(i) for i in range(n)])  # all workers are there
    plain = _spent(lambda: _batch(n), n * rounds, rounds)
    for role, microseconds in plain.items():
        bench.figure(
            f"CPU of the {role}, batch of {n:,}", microseconds, "us/task",
            target=_TASK_US if role == "server" else None, at_most=True,
        )  # fmt: skip
    sync = _spent(lambda: _sync(n // 10), n // 10 * rounds, rounds)
    for role, microseconds in sync.items():
        bench.figure(f"CPU of the {role}, one at a time", microseconds, "us/task")
    rows = bench.n(25, tiny=3)
    edges = _spent(lambda: _grid(rows, 200), rows * 200 * rounds, rounds)
    bench.figure(
        "CPU of the server, grid with 3 inputs", edges["server"], "us/task",
        target=_TASK_US + 3 * _EDGE_US, at_most=True,
    )  # fmt: skip


def _spent(run: Callable[[], None], tasks: int, rounds: int) -> dict[str, float]:
    """CPU microseconds per task of each role."""
    who = observe.roles()
    before = {role: observe.cpu_s(pids) for role, pids in who.items()}
    for _ in range(rounds):
        run()
    after = {role: observe.cpu_s(pids) for role, pids in who.items()}
    return {role: (after[role] - before[role]) / tasks * 1e6 for role in who if role != "template"}


def _batch(n: int) -> None:
    refs = [task_same.remote(i) for i in range(n)]
    expect(loom.get(refs), list(range(n)), "roles: batch")


def _sync(n: int) -> None:
    for i in range(n):
        expect(loom.get(task_same.remote(i)), i, "roles: sync")


def _grid(rows: int, columns: int) -> None:
    row = [task_one.remote() for _ in range(columns)]
    for _ in range(rows - 1):
        row = [task_add.remote(row[i - 1], row[i], row[(i + 1) % columns]) for i in range(columns)]
    expect(sum(loom.get(row)), columns * 3 ** (rows - 1), "roles: grid")
