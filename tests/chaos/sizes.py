"""Row 22: what is very large, very wide, very deep or very much at a time is done, or refused."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

import hyperloom as loom
from hyperloom import errors
from tests.chaos.oracle import SUBMIT, Account, Load
from tests.cluster.api.gate import Gate
from tests.cluster.api.test_large_plans import memory_bytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

GIB = 1 << 30
LARGE_BYTES = 5 * GIB
MANY = 1_000_000
LONG = 100_000
DRIVER_MOST = 700  # bytes of a task that waits; a ref is some 400 of them
SERVER_MOST = 600
NODE_MOST = 64 << 20  # bytes that its raylet grows, whatever waits

_PATIENCE_S = 300.0


@loom.task
def ends(data: Any) -> tuple[int, int, int]:
    return len(data), int(data[0]), int(data[-1])


@loom.task
def how_many(*parts: Any) -> int:
    return len(parts)


@loom.task
def plus_one(x: int) -> int:
    return x + 1


@loom.task
def total(*numbers: int) -> int:
    return sum(numbers)


@loom.task(num_cpus=2)
def holds_all(gate: Gate) -> int:
    gate.pass_through(_PATIENCE_S)
    return 0


def row_22(choose: Random) -> Account:
    """5 GB in an argument, 1 M arguments, a chain and a fan-in of 100,000, 1 M that wait"""
    folder = Path(tempfile.mkdtemp(prefix="loom-chaos-"))
    try:
        with loom.init("local", num_cpus=2):
            load = Load()
            parts: list[Callable[[Account], None]] = [
                _a_large_argument,
                _many_arguments,
                _many_refs,
                _a_chain,
                _a_fan_in,
                lambda account: _many_wait(account, Gate(folder / "gate")),
            ]
            choose.shuffle(parts)
            for part in parts:
                part(load.account)
                load.submit(10)  # it works as before
                load.answers()
            return load.settle(counts=False)
    finally:
        shutil.rmtree(folder)


def _done_or_refused(account: Account, call: Callable[[], Any], value: Any) -> None:
    """It has this value, or the call itself says which limit it is beyond."""
    account.accepted += 1
    try:
        ref = call()
    except (errors.LoomError, ValueError) as error:
        account.failed += 1
        account.wrong += "at most" not in str(error) or "Nothing was submitted" not in str(error)
        return
    found = loom.get(ref, timeout=_PATIENCE_S)
    account.committed += 1
    account.wrong += found != value


def _a_large_argument(account: Account) -> None:
    data = np.ones(LARGE_BYTES, dtype=np.uint8)
    data[-1] = 2
    _done_or_refused(account, lambda: ends.remote(data), (LARGE_BYTES, 1, 2))


def _many_arguments(account: Account) -> None:
    _done_or_refused(account, lambda: how_many.remote(*range(MANY)), MANY)


def _many_refs(account: Account) -> None:
    refs = plus_one.map(range(MANY))
    _done_or_refused(account, lambda: how_many.remote(*refs), MANY)
    account.accepted += MANY
    values = loom.get(refs, timeout=_PATIENCE_S)
    account.committed += len(values)
    account.wrong += values != list(range(1, MANY + 1))


def _a_chain(account: Account) -> None:
    account.accepted += LONG
    ref = plus_one.remote(0)
    for _ in range(LONG - 1):
        ref = plus_one.remote(ref)
    account.wrong += loom.get(ref, timeout=_PATIENCE_S) != LONG
    account.committed += LONG


def _a_fan_in(account: Account) -> None:
    account.accepted += LONG + 1
    refs = plus_one.map(range(LONG), chunk=1)
    account.wrong += loom.get(total.remote(*refs), timeout=_PATIENCE_S) != sum(range(LONG + 1))
    account.committed += LONG + 1


def _many_wait(account: Account, gate: Gate) -> None:
    """All CPUs are taken while a million tasks are submitted; then these run."""
    account.accepted += MANY + 1
    first = holds_all.remote(gate)
    loom.wait([plus_one.options(num_cpus=0).remote(0)], timeout=60)
    before, rates, refs = _memory(), [], []
    for start in range(0, MANY, LONG):
        at = time.monotonic()
        refs += [plus_one.remote(i) for i in range(start, start + LONG)]
        loom.get(plus_one.options(num_cpus=0).remote(0), timeout=60)  # all of it is accepted
        rates.append(LONG / (time.monotonic() - at))
    grown = {name: size - before[name] for name, size in _memory().items()}
    gate.open()
    values = loom.get([first, *refs], timeout=_PATIENCE_S)
    account.committed += len(values)
    account.wrong += values != [0, *range(1, MANY + 1)]
    most = {"driver": DRIVER_MOST * MANY, "server": SERVER_MOST * MANY, "raylet": NODE_MOST}
    account.left += [
        f"the {name} has grown by {grown[name] >> 20} MiB"
        for name in most
        if grown[name] > most[name]
    ]
    account.measured(SUBMIT, 1e6 / min(rates))


def _memory() -> dict[str, int]:
    """Bytes of this process, of what its server keeps, and of its node's raylet."""
    (node,) = loom.nodes()
    return {
        "driver": psutil.Process().memory_info().rss,
        "server": memory_bytes(),
        "raylet": psutil.Process(node["pid"]).memory_info().rss,
    }
