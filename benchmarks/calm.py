"""What of the machine others used while we measured, so that the calmest rounds can be chosen.

Rounds are chosen by what strangers did, never by how fast they were: that would flatter
whoever varies most.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_CALM = 0.1  # share of all CPUs that may be others'
_TRIES = 3  # times as many rounds as asked for, at most, to find calm ones
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IDLE = (3, 4)  # fields of /proc/stat: idle, waiting for a disk
_GUESTS = 8  # from here on, what is counted already


class Calmest(Generic[T]):
    """Repeats something; keeps what came of it when others disturbed least."""

    def __init__(self) -> None:
        self.strangers: float | None = None  # their share of the CPUs in the rounds that were kept

    def rounds(self, number: int, run: Callable[[], T]) -> list[T]:
        """So many results of `run`."""
        seen: list[tuple[float, T]] = []
        while len(seen) < number * _TRIES:
            seen.append(_share_of_strangers(run))
            if sum(share <= _CALM for share, _ in seen) >= number:
                break
        kept = sorted(seen, key=lambda one: one[0])[:number]
        self.strangers = statistics.median(share for share, _ in kept)
        return [result for _, result in kept]


def _share_of_strangers(run: Callable[[], T]) -> tuple[float, T]:
    start, busy, ours = time.monotonic(), _busy_s(), _ours_s()
    result = run()
    took = time.monotonic() - start
    strangers_s = (_busy_s() - busy) - (_ours_s() - ours)
    return max(0.0, strangers_s / took / (os.cpu_count() or 1)), result


def _busy_s() -> float:
    fields = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(x for at, x in enumerate(fields[:_GUESTS]) if at not in _IDLE) / _TICKS_PER_S


def _ours_s() -> float:
    """CPU time of this process, its children and theirs; of those that have ended, too."""
    us = psutil.Process()
    total = 0.0
    for process in [us, *us.children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total
