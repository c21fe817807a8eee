"""Rows 15, 18, 20, 22: a full store, a race of nodes, poison, sizes."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from hyperloom import errors
from hyperloom.testing import Cluster
from tests.chaos.oracle import Account, Load
from tests.chaos.processes import CHAINS
from tests.cluster.node import full_memory

if TYPE_CHECKING:
    from random import Random

NODES = int(os.environ.get("HYPERLOOM_CHAOS_NODES", "20"))
RACE = int(os.environ.get("HYPERLOOM_CHAOS_RACE", "10000"))


def row_15(choose: Random) -> Account:
    """200 MiB go where shared memory has 64: to disk, or are refused with figures (no SIGBUS)"""
    account = Account(rounds=1, accepted=full_memory.PUT_MIB)
    disk = Path(tempfile.mkdtemp(prefix="loom-chaos-"))
    try:
        if not full_memory.may_mount(disk):
            account.skipped = "no small file systems may be mounted here"
            return account
        disk_mib = choose.choice([24, 100, 1000])
        told = full_memory.told(disk, disk_mib, choose.randrange(1 << 30))
    finally:
        disk.rmdir()
    account.committed, account.failed = told.pop("stored"), told.pop("refused")
    account.wrong = sum(told.values())
    account.left += [f"{told}"] if account.wrong else []
    return account


@loom.task(max_retries=0)
def noted(path: Path, number: int) -> int:
    with path.open("a") as file:
        file.write(f"{number}\n")
    return number


def row_18(choose: Random) -> Account:
    """nodes race for tasks: each runs once (HYPERLOOM_CHAOS_NODES, HYPERLOOM_CHAOS_RACE)"""
    del choose
    account = Account(rounds=1, accepted=RACE)
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        with Cluster(nodes=NODES) as cluster, cluster.connect():
            values = loom.get([noted.remote(notes, i) for i in range(RACE)], timeout=300)
        ran = notes.read_text().split()
    account.committed = len(values)
    account.wrong = int(values != list(range(RACE)))
    account.twice = len(ran) - len(set(ran))
    return account


def _poisons() -> dict[str, Any]:
    def overflows(depth: int = 0) -> int:
        sys.setrecursionlimit(1 << 30)
        return overflows(depth + 1)

    def holds_the_interpreter() -> None:
        ctypes.PyDLL(None).pause()  # with its lock

    return {
        "SIGSEGV": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "exits": lambda: os._exit(1),
        "overflows": overflows,
        "holds the interpreter": holds_the_interpreter,
    }


def row_20(choose: Random) -> Account:
    """a poisoned task among others: it fails after three deaths, they do not"""
    name, poison = choose.choice(list(_poisons().items()))
    hangs = name == "holds the interpreter"
    with loom.init("local", num_cpus=2, kill_grace_s=1):
        load = Load()
        load.submit(CHAINS // 2)
        bad = loom.task(poison).options(timeout_s=2 if hangs else None, max_retries=3).remote()
        load.submit(CHAINS // 2)
        load.account.accepted += 1
        try:
            loom.get(bad, timeout=60)
            load.account.wrong += 1
        except (errors.TaskPoisoned, errors.WorkerCrashed, errors.TaskTimeout):
            load.account.failed += 1
        del bad
        return load.settle(counts=False)


def row_22(choose: Random) -> Account:
    """what is too large is refused or done: arguments, fan-in, a chain, many that wait"""
    with loom.init("local", num_cpus=2):
        load = Load()

        @loom.task
        def how_many(*parts: Any) -> int:
            return len(parts)

        which = choose.choice(["arguments", "pending"])
        account = load.account
        number = 10_000 if which == "arguments" else 20_000
        if which == "arguments":
            account.accepted += 1
            account.committed += 1
            account.wrong += loom.get(how_many.remote(*range(number)), timeout=60) != number
        else:
            account.accepted += number
            values = loom.get(how_many.map(range(number)), timeout=120)
            account.committed += len(values)
            account.wrong += values != [1] * number
        load.submit(10)
        return load.settle(counts=False)
