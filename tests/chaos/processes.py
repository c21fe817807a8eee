"""Rows 4 and 8: a head is killed but for its server; anything is stopped for a while."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import hyperloom as loom
from tests.chaos.baseline import Baseline
from tests.chaos.executions import lasts, read
from tests.chaos.oracle import ANSWERS, DISTURBED, Account, Load
from tests.home import Home
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

LEASE = {"LOOM_LEASE_S": "2", "LOOM_BEAT_S": "0.5"}
CHAINS = 67  # about 200 tasks


class Head(Home):
    """A head, with this process for a driver."""

    def __enter__(self) -> Self:
        os.environ["LOOM_RUNTIME_DIR"] = str(self.runtime)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        loom.shutdown()
        if kind is None:
            self.loom("stop", "--all", exits=None)
            self.wait_empty()
        self.close()

    def begins(self, *arguments: str | Path, **variables: str) -> Path:
        self.variables |= LEASE | variables
        folder = self.start_head(*arguments)
        loom.init()
        return folder

    @contextmanager
    def joined(self, *arguments: str) -> Iterator[Home]:
        """With a second node, whose home is another one; of a head whose data are in ``data``."""
        other = Home(variables=self.variables)
        joins = ("--password-file", self.path / "data" / "password", "--num-cpus", "2")
        try:
            other.loom("start", "--address", self.status()["address"], *joins, *arguments)
            yield other
        finally:
            other.close()


def row_4(choose: Random) -> Account:
    """kill -9 of a head's processes but its server, under 1,000 tasks/s; loom start --head again"""
    with Head() as home:
        home.begins("--dir", home.path / "data")
        with home.joined("--resources", '{"here": 1}') as other:
            gate, beats = home.path / "gate", home.path / "beats"
            running = [
                lasts.options(resources={"here": 0.1}).remote(str(beats), str(gate))
                for _ in range(2)
            ]
            wait_until(lambda: len(read(beats)) == 2, 30)
            load = Load()
            load.submit(CHAINS)
            load.answers()
            baseline = Baseline(raylet=other.pid("raylet"), supervisor=other.pid("supervisor"))
            with load.streaming(1000):
                for name in ("supervisor", *choose.sample(["raylet", "recorder"], 2)):
                    home.kill(name)
                home.loom("start", "--head")
                load.account.measured(ANSWERS, load.answers())
            gate.touch()
            pids = loom.get(running, timeout=60)
            del running
            load.account.accepted += len(pids)
            load.account.committed += len(pids)
            account = load.settle()
            account.measured(DISTURBED, len(read(beats)) - len(pids))
            account.wrong += {each.pid for each in read(beats)} != set(pids)
            account.left += baseline.left()
            return account


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
        load.account.measured(ANSWERS, load.answers())
        out, err = driver.communicate("\n", timeout=60)
        load.account.left += [] if out == "True\n" else [f"a driver that says {out!r} {err:.300}"]
        return load.settle()


def _worker_of(home: Home) -> int:
    def found() -> list[dict[str, Any]]:
        workers: list[dict[str, Any]] = home.status()["node"]["workers"]
        return workers

    return int(wait_until(found, 20)[0]["pid"])
