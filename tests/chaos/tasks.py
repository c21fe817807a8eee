"""Rows 15, 18, 20: a full store, a race of nodes, poison."""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from hyperloom import errors
from hyperloom.testing import Cluster
from tests.chaos.oracle import Account, Load
from tests.cluster.api.gate import Gate
from tests.cluster.node import full_memory
from tests.cluster.several.tasks import on

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

NODES = int(os.environ.get("HYPERLOOM_CHAOS_NODES", "20"))
RACE = int(os.environ.get("HYPERLOOM_CHAOS_RACE", "10000"))
_OTHERS = 167  # chains of three: the thousand tasks that a poisoned one is among
_DEATHS = 3


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
def noted(notes: Gate, number: int) -> int:
    notes.note(f"{number} {loom.context().node_id}")
    return number


def row_18(_: Random) -> Account:
    """nodes race for tasks: each runs once (HYPERLOOM_CHAOS_NODES, HYPERLOOM_CHAOS_RACE)"""
    return race(NODES, RACE)


def race(nodes: int, number: int) -> Account:
    """So many nodes for so many tasks."""
    account = Account(rounds=1, accepted=number)
    folder = Path(tempfile.mkdtemp(prefix="loom-chaos-"))
    try:
        notes = Gate(folder / "notes")
        with Cluster(nodes=nodes) as cluster, cluster.connect():
            ids = [node.id for node in cluster.nodes]
            # Who has not heard of the job yet does not race.
            assert loom.get([on(node).remote() for node in ids], timeout=60) == ids
            values = loom.get([noted.remote(notes, i) for i in range(number)], timeout=300)
        ran = [line.split() for line in notes.notes()]
    finally:
        shutil.rmtree(folder)
    account.committed = len(values)
    account.wrong = int(values != list(range(number)))
    account.twice = len(ran) - len({number for number, _ in ran})
    account.left += [] if len(ran) == number else [f"{len(ran)} tasks ran"]
    shares = Counter(node for _, node in ran)
    account.left += [f"{node} ran nothing" for node in ids if not shares[node]]
    return account


def _poisons() -> dict[str, Any]:
    def overflows(_: int = 0) -> Any:
        sys.setrecursionlimit(1 << 30)
        return list(map(overflows, [0]))  # through C each time: that has a stack

    def holds_the_interpreter() -> None:
        ctypes.PyDLL(None).pause()  # with its lock, asleep

    def spins_with_the_interpreter() -> bool:
        return all(itertools.repeat(1))  # with its lock, busy

    return {
        "SIGSEGV": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "exits": lambda: os._exit(1),
        "overflows": overflows,
        "holds": holds_the_interpreter,
        "spins": spins_with_the_interpreter,
    }


def row_20(_: Random) -> Account:
    """poisoned tasks among a thousand others: after three deaths they fail, and nobody else does"""
    return among_others(list(_poisons()), _OTHERS, limit_s=2.0)


def among_others(names: Sequence[str], chains: int, limit_s: float) -> Account:
    """These poisons, with so many chains of other tasks before and behind them."""
    folder = Path(tempfile.mkdtemp(prefix="loom-chaos-"))
    try:
        with loom.init("local", num_cpus=2, kill_grace_s=1):
            before = {node["pid"] for node in loom.nodes()}
            load = Load()
            load.submit(chains)
            bad = {name: _poisoned(name, folder, limit_s) for name in names}
            load.submit(chains)
            load.account.accepted += len(bad)
            for name, ref in bad.items():
                _take_the_poison(load.account, name, ref, Gate(folder / name))
            bad.clear()
            ref = None
            account = load.settle(counts=False)
            others = account.failed - len(names)
            account.left += [f"{others} other tasks failed"] if others else []
            account.left += (
                [] if {node["pid"] for node in loom.nodes()} == before else ["a raylet is gone"]
            )
            return account
    finally:
        shutil.rmtree(folder)


def _poisoned(name: str, folder: Path, limit_s: float) -> Any:
    poison, tries = _poisons()[name], Gate(folder / name)

    def noted_first() -> Any:
        tries.note("try")
        return poison()

    hangs = name in {"holds", "spins"}
    options = {"timeout_s": limit_s} if hangs else {}
    return loom.task(noted_first).options(max_retries=_DEATHS, name=name, **options).remote()


def _take_the_poison(account: Account, name: str, ref: Any, tries: Gate) -> None:
    try:
        loom.get(ref, timeout=60)
    except errors.TaskTimeout:
        right = name in {"holds", "spins"}
    except errors.TaskPoisoned:
        right = len(tries.notes()) == _DEATHS
    else:
        right = False
    account.failed += 1
    account.wrong += not right
    account.left += [] if right else [f"{name}: {len(tries.notes())} tries"]
