"""Who is killed in the middle of saying a plan: what takes does not wait for what makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom.gcs import keys
from tests.unit.gcs.cast import FULL, PLAIN, Node, Process, declare, left
from tests.unit.gcs.plane import output, record, task

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

KILLED = b"4killed"


@pytest.fixture
def killed(plane: Plane) -> Process:
    declare(plane)
    return Process(plane, "killed")


def bury(plane: Plane, dead: Process, most: int = 1) -> None:
    at = 1
    while at:
        at = plane.call("process_bury", dead.id, at, most, KILLED)


def drop(plane: Plane) -> None:
    while plane.call("task_drop", 1):
        pass


def takes(who: Process, taker: bytes, *makers: bytes) -> None:
    """One task that takes what these make; they are named before it, and said after it."""
    who.made = max(who.made, int.from_bytes(taker[-6:], "big"))
    text = record(PLAIN, [output(each) for each in makers])
    part = taker, text, len(makers), b"", b"", output(taker), b"", 1
    who.says("task_plan", who.made, 1, b"", 1, *part)


def test_a_task_whose_makers_were_never_said_fails(plane: Plane, killed: Process) -> None:
    """1. A driver says the last task of a plan, which takes what two others make.  2. It is killed.
    3. Others own the job, which goes on: the task would wait as long as that does."""
    first, second, last = (task(killed.id, n) for n in (1, 2, 3))
    friend = Process(plane, "friend")
    takes(killed, last, first, second)
    friend.acquire(output(last))
    bury(plane, killed)
    drop(plane)
    assert plane.table(keys.WAIT) is None
    assert plane.table(keys.OBJECT) == {output(last): KILLED}
    friend.let_go(output(last))
    assert left(plane) == {}


def test_what_takes_that_is_told_of_its_end(plane: Plane, killed: Process) -> None:
    """Of three in a row the first was never said: the second fails, and the third hears of it."""
    first, second, last = (task(killed.id, n) for n in (1, 2, 3))
    takes(killed, last, second)
    text = record(PLAIN, [output(first)])
    killed.says("task_plan", 3, 1, b"", 1, second, text, 1, b"", b"", output(second), last, 0)
    bury(plane, killed)
    drop(plane)
    node = Node(plane)
    (given,) = node.claim()
    assert (given.id, given.inputs) == (last, b"%d:%s" % (len(KILLED), KILLED))
    node.step(FULL, given)
    assert left(plane) == {}


def test_a_range_whose_maker_was_never_said_fails_at_once(plane: Plane, killed: Process) -> None:
    first = task(killed.id, 1)
    ids = [task(killed.id, 256 + n) for n in range(3)]
    killed.made = 258
    words = b"", record(PLAIN, [output(first)]), 1, b"", b"", b"", 1, 0, 10
    killed.says("task_range", 258, *words, ids[0], 3, b"")
    friend = Process(plane, "friend")
    friend.acquire(output(ids[1]))
    bury(plane, killed, 1000)
    drop(plane)
    assert plane.table(keys.RANGE) is None
    assert plane.table(keys.OBJECT) == {output(ids[1]): KILLED}
    friend.let_go(output(ids[1]))
    assert left(plane) == {}


def test_a_plan_that_was_said_runs_to_its_end(plane: Plane, killed: Process) -> None:
    first, last = (task(killed.id, n) for n in (1, 2))
    takes(killed, last, first)
    made = first, record(PLAIN), 0, b"", b"", output(first), last, 0
    killed.says("task_plan", 2, 1, b"", 1, *made)
    bury(plane, killed)
    drop(plane)
    node = Node(plane)
    (given,) = node.claim()
    node.step(FULL, given)
    (then,) = node.claim()
    assert then.id == last
    node.step(FULL, then)
    assert left(plane) == {}
