"""Ray's microbenchmarks, by its names and with its workloads, run on HyperLoom.

As Ray's: a warm-up second counts calls, then rounds in steps of a tenth of them.  Shorter:
rounds of 1 s instead of 2, and no pause of 10 s before each row.  Where Ray's clients are
actors, ours are tasks, but in the rows of actor calls (`benchmarks.ray_actor_rows`).  Rows of
placement groups and of Ray's own client have no counterpart here yet.  TESTS_TO_RUN and
TESTS_TO_SKIP choose rows by parts of names, as there.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

import hyperloom as loom
from benchmarks import ray_actor_rows
from benchmarks.harness import expect
from benchmarks.peers import CPUS
from benchmarks.report import number
from benchmarks.running import private_runtime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.machine import Machine

_ROUNDS = 4
_ROUND_S = {"full": 1.0, "quick": 0.25, "tiny": 0.0}
_GIGABYTES = 100 << 20  # of 8 bytes, in one array

Row = tuple[str, "Callable[[], object]", float]  # name, what is repeated, things in a call


@loom.task
def small_value() -> bytes:
    """Ray's no-op."""
    return b"ok"


@loom.task
def do_put_small() -> None:
    """A client that puts."""
    for _ in range(100):
        loom.put(0)


@loom.task
def do_put(size: int) -> None:
    """A client that puts arrays."""
    for _ in range(10):
        loom.put(np.zeros(size, dtype=np.int64))


@loom.task
def small_value_batch(n: int) -> int:
    """A client that runs tasks."""
    return len(loom.get([small_value.remote() for _ in range(n)]))


@loom.task
def create_object_containing_refs(n: int) -> list[loom.ObjectRef[int]]:
    """Refs within a value."""
    return [loom.put(1) for _ in range(n)]


def rows(scale: str) -> list[Row]:
    """Ray's names, in its order."""
    small, many = (10, 20) if scale == "tiny" else (1000, 10_000)
    words = (1 << 12) if scale == "tiny" else _GIGABYTES
    value = loom.put(0)
    array = np.zeros(words, dtype=np.int64)
    containing = create_object_containing_refs.remote(many)
    return [
        ("single client get calls (Plasma Store)", lambda: expect(loom.get(value), 0, "get"), 1),
        ("single client put calls (Plasma Store)", lambda: loom.put(0), 1),
        ("multi client put calls (Plasma Store)", lambda: _all(do_put_small, 10), 1000),
        ("single client put gigabytes", lambda: loom.put(array), array.nbytes / 1e9),
        ("single client tasks and get batch", lambda: _batch(small), 1),
        (
            "multi client put gigabytes",
            lambda: _all(do_put, 10, words // 10),
            10 * 10 * words // 10 * 8 / 1e9,
        ),
        (
            "single client get object containing 10k refs",
            lambda: expect(len(loom.get(containing)), many, "refs"),
            1,
        ),
        ("single client wait 1k refs", lambda: _wait_one_by_one(small), 1),
        (
            "single client tasks sync",
            lambda: expect(loom.get(small_value.remote()), b"ok", "sync"),
            1,
        ),
        ("single client tasks async", lambda: _batch(small), small),
        ("multi client tasks async", lambda: _clients(many), 4 * many),
        *ray_actor_rows.rows(scale),
    ]


def run(scale: str, file: Path | None, machine: Machine | None) -> dict[str, list[float]]:
    """Measure, print, save; the rates of each row's rounds."""
    measured: dict[str, list[float]] = {}
    with private_runtime(), loom.init(num_cpus=CPUS, address="local"):
        for name, repeat, things in rows(scale):
            if _chosen(name):
                measured[name] = [things * rate for rate in timeit(repeat, _ROUND_S[scale])]
    table = Table("row", "per second", "+-", show_edge=False)
    for name, rates in measured.items():
        table.add_row(name, number(statistics.mean(rates)), number(statistics.pstdev(rates)))
    Console().print(table)
    if file is not None and machine is not None:
        whole: dict[str, Any] = {"machine": asdict(machine), "scale": scale, "ray-rows": measured}
        file.write_text(json.dumps(whole, indent=1) + "\n")
    return measured


def timeit(repeat: Callable[[], object], round_s: float) -> list[float]:
    """Calls per second in each round."""
    start = time.perf_counter()
    count = 0
    while not count or time.perf_counter() - start < round_s / 2:
        repeat()
        count += 1
    step = count // 10 + 1
    rates = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        count = 0
        while not count or time.perf_counter() - start < round_s:
            for _ in range(step):
                repeat()
            count += step
        rates.append(count / (time.perf_counter() - start))
    return rates


def _chosen(name: str) -> bool:
    run_only, skip = os.environ.get("TESTS_TO_RUN"), os.environ.get("TESTS_TO_SKIP")
    if run_only and not any(part in name for part in run_only.split(",")):
        return False
    return not (skip and any(part in name for part in skip.split(",")))


def _all(task: Any, times: int, *args: Any) -> None:
    loom.get([task.remote(*args) for _ in range(times)])


def _batch(n: int) -> None:
    expect(loom.get([small_value.remote() for _ in range(n)]), [b"ok"] * n, "batch")


def _wait_one_by_one(n: int) -> None:
    not_ready = [small_value.remote() for _ in range(n)]
    for _ in range(n):
        _, not_ready = loom.wait(not_ready)
    expect(not_ready, [], "wait")


def _clients(n: int) -> None:
    expect(loom.get([small_value_batch.remote(n) for _ in range(4)]), [n] * 4, "clients")
