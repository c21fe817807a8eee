"""The last words of a raylet: done before anything else is said for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom.gcs import keys
from hyperloom.raylet.conversation import Conversation
from hyperloom.raylet.loop import Loop
from tests import servers
from tests.unit.gcs.plane import JOB, Plane, node

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = 2000


@pytest.fixture
def plane(socket_path: Path) -> Iterator[Plane]:
    plane = Plane(socket_path)
    yield plane
    plane.wire.call("FLUSHALL")
    plane.close()


@pytest.fixture
def gcs(plane: Plane) -> Iterator[Conversation]:
    loop = Loop()
    gcs = Conversation(plane.address, loop, lambda: None)
    yield gcs
    gcs.close()
    loop.close()


def say(gcs: Conversation, heeded: list[object]) -> None:
    for n in range(WORDS):
        gcs.apply("job_open", keys.CLUSTER, JOB + b"%d" % n, "about", then=heeded.append)
    gcs.apply("node_join", keys.CLUSTER, node("leaves"), 60_000, "about", then=heeded.append)


def test_what_was_said_is_done_before_another_connection_says_more(
    plane: Plane, gcs: Conversation
) -> None:
    """1. The node says that it joins.  2. It ends.  3. It says on another connection that it
    leaves: the join may still lie in the first one, and would make a member of it that is gone."""
    heeded: list[object] = []
    say(gcs, heeded)
    assert gcs.settle(30)
    plane.call("node_leave", node("leaves"), ns=keys.CLUSTER)
    assert plane.call("node_list", ns=keys.CLUSTER) == []
    assert len(plane.world()[keys.JOBS.name(keys.CLUSTER)]) == WORDS
    assert heeded == [], "it has ended: there is nobody to heed an answer"
    assert gcs.settle(0), "nothing is left to be said"


def test_a_connection_that_breaks_in_between_is_made_anew(plane: Plane, gcs: Conversation) -> None:
    say(gcs, [])
    plane.wire.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert gcs.settle(30)
    plane.call("node_leave", node("leaves"), ns=keys.CLUSTER)
    assert plane.call("node_list", ns=keys.CLUSTER) == []
    assert len(plane.world()[keys.JOBS.name(keys.CLUSTER)]) == WORDS


def test_without_a_server_it_is_given_up(tmp_path: Path) -> None:
    server = servers.start("embedded", tmp_path)
    plane, loop = Plane(server.socket), Loop()
    gcs = Conversation(plane.address, loop, lambda: None)
    plane.close()
    server.stop()
    say(gcs, [])
    assert not gcs.settle(0.2)
    gcs.close()
    loop.close()
