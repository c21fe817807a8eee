"""Real work in small pieces: short computations, and a word count with a shuffle."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING
from zlib import crc32

import hyperloom as loom
from benchmarks.harness import US, expect
from benchmarks.peers import CPUS, POOL, PPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.harness import Bench

_WORDS = [f"w{i * i % 9973}" for i in range(4_000)]
_PARTS = 16


def spin(iterations: int) -> int:
    """Work that takes as long as its number says, whatever the clock does meanwhile."""
    x = 1
    for _ in range(iterations):
        x = (x * 1103515245 + 12345) % 2147483648
    return x


def count(text: str) -> tuple[Counter[str], ...]:
    """Counts of words, split into parts by the word."""
    parts: list[Counter[str]] = [Counter() for _ in range(_PARTS)]
    for word, times in Counter(text.split()).items():
        parts[crc32(word.encode()) % _PARTS][word] = times
    return tuple(parts)


def merge(*counts: Counter[str]) -> Counter[str]:
    """The sum of counts of one part."""
    merged: Counter[str] = Counter()
    for each in counts:
        merged.update(each)
    return merged


task_spin = loom.task(spin)
task_count = loom.task(num_returns=_PARTS)(count)
task_merge = loom.task(merge)


def efficiency(bench: Bench) -> None:
    """200 computations of 20 ms: how much of both CPUs' time was theirs."""
    n, milliseconds = bench.n(200, quick=100, tiny=4), bench.n(20, tiny=1)
    iterations = 10_000
    while _seconds(iterations) < milliseconds / 1e3:
        iterations = int(iterations * 1.2)
    wanted = [spin(iterations)] * n
    pool, executor = bench.peers.pool, bench.peers.executor
    todo = [iterations] * n
    taken = bench.take_turns(
        {
            US: lambda: expect(loom.get([task_spin.remote(i) for i in todo]), wanted, US),
            PPE: lambda: expect(list(executor.map(spin, todo)), wanted, PPE),
            POOL: lambda: expect(pool.map(spin, todo, chunksize=1), wanted, POOL),
            "here": lambda: expect([spin(i) for i in todo[: n // CPUS]], wanted[: n // CPUS], "-"),
        },
        rounds=bench.n(3, quick=2, tiny=1),
    )
    ideal = taken.pop("here")  # half of them on one CPU
    shares = {name: ideal / seconds * 100 for name, seconds in taken.items()}
    bench.figure(f"{n} tasks of {milliseconds} ms: efficiency", shares.pop(US), "%", others=shares)


def word_count(bench: Bench) -> None:
    """64 texts of 0.5 MB, counted, shuffled into 16 parts, merged."""
    texts = [_text(i, bench.n(500_000, quick=250_000, tiny=2_000)) for i in range(64)]
    wanted = Counter(word for text in texts for word in text.split())
    executor = bench.peers.executor

    def ours() -> None:
        counted = [task_count.remote(text) for text in texts]
        parts = loom.get([task_merge.remote(*column) for column in zip(*counted, strict=True)])
        expect(_joined(parts), wanted, "word count")

    def theirs() -> None:
        counted = [future.result() for future in [executor.submit(count, t) for t in texts]]
        merging = [executor.submit(merge, *column) for column in zip(*counted, strict=True)]
        expect(_joined([future.result() for future in merging]), wanted, PPE)

    taken = bench.take_turns({US: ours, PPE: theirs}, rounds=bench.n(3, quick=2, tiny=1))
    bench.figure(
        f"word count, 64 texts, {_PARTS}-way shuffle", taken[US], "s", others={PPE: taken[PPE]}
    )


def _seconds(iterations: int) -> float:
    start = time.perf_counter()
    spin(iterations)
    return time.perf_counter() - start


def _text(seed: int, size: int) -> str:
    words = [_WORDS[(seed * 7919 + i * i) % len(_WORDS)] for i in range(size // 6)]
    return " ".join(words)


def _joined(parts: Iterable[Counter[str]] | Sequence[Counter[str]]) -> Counter[str]:
    joined: Counter[str] = Counter()
    for part in parts:
        joined.update(part)
    return joined
