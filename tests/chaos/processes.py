"""Row 4: a head is killed but for its server."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

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
