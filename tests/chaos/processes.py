"""Rows 1-4 and 8: workers, raylets, drivers, heads and servers are killed or stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

import hyperloom as loom
from hyperloom import failpoints
from tests.chaos.oracle import Account, Load
from tests.cluster.several.tasks import alive
from tests.home import Home
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

LEASE = {"LOOM_LEASE_S": "2", "LOOM_BEAT_S": "0.5"}
CHAINS = 67  # about 200 tasks


class Head(Home):
    """A head, with this process for a driver."""

    def __enter__(self) -> Self:
        os.environ["LOOM_RUNTIME_DIR"] = str(self.runtime)
        return self

    def __exit__(self, *_: object) -> None:
        loom.shutdown()
        self.close()

    def begins(self, *arguments: str | Path, **variables: str) -> Path:
        self.variables |= LEASE | variables
        folder = self.start_head(*arguments)
        loom.init()
        return folder


def row_1(choose: Random) -> Account:
    """kill -9 of workers at one of their steps"""
    point = choose.choice([p for p in failpoints.POINTS if p.startswith("worker.")])
    with Head() as home:
        home.begins(LOOM_FAILPOINTS=f"{point}=kill9@{choose.randint(5, 20)}")
        load = Load()
        load.submit(CHAINS)
        return load.settle()


def row_2(choose: Random) -> Account:
    """kill -9 of a raylet at one of its steps; it is replaced; or with its supervisor, for good"""
    if choose.random() < 0.3:
        return with_its_supervisor(choose)
    points = [p for p in failpoints.POINTS if p.startswith(("raylet.", "membership."))]
    with Head() as home:
        point = choose.choice(points)
        folder = home.begins(LOOM_FAILPOINTS=f"{point}=kill9@{choose.randint(1, 20)}")
        about = json.loads((folder / "node.json").read_text())
        about["config"]["failpoints"] = ""  # of the next one
        (folder / "node.json").write_text(json.dumps(about))
        load = Load()
        load.submit(CHAINS)
        return load.settle()


def with_its_supervisor(choose: Random) -> Account:
    """Of the second of two nodes, in either order, some milliseconds apart."""
    with Head() as home:
        data = home.path / "data"
        home.begins("--dir", data)
        other = Home(variables=home.variables)
        try:
            joins = ("--password-file", data / "password", "--num-cpus", "2")
            other.loom("start", "--address", home.status()["address"], *joins)
            wait_until(lambda: len(alive()) == 2, 20)
            load = Load()
            load.submit(2 * CHAINS)
            first, second = choose.sample(["raylet", "supervisor"], 2)
            other.kill(first)
            time.sleep(choose.random() * 0.02)  # the task of this row is chance
            os.kill(other.pid(second), signal.SIGKILL)
            load.account.slowest_s = load.answers()
            account = load.settle()
            # The supervisor may have begun the next raylet, which then lives on; it is found.
            other.loom("stop", "--force")
            wait_until(lambda: not other.processes(), 20)
            account.left += map(str, other.shared_memory())
        finally:
            other.close()
        return account


_DRIVER = """
import sys, time
import hyperloom as loom
import numpy as np

@loom.task
def plus_one(x):
    time.sleep(0.01)  # the task takes its time
    return x + 1

loom.init("auto")
kept = [loom.put(np.zeros(1 << 18)) for _ in range(3)]
print("begun", flush=True)
while True:
    refs = [plus_one.remote(i) for i in range(50)]
    loom.get(refs)
"""


def row_3(choose: Random) -> Account:
    """kill -9 of a driver: its job ends, and nothing of it stays"""
    account = Account(rounds=1)
    with Head() as home:
        home.variables |= LEASE
        home.start_head()
        driver = home.python("-c", _DRIVER)
        assert driver.stdout is not None
        driver.stdout.readline()
        time.sleep(choose.random())  # the task of this row is chance
        driver.kill()
        at = time.monotonic()
        driver.communicate()
        wait_until(lambda: home.jobs() == [], 30)
        account.slowest_s = time.monotonic() - at
        used = home.status()["node"]["store"]["used"]
        account.left += [f"{used} bytes in the store"] if used else []
    return account


def row_4(choose: Random) -> Account:
    """kill -9 of a head's processes but its server, under load; loom start --head again"""
    with Head() as home:
        home.begins()
        load = Load()
        load.submit(2 * CHAINS)
        for name in ("supervisor", *choose.sample(["raylet", "recorder"], 2)):
            home.kill(name)
        home.loom("start", "--head")
        load.account.slowest_s = load.answers()
        load.submit(CHAINS)
        return load.settle()


_STOPPED = """
import hyperloom as loom

@loom.task
def plus_one(x):
    return x + 1

with loom.init("auto"):
    refs = [plus_one.remote(i) for i in range(200)]
    print("begun", flush=True)
    input()
    print(loom.get(refs) == list(range(1, 201)))
"""


def row_8(choose: Random) -> Account:
    """SIGSTOP of a worker, raylet, server or driver for half a lease, two or ten"""
    for_s = float(LEASE["LOOM_LEASE_S"]) * choose.choice([0.5, 2, 10])
    with Head() as home:
        home.begins()
        load = Load()
        load.submit(CHAINS)
        who = choose.choice(["worker", "raylet", "server", "driver"])
        driver = home.python("-c", _STOPPED, stdin=subprocess.PIPE)
        assert driver.stdout is not None
        assert driver.stdout.readline() == "begun\n"
        if who == "driver":
            pid = driver.pid
        else:
            pid = _worker_of(home) if who == "worker" else home.pid(who)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(for_s)  # the task of this row is to hang
        os.kill(pid, signal.SIGCONT)
        load.account.slowest_s = load.answers()
        out, err = driver.communicate("\n", timeout=60)
        load.account.left += [] if out == "True\n" else [f"a driver that says {out!r} {err:.300}"]
        return load.settle()


def _worker_of(home: Home) -> int:
    def found() -> list[dict[str, Any]]:
        workers: list[dict[str, Any]] = home.status()["node"]["workers"]
        return workers

    return int(wait_until(found, 20)[0]["pid"])
