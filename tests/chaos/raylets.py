"""Row 2: raylets are killed at one of their steps; they are replaced, or their node is lost."""

from __future__ import annotations

import json
import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from hyperloom.testing import Cluster
from tests.chaos import executions
from tests.chaos.baseline import Baseline
from tests.chaos.oracle import ELSEWHERE, ORPHANS, Load
from tests.chaos.processes import CHAINS, Head
from tests.cluster.api.gate import Gate
from tests.cluster.several.tasks import alive
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.chaos.oracle import Account

_STEPS = ("raylet.before.task_step", "raylet.after.task_step", "raylet.claimed")
_OF_A_LOST_NODE = (*_STEPS, "membership.beaten", "transfer.begun")
# At which time it dies: not before it has begun the task that stays, nor after all are over.
_TIMES = {"membership.beaten": (2, 3), "transfer.begun": (1, 1), "raylet.claimed": (2, 10)}
_SUPERVISED = "with its supervisor"
_REPLACED = "replaced"
KINDS = (*_OF_A_LOST_NODE, _REPLACED, _SUPERVISED)
REQUEUED = (*_OF_A_LOST_NODE, _SUPERVISED)
_TAKES_S = 0.01
_LARGE = 8 << 20


def row_2(kind: str, choose: Random) -> Account:
    """kill -9 of a raylet at one of its steps: it is replaced, or its node is lost"""
    if kind == _REPLACED:
        return _replaced(choose)
    if kind == _SUPERVISED:
        return _with_its_supervisor(choose)
    return _lost(kind, choose)


def _lost(point: str, choose: Random) -> Account:
    """The second of two nodes, at a step of its raylet."""
    with Head() as home, Cluster(nodes=1, num_cpus=2, lease_s=2, beat_s=0.5) as cluster:
        stays, notes, driver = cluster.nodes[0], home.path / "notes", cluster.connect()
        with driver:
            load = Load(partial(executions.noted.remote, notes=str(home.path / "warm"), takes_s=0))
            load.submit(CHAINS)
            load.settle()
            baseline = Baseline(raylet=stays.pid)
            rule = f"{point}=kill9@{choose.randint(*_TIMES.get(point, (5, 14)))}"
            goes, gate = cluster.add_node(num_cpus=2, failpoints=rule), Gate(home.path / "gate")
            _begin_one(load, goes.id, notes, gate)
            load.call = _task(point, notes, goes.id)
            load.submit(CHAINS)
            at = _dies(goes.pid, goes.id, notes, load.account)
            gate.open()
            load.call = _nobody  # it may hold a large object
            account = load.settle()
            _measure_rerun(account, notes, goes.id, at)
            cluster.remove_node(goes, kill=True)
            account.left += baseline.left()
        return account


def _task(point: str, notes: Path, node: str) -> Any:
    path = str(notes)
    if point != "transfer.begun":
        return partial(executions.noted.remote, notes=path, takes_s=_TAKES_S)
    there = executions.weighs.options(scheduling=loom.NodeAffinity(node, soft=True))
    return partial(there.remote, notes=path, takes_s=_TAKES_S, large=loom.put(bytes([1]) * _LARGE))


def _begin_one(load: Load, node: str, notes: Path, gate: Gate) -> None:
    """A task that goes on there until it is let: it will have to run again."""
    stays = executions.stays.options(scheduling=loom.NodeAffinity(node, soft=True))
    load.expect(stays.remote(0, str(notes), gate), 1)
    wait_until(lambda: _ran_on(notes, node), 30, what="it has begun one")


def _measure_rerun(account: Account, notes: Path, node: str, at: float) -> None:
    again = executions.rerun_after_s(executions.read(notes), node, at)
    if again is not None:
        account.measured(ELSEWHERE, again)


def _nobody(x: int) -> Any:
    raise AssertionError(x)


def _dies(raylet: int, node: str, notes: Path, account: Account) -> float:
    """Wait for it, and measure what becomes of its workers; when that was."""
    wait_until(lambda: executions.ended(raylet), 30, what="it dies")
    at = time.monotonic()
    workers = {each.pid for each in executions.read(notes) if each.node == node}
    wait_until(lambda: all(map(executions.ended, workers)), 30, what="its workers end")
    account.measured(ORPHANS, time.monotonic() - at)
    return at


def _replaced(choose: Random) -> Account:
    with Head() as home:
        point = choose.choice([*_STEPS, "membership.beaten"])
        at = choose.randint(1, 3 if point == "membership.beaten" else 20)
        folder = home.begins(LOOM_FAILPOINTS=f"{point}=kill9@{at}")
        about = json.loads((folder / "node.json").read_text())
        about["config"]["failpoints"] = ""  # of the next one
        (folder / "node.json").write_text(json.dumps(about))
        first, notes = home.pid("raylet"), home.path / "notes"
        load = Load(partial(executions.noted.remote, notes=str(notes), takes_s=_TAKES_S))
        load.submit(CHAINS)
        _dies(first, loom.nodes()[0]["node"], notes, load.account)
        load.settle()
        baseline = Baseline(raylet=home.pid("raylet"), supervisor=home.pid("supervisor"))
        load.submit(CHAINS)
        account = load.settle()
        account.left += baseline.left()
        return account


def _with_its_supervisor(choose: Random) -> Account:
    """Of the second of two nodes, in either order, some milliseconds apart."""
    with Head() as home:
        home.begins("--dir", home.path / "data")
        with home.joined() as other:
            wait_until(lambda: len(alive()) == 2, 20)
            notes = home.path / "notes"
            load = Load(partial(executions.noted.remote, notes=str(notes), takes_s=_TAKES_S))
            load.submit(CHAINS)
            load.settle()
            notes.unlink()
            baseline = Baseline(raylet=home.pid("raylet"), supervisor=home.pid("supervisor"))
            node = next(each for each in loom.nodes() if each["pid"] == other.pid("raylet"))
            gate = Gate(home.path / "gate")
            _begin_one(load, node["node"], notes, gate)
            load.submit(CHAINS)
            first, second = choose.sample(["raylet", "supervisor"], 2)
            raylet = other.pid("raylet")
            other.kill(first)
            time.sleep(choose.random() * 0.02)  # the task of this row is chance
            os.kill(other.pid(second), signal.SIGKILL)
            at = _dies(raylet, node["node"], notes, load.account)
            gate.open()
            account = load.settle()
            # The supervisor may have begun the next raylet, which then lives on; it is found.
            other.loom("stop", "--force")
            wait_until(lambda: not other.processes(), 20)
            account.left += map(str, other.shared_memory())
            _measure_rerun(account, notes, node["node"], at)
            account.left += baseline.left()
        return account


def _ran_on(notes: Path, node: str) -> bool:
    return any(each.node == node for each in executions.read(notes))
