"""Row 3: drivers are killed; what is theirs ends with them, and what is detached goes on."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import hyperloom as loom
from hyperloom.core import current
from hyperloom.gcs import keys
from tests.chaos import executions
from tests.chaos.baseline import Baseline
from tests.chaos.oracle import CANCELLED, Account
from tests.chaos.processes import LEASE, Head
from tests.cluster.api.gate import Gate
from tests.cluster.plans.programs import ANSWER, submit_from
from tests.waiting import wait_until

if TYPE_CHECKING:
    from random import Random

_HOLDS, _DETACHED = "holding refs", "detached plan"
OF_ITS_OWN = ("driver.before.task_submit", "driver.after.task_submit", "driver.waiting", _HOLDS)
KINDS = (*OF_ITS_OWN, _DETACHED)

_DRIVER = """
import sys, time
from pathlib import Path
import numpy as np
import hyperloom as loom
from hyperloom import failpoints
from tests.chaos.executions import lasts, noted

notes, beats, rule = sys.argv[1:4]
loom.init("auto")
kept = [loom.put(np.zeros(1 << 18)) for _ in range(3)]
running = [lasts.remote(beats, beats + ".never") for _ in range(2)]
while not Path(beats).exists() or len(Path(beats).read_text().splitlines()) < 2:
    time.sleep(0.005)  # the tasks begin
failpoints.arm(rule)
print("begun", flush=True)
while rule:
    loom.get([noted.remote(i, notes, 0.001) for i in range(50)])
input()
"""


def row_3(kind: str, choose: Random) -> Account:
    """kill -9 of a driver: what is its own ends with it; a detached plan is taken up and ends"""
    with Head() as home:
        home.begins()
        if kind == _DETACHED:
            return _detached(home, choose)
        account = Account(rounds=1)
        _killed(home, kind, choose, Account())
        baseline = Baseline(raylet=home.pid("raylet"), supervisor=home.pid("supervisor"))
        _killed(home, kind, choose, account)
        used = home.status()["node"]["store"]["used"]
        account.left += [f"{used} bytes in the store"] if used else []
        account.left += baseline.left()
        return account


def _killed(home: Head, kind: str, choose: Random, account: Account) -> None:
    """It has tasks that would go on for a minute, and objects."""
    notes, beats = home.path / "notes", home.path / "beats"
    beats.unlink(missing_ok=True)
    rule = "" if kind == _HOLDS else f"{kind}=kill9@{choose.randint(1, 20)}"
    driver = home.python("-c", _DRIVER, str(notes), str(beats), rule, stdin=subprocess.PIPE)
    assert driver.stdout is not None
    said = driver.stdout.readline()
    if kind == _HOLDS:
        time.sleep(choose.random())  # the task of this row is chance
        driver.kill()
    code = driver.wait(30)
    at, at_wall = time.monotonic(), time.time()
    _, err = driver.communicate()
    assert (said, code) == ("begun\n", -signal.SIGKILL), err
    running = [each.pid for each in executions.read(beats)]
    wait_until(lambda: _other_jobs() == [] and all(map(executions.ended, running)), 30)
    account.measured(CANCELLED, time.monotonic() - at)
    account.measured(CANCELLED, beats.stat().st_mtime - at_wall)


def _detached(home: Head, choose: Random) -> Account:
    """It comes out as it should, whoever takes it up; and is gone when it is released."""
    account = Account(rounds=1, accepted=2)
    warm = submit_from(home, Gate(home.path / "warm"), "killed")
    Gate(home.path / "warm").open()
    account.committed += loom.attach(warm).gather(60) == ANSWER
    wait_until(lambda: _other_jobs() == [], 30)
    baseline = Baseline(raylet=home.pid("raylet"), supervisor=home.pid("supervisor"))
    gate = Gate(home.path / "gate")
    plan = submit_from(home, gate, "killed")
    if choose.random() < 0.5:
        time.sleep(float(LEASE["LOOM_LEASE_S"]) * 1.5)  # the task of this row is to be forgotten
    gate.open()
    account.committed += loom.attach(plan).gather(60) == ANSWER
    wait_until(lambda: _other_jobs() == [], 30)
    account.left += baseline.left()
    return account


def _other_jobs() -> list[bytes]:
    session = current.session()
    found = session.outbox.call("job_list", namespace=keys.CLUSTER)
    return [job for job in found[::2] if job != session.job]
