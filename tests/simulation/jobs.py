"""The jobs of a world: their drivers come and die, and who lacks a driver is found out."""

from __future__ import annotations

import json
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import keys
from hyperloom.gcs.wire import fcall
from hyperloom.ids import JOB_BYTES
from hyperloom.raylet.owners import FORSAKEN
from tests.simulation.driver import Driver

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.simulation.books import Books
    from tests.simulation.node import Node
    from tests.simulation.server import Server


class Jobs:
    """See the module."""

    def __init__(self, server: Server, books: Books, rng: Random) -> None:
        self._server = server
        self._books = books
        self._rng = rng
        self.drivers: list[Driver] = []
        self.all: list[bytes] = []  # that ever were
        self.detached = 0  # things, ever
        self._looked_at: tuple[int, int] = (-1, -1)
        self._lacking: dict[bytes, bool] = {}  # jobs without a driver; whether that was seen
        self._left_behind = False

    def driver_comes(self) -> None:
        job = bytes([65 + len(self.all)]) * JOB_BYTES
        self.all.append(job)
        self.drivers.append(Driver(job, self._server, self._books, self._rng))

    def has_driver(self, job: bytes) -> bool:
        return any(driver.job == job and not driver.owns for driver in self.drivers)

    def driver_dies(self) -> Driver:
        driver = self._rng.choice([driver for driver in self.drivers if not driver.owns])
        self._books.calm = False
        self.drivers.remove(driver)
        driver.dies(self._rng.randint(0, 3))
        if all(each.owns for each in self.drivers):
            self.driver_comes()
        return driver

    def detaches(self) -> None:
        driver = self._rng.choice([driver for driver in self.drivers if not driver.owns])
        self.detached += 1
        driver.detaches(self.detached, self.drivers.append)

    def release_what_is_detached(self) -> None:
        for job in self.all:
            ns = keys.job_namespace(job)
            for owner in self._server.plane.call("owner_list", ns=ns)[::2]:
                at = 1
                while at:
                    at = self._server.execute(fcall("process_bury", ns, owner, at, 100))
        self.drivers = [driver for driver in self.drivers if not driver.owns]

    @property
    def left_behind(self) -> bool:
        """There is a job that nobody owns any more."""
        self._look()
        return self._left_behind

    def ends(self, nodes: list[Node]) -> list[tuple[str, Callable[[], None]]]:
        """The raylet of a driver that died sees it; or another does, if that is lost."""
        self._look()
        return [
            ("end is seen", partial(self._sees_gone, self._rng.choice(nodes), job))
            for job, seen in self._lacking.items()
            if nodes and not seen
        ]

    def _look(self) -> None:
        """Which jobs of the cluster have no driver; it is asked when it may have changed."""
        now = self._server.did, len(self.drivers)
        if now == self._looked_at:
            return
        self._looked_at, self._lacking, self._left_behind = now, {}, False
        gone = [job for job in self.all if not self.has_driver(job)]
        if not gone:
            return
        abouts = self._server.plane.wire.call("HMGET", keys.JOBS.name(keys.CLUSTER), *gone)
        for job, about in zip(gone, abouts, strict=True):
            if about:
                self._lacking[job] = FORSAKEN in json.loads(about)
                owners = self._server.plane.call("owner_list", ns=keys.job_namespace(job))
                self._left_behind = self._left_behind or not owners

    @staticmethod
    def _sees_gone(node: Node, job: bytes) -> None:
        """The program whose job this is was killed."""
        guest: Any = SimpleNamespace(job=job, ends=False)
        node._do(lambda: node.agent._owners.left(guest))
