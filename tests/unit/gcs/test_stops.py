"""A process whose tasks stop at the first failure of one of them, whoever else is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom.gcs import codes, keys
from tests.unit.gcs.cast import FULL, ONE, ROOM, Node, Process, left
from tests.unit.gcs.plane import NS, output

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

FAILED, STOPPED = b"4failed", b"4stopped"


@pytest.fixture
def stops(plane: Plane, driver: Process) -> Process:
    """The driver, whose tasks stop."""
    assert plane.call("process_stops", driver.id, STOPPED) is None
    return driver


def test_the_first_failure_cancels_all_that_is_not_over(plane: Plane, stops: Process) -> None:
    """What runs is the node's to stop; the failure is what is asked for later."""
    node, other = Node(plane), Node(plane, "n2")
    bad, slow, *rest = stops.submit(5)
    later = stops.submit(inputs=[output(slow)])
    (one,), (running,) = node.claim(ONE), other.claim(ONE)
    assert (one.id, running.id) == (bad, slow)
    assert plane.call("process_stopped", stops.id) is None
    node.step("", one, value=FAILED)
    assert plane.call("process_stopped", stops.id) == FAILED
    assert plane.messages(other.id)[0] == [codes.CANCEL, slow, b"0"]
    values = plane.table(keys.OBJECT)
    assert values == {output(bad): FAILED} | {output(of): STOPPED for of in (*rest, *later)}
    assert (node.step("", one).more, node.claim(ROOM)) == (0, [])
    node.step(FULL)
    other.step(FULL, running, value=STOPPED)
    stops.release(*map(output, (bad, slow, *rest, *later)))
    assert left(plane).keys() == {keys.STOPS.name(NS), keys.STOPPED.name(NS)}
    assert plane.call("process_bury", stops.id, 1, 1000) == 0
    assert left(plane) == {}


def test_a_long_one_is_dropped_in_slices_of_any_nodes_steps(plane: Plane, stops: Process) -> None:
    number = 2 * codes.RANGE_TASKS
    stops.submit(number)
    node, other = Node(plane), Node(plane, "n2")
    (one,) = node.claim(ONE)
    assert node.step("", one, value=FAILED).more == 1
    assert other.claim(ROOM) == [], "nothing of it is handed out any more"
    while other.step().more:
        pass
    assert plane.table(keys.TASK) is None
    assert len(plane.table(keys.OBJECT)) == number


def test_what_is_submitted_after_the_failure_is_cancelled_when_it_is_said_again(
    plane: Plane, stops: Process
) -> None:
    """A plan enters in several words, and its first tasks run meanwhile."""
    node = Node(plane)
    stops.submit()
    (one,) = node.claim(ONE)
    node.step("", one, value=FAILED)
    node.step()
    (late,) = stops.submit()
    assert plane.table(keys.TASK).keys() == {late}
    assert plane.call("process_stops", stops.id, STOPPED) == FAILED
    node.step()
    assert plane.table(keys.TASK) is None


def test_only_the_process_that_asked_for_it_is_stopped(plane: Plane, stops: Process) -> None:
    another = Process(plane, "p2")
    node = Node(plane)
    (mine,) = another.submit()
    stops.submit()
    (one,) = node.claim(ONE)
    assert one.id == mine
    assert node.step("", one, value=FAILED).more == 0
    assert len(plane.table(keys.TASK)) == 1
