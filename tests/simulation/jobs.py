"""The jobs of a world: their drivers come and die, and who lacks a driver is found out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import fcall
from hyperloom.ids import JOB_BYTES
from tests.simulation.driver import Driver
from tests.simulation.workers import KILLED_ACTOR

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.simulation.books import Books
    from tests.simulation.network import Line
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
        self._lacking: set[bytes] = set()  # jobs without a driver
        self._left_behind = False
        self._homes: dict[bytes, Node] = {}  # on whose machine a job's driver is, or was
        self._unseen: list[tuple[Any, Node]] = []  # drivers that died: guest and home

    def driver_comes(self, home: Node) -> None:
        """On the machine of this node."""
        job = bytes([65 + len(self.all)]) * JOB_BYTES
        self.all.append(job)
        self.drivers.append(Driver(job, self._server, self._books, self._rng, home=home))
        self.drivers[-1].born = self._born
        self._homes[job] = home

    def _born(self, visit: Driver) -> None:
        self.drivers.append(visit)

    def has_driver(self, job: bytes) -> bool:
        return any(driver.job == job and not driver.owns for driver in self.drivers)

    def driver_dies(self, driver: Driver) -> list[Line]:
        """Lines on which words of it may still arrive."""
        self._books.calm = False
        self._books.killed.add(driver.process)
        visits = driver.named.visiting
        self._books.killed |= {visit.process for visit in visits}
        self.drivers = [each for each in self.drivers if each not in (driver, *visits)]
        self._unseen.append((driver.guest, self._homes[driver.job]))
        gone = (driver, *visits)
        return [line for each in gone for line in each.dies(self._rng.randint(0, 3))]

    def detaches(self) -> None:
        driver = self._rng.choice([driver for driver in self.drivers if not driver.owns])
        self.detached += 1
        detach = self._rng.choice([driver.detaches, driver.detaches_a_plan])
        detach(self.detached, self.drivers.append)

    def a_visitor_of(self, job: bytes) -> Driver:
        """A process of a driver in the job of another."""
        self.detached += 1
        return Driver(job, self._server, self._books, self._rng, among=self.detached)

    def release_what_is_detached(self) -> None:
        """And end what is, and visits."""
        for job in self.all:
            ns = keys.job_namespace(job)
            found = self._server.plane.call("owner_list", ns=ns)
            for owner, about in zip(found[::2], found[1::2], strict=True):
                if about.startswith(codes.RESIDENT):
                    self._kill(ns, owner)
                    continue
                at = 1
                while at:
                    at = self._server.execute(fcall("process_bury", ns, owner, at, 100))
        self.drivers = [driver for driver in self.drivers if not driver.owns]

    def _kill(self, ns: str, actor: bytes) -> None:
        attempt: Any = 0
        self._books.may_end(actor)
        while isinstance(attempt, int):
            words = "actor_kill", ns, actor, 0, attempt, KILLED_ACTOR
            attempt = self._server.execute(fcall(*words))

    @property
    def left_behind(self) -> bool:
        """There is a job that nobody owns any more."""
        self._look()
        return self._left_behind

    def ends(self, nodes: list[Node]) -> list[tuple[str, Callable[[], None]]]:
        """The raylet of a driver that died sees it.  If that is dead too, others wait in vain."""
        seen = [end for end in self._unseen if end[1] in nodes]
        return [("end is seen", partial(self._is_seen, end)) for end in seen]

    def _is_seen(self, end: tuple[Any, Node]) -> None:
        """The program whose job this is was killed."""
        guest, home = end
        self._unseen.remove(end)
        home.guests.remove(guest)
        home._do(lambda: home.agent.left(guest))

    def waited_for_long_enough(self) -> None:
        """Drivers that died with their node: that is found out, by the server's clock."""
        self._unseen = [end for end in self._unseen if not end[1].line.dead]
        if any(home.line.dead for home in self._homes.values()):
            self._look()
            for job in self._lacking:
                if (home := self._homes.get(job)) and home.line.dead:
                    table = keys.ORPHANS.name(keys.CLUSTER)
                    if self._server.plane.wire.call("HEXISTS", table, job):
                        self._server.plane.wire.call("HSET", table, job, home.node + b"1")

    def _look(self) -> None:
        """Which jobs of the cluster have no driver; it is asked when it may have changed."""
        now = self._server.did, len(self.drivers)
        if now == self._looked_at:
            return
        self._looked_at, self._lacking, self._left_behind = now, set(), False
        gone = [job for job in self.all if not self.has_driver(job)]
        if not gone:
            return
        abouts = self._server.plane.wire.call("HMGET", keys.JOBS.name(keys.CLUSTER), *gone)
        for job, about in zip(gone, abouts, strict=True):
            if about:
                self._lacking.add(job)
                owners = self._server.plane.call("owner_list", ns=keys.job_namespace(job))
                self._left_behind = self._left_behind or not owners
