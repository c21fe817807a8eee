"""Row 1: workers are killed at one of their steps, again and again."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from tests.chaos import executions
from tests.chaos.baseline import Baseline
from tests.chaos.oracle import EXTRA, SLOT, Load
from tests.chaos.processes import CHAINS, Head

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.chaos.oracle import Account

_MIDWAY = "midway"
KINDS = (
    "worker.before_read",
    "worker.begun",
    "worker.called",
    _MIDWAY,
    "worker.waiting",
    "worker.packed",
    "worker.reported",
)
# Results are reported every 2 ms (`hyperloom.core.worker`): of shorter tasks those of that time are
# run again, too.
_TAKES_S = 0.003


def row_1(kind: str, choose: Random) -> Account:
    """kill -9 of workers at one of their steps, on one slot; half of the results are large"""
    at = choose.randint(5, 20)
    with Head() as home:
        points = "" if kind == _MIDWAY else f"{kind}=kill9@{at}"
        with loom.init("local", num_cpus=1, failpoints=points):
            warm, notes = home.path / "warm", home.path / "notes"
            # Of what a waiting task asks for and does not live to see, nobody keeps count here.
            counts = kind != "worker.waiting"
            load = Load(_task(kind, warm, at))
            load.submit(CHAINS)
            load.settle(counts=counts)
            baseline = Baseline(raylet=loom.nodes()[0]["pid"])
            load.call = _task(kind, notes, at)
            load.submit(CHAINS)
            account = load.settle(counts=counts)
            account.left += baseline.left()
        ran = executions.read(notes)
        again = executions.again_for_each(ran)
        assert len(again) > CHAINS * 3 / 50, f"{len(again)} workers: they did not die"
        account.measured(EXTRA, max(again.values()))
        if (change_s := executions.longest_change_s(ran)) is not None:
            account.measured(SLOT, change_s)
        return account


def _task(kind: str, notes: Path, at: int) -> Any:
    path = str(notes)
    if kind == _MIDWAY:
        return partial(executions.dies_midway.remote, notes=path, takes_s=_TAKES_S, at=at)
    if kind == "worker.waiting":
        return partial(executions.asks.remote, notes=path)
    # In turn, so that a large one is an argument of a small one, and the other way.
    both = itertools.cycle([executions.noted, executions.heavy])
    return lambda x: next(both).remote(x, notes=path, takes_s=_TAKES_S)
