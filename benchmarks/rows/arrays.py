"""Large values: into shared memory, out of it, through a task; and small ones."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

import hyperloom as loom
from benchmarks.harness import US, expect
from benchmarks.peers import PPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.harness import Bench

_MIB = 1 << 20
_SMALL = b"x" * 1024


def total(array: NDArray[np.float64]) -> float:
    """Reads all of it."""
    return float(array.sum())


def filled(mebibytes: int) -> NDArray[np.float64]:
    """A new array of ones."""
    return np.ones(mebibytes * _MIB // 8)


task_total = loom.task(total)
task_filled = loom.task(filled)


def put_large(bench: Bench) -> None:
    """Put in a loop that drops the ref before, beside a copy into memory that is warm."""
    mebibytes = bench.n(256, tiny=4)
    array = filled(mebibytes)
    target = np.empty_like(array)
    held: list[loom.ObjectRef[NDArray[np.float64]]] = []

    def put() -> None:
        held[:] = [loom.put(array)]

    for _ in range(4):
        put()  # the slots that take turns exist, and their pages
    size_gb = array.nbytes / 1e9
    memcpy = "memcpy, warm"
    bench.rates(
        f"put of {mebibytes} MiB, steady state", "GB/s", {US: size_gb},
        {US: put, memcpy: lambda: np.copyto(target, array)}, against=memcpy, target=0.8,
    )  # fmt: skip
    expect(total(loom.get(held[0])), total(array), "put")


def get_large(bench: Bench) -> None:
    """Get an array that a task returned: nothing is copied."""
    mebibytes = bench.n(256, tiny=4)
    first, again = [], []
    for _ in range(bench.n(7, quick=3, tiny=1)):
        ref = task_filled.remote(mebibytes)
        loom.wait([ref])
        start = time.perf_counter()
        array = loom.get(ref)
        middle = time.perf_counter()
        same = loom.get(ref)
        again.append(time.perf_counter() - middle)
        first.append(middle - start)
        expect(array.nbytes, mebibytes * _MIB, "get: size")
        expect(float(array[:: 1 << 10].sum()), float(len(array[:: 1 << 10])), "get: values")
        expect(array.flags.writeable, wanted=False, what="get: writeable")
        del array, same, ref
    what = f"get of {mebibytes} MiB that a task returned"
    bench.figure(f"{what}: first", median(first) * 1e3, "ms", target=1, at_most=True)
    bench.figure(f"{what}: again", median(again) * 1e3, "ms", target=1, at_most=True)


def small(bench: Bench) -> None:
    """Put and get of 1 KiB."""
    n = bench.n(5_000, quick=2_000, tiny=20)

    def put() -> None:
        for _ in range(n):
            loom.put(_SMALL)

    refs = [loom.put(_SMALL) for _ in range(n)]

    def get() -> None:
        for ref in refs:
            expect(loom.get(ref), _SMALL, "small")

    bench.rates("put of 1 KiB", "ops/s", {US: n}, {US: put})
    bench.rates("get of 1 KiB", "ops/s", {US: n}, {US: get})


def sum_large(bench: Bench) -> None:
    """A task reads an array that is in the store; the executor must send it each time."""
    mebibytes = bench.n(256, tiny=4)
    array = filled(mebibytes)
    wanted = total(array)
    ref = loom.put(array)
    here = "here"
    taken = bench.take_turns(
        {
            US: lambda: expect(loom.get(task_total.remote(ref)), wanted, "sum"),
            PPE: lambda: expect(bench.peers.executor.submit(total, array).result(), wanted, PPE),
            here: lambda: expect(total(array), wanted, here),
        },
        rounds=bench.n(3, quick=1, tiny=1),
    )
    ours = taken.pop(US) * 1e3
    others = {name: seconds * 1e3 for name, seconds in taken.items()}
    bench.figure(f"a task sums a stored {mebibytes} MiB array", ours, "ms", others=others)


def return_large(bench: Bench) -> None:
    """A task makes an array and the driver gets it."""
    mebibytes = bench.n(64, tiny=2)
    size_gb = mebibytes * _MIB / 1e9
    nbytes = mebibytes * _MIB
    executor = bench.peers.executor
    bench.rates(
        f"a task returns a new {mebibytes} MiB array", "GB/s", {US: size_gb},
        {
            US: lambda: expect(loom.get(task_filled.remote(mebibytes)).nbytes, nbytes, "return"),
            PPE: lambda: expect(executor.submit(filled, mebibytes).result().nbytes, nbytes, PPE),
        },
    )  # fmt: skip
