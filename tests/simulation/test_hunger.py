"""One race that a seed has shown, as a story."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hyperloom.gcs import keys
from hyperloom.raylet import messages as m
from tests.simulation.books import Books
from tests.simulation.driver import Driver
from tests.simulation.node import Clock, Node, Stage
from tests.simulation.server import Server

if TYPE_CHECKING:
    from pathlib import Path

JOB = b"AAAA"


def settle(*who: Driver | Node) -> None:
    """Until nothing more happens without time."""
    while events := [event for each in who for event in each.events()]:
        _, happens = events[0]
        happens()


def test_who_turns_hungry_before_its_tick_says_so(socket_path: Path) -> None:
    """
    1. A node has had room for so long that it is hungry, and its tick is due.  2. Before that it
    hears of a queue, and so finds out.  3. The tick finds nothing that has changed.
    """
    clock, server, books = Clock(), Server(socket_path), Books()
    stage = Stage(clock)
    driver = Driver(JOB, server, books, Random(1))
    node = Node(b"node...1", 1, server, clock, books, stage)
    try:
        settle(driver, node)
        seen = m.QueuesSeen(JOB, ["0|CPU:10000|0000000000000003"])
        for _ in range(2):
            node._do(lambda: node.agent._handle(seen))
            clock.now += 1  # the second one comes when there has been room for as long
        while node.due <= clock.now:
            node.ring()
        settle(driver, node)
        offer = server.plane.wire.call("HGET", keys.IDLE.name(driver.ns), node.node)
        assert b"~:1" in offer
    finally:
        node.dies()
        stage.close()
        server.close()
