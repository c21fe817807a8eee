"""What it costs that people can see what happens: events on and off, in turns."""

from __future__ import annotations

import os
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

import hyperloom as loom
from benchmarks.functions import task_same
from benchmarks.harness import expect, timed
from benchmarks.peers import CPUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.harness import Bench

_OFF = "events off"


def events(bench: Bench) -> None:
    """The throughput of batches, and the time of one task, with events and without."""
    n = bench.n(10_000, quick=5_000, tiny=50)
    taken = bench.turns(lambda: {how: _times(how, n) for how in ("on", "off")}, bench.rounds)
    batch = {how: n / median(min(turn[how][0]) for turn in taken) for how in ("on", "off")}
    bench.figure(
        f"batch of {n:,}, events on", batch["on"], "tasks/s", others={_OFF: batch["off"]},
        against=_OFF, target=0.95,
    )  # fmt: skip
    one = {how: median(min(turn[how][1]) for turn in taken) * 1e6 for how in ("on", "off")}
    bench.figure(
        "one task at a time, events on", one["on"], "us", others={_OFF: one["off"]}, against=_OFF,
        target=1.05, at_most=True,
    )  # fmt: skip


def _times(how: str, n: int) -> tuple[list[float], list[float]]:
    """Seconds of a batch and of one task, some times each, on a node of its own."""
    with _events(how), loom.init(num_cpus=CPUS, address="local"):
        _batch(n)  # all workers are there
        batches = [timed(lambda: _batch(n)) for _ in range(5)]
        singles = [timed(lambda: _singles(n // 20)) / (n // 20) for _ in range(5)]
    return batches, singles


@contextmanager
def _events(how: str) -> Iterator[None]:
    before = os.environ.get("LOOM_EVENTS")
    os.environ["LOOM_EVENTS"] = "1" if how == "on" else "0"
    try:
        yield
    finally:
        del os.environ["LOOM_EVENTS"]
        if before is not None:
            os.environ["LOOM_EVENTS"] = before


def _batch(n: int) -> None:
    expect(loom.get([task_same.remote(i) for i in range(n)]), list(range(n)), "events: batch")


def _singles(n: int) -> None:
    for i in range(n):
        expect(loom.get(task_same.remote(i)), i, "events: one at a time")
