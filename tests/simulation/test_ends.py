"""Jobs that are over come back with a server that has forgotten it, as stories."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom.gcs import keys
from hyperloom.ids import JOB_BYTES, OBJECT_BYTES
from tests.simulation.books import Books
from tests.simulation.driver import Driver
from tests.simulation.node import Clock, Node, Stage
from tests.simulation.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JOB, OTHER = b"AAAA", b"BBBB"
A_LEASE_S = 11.0


class Story:
    """A server, a node, a driver on it; time passes when it is told to."""

    def __init__(self, socket: Path) -> None:
        self.clock, self.server = Clock(), Server(socket)
        self.stage = Stage(self.clock)
        books = Books()
        self.node = Node(b"node...1", 1, self.server, self.clock, books, self.stage)
        self.driver = Driver(JOB, self.server, books, Random(1), home=self.node)
        self.settle()
        self.backup = self.server.plane.backup()

    def settle(self, until: Callable[[], bool] = lambda: False) -> None:
        """Until nothing more happens without time, or that is so."""
        while (events := self.node.events()) and not until():
            events[0][1]()

    def the_driver_dies(self, until: Callable[[], bool] = lambda: False) -> None:
        self.driver.dies(0)
        self.node.guests.clear()
        self.node._do(lambda: self.node.agent.left(self.driver.guest))
        self.settle(until)

    def did(self, function: str) -> Callable[[], bool]:
        return lambda: any(
            event[0][1] == function for event in self.server.trail if len(event[0]) > 1
        )

    def the_server_is_as_it_was(self) -> None:
        self.server.plane.restore(self.backup)
        self.node.line.cut()
        for inbox in self.node.inboxes:
            if not inbox.closed:
                inbox.cut()

    def time_passes(self, seconds: float) -> None:
        until = self.clock.now + seconds
        self.settle()
        while self.node.due <= until:
            self.clock.now = max(self.clock.now, self.node.due)
            self.node.ring()
            self.settle()

    def left(self) -> set[bytes]:
        """Tables of the job that are there, but those that expire."""
        ns = keys.job_namespace(JOB)
        there = {name for name in self.server.plane.world() if name.startswith(ns.encode())}
        return there - {key.name(ns) for key in keys.OUTLIVE}

    def jobs(self) -> Any:
        return self.server.plane.wire.call("HKEYS", keys.JOBS.name(keys.CLUSTER))


@pytest.fixture
def story(socket_path: Path) -> Iterator[Story]:
    made = Story(socket_path)
    yield made
    made.node.dies()
    made.stage.close()
    made.server.close()


def test_a_job_whose_end_the_server_has_forgotten_ends_again(story: Story) -> None:
    """
    1. A driver dies, its raylet sees it, and its job is closed.  2. The server crashes, and comes
    back with what its disk has: the job.  3. Its driver is not there, and will not come.
    """
    story.the_driver_dies()
    assert (story.jobs(), story.left()) == ([], set())
    story.the_server_is_as_it_was()
    assert story.jobs() == [JOB]
    story.time_passes(A_LEASE_S)
    assert (story.jobs(), story.left()) == ([], set())


def test_a_job_of_which_only_the_first_half_of_its_end_was_forgotten_leaves_nothing(
    story: Story,
) -> None:
    """
    1. A job is closed.  2. The server comes back in an older state, and has the job's tables again.
    3. The job is struck off the cluster's table: nobody would look at those any more.
    """
    story.the_driver_dies(until=story.did("loom_job_close"))
    story.node.line.answer_next()
    story.the_server_is_as_it_was()
    story.time_passes(A_LEASE_S)
    assert (story.jobs(), story.left()) == ([], set())


def test_what_a_worker_stores_as_it_is_killed_goes_with_its_job(story: Story) -> None:
    """
    1. A driver dies, and its job ends: its workers are killed, its objects freed.  2. The kernel
    lets one of these finish what it is at: it stores a value.  3. It is found dead.
    """
    pool, store = story.node.pool, story.node.store
    story.driver.submits()
    story.driver.line.do_next()
    story.settle(until=lambda: bool(pool.workers))
    assert pool.workers

    def is_killed() -> bool:
        return any(worker.state == "dead" for worker in pool.workers.values())

    story.the_driver_dies(until=is_killed)
    assert is_killed()
    while others := [do for name, do in story.node.events() if name != "burial"]:
        others[0]()
    assert story.jobs() == []
    for job in (JOB, OTHER):
        store.seal(job + bytes(OBJECT_BYTES - JOB_BYTES), b"0put late")
    story.settle()
    assert [oid[:JOB_BYTES] for oid in store] == [OTHER]
