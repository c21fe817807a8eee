"""Who is killed in the middle of saying a plan: what takes does not wait for what makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom.gcs import codes, keys
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


# -- who takes may be cancelled by others, before who makes is said -----------------------------


def cancelled_before(plane: Plane, driver: Process, makers: int = 1) -> tuple[bytes, list[bytes]]:
    """A task of a plan that takes what others will make; and these."""
    ids = [task(driver.id, n + 1) for n in range(makers + 1)]
    takes(driver, ids[-1], *ids[:-1])
    assert plane.call("task_cancel", KILLED, 0, ids[-1]) == [b"CANCELLED", b""]
    return ids[-1], ids[:-1]


@pytest.mark.parametrize("wanted", [0, 1])
def test_what_was_to_be_taken_goes_all_the_same(plane: Plane, killed: Process, wanted: int) -> None:
    """1. A driver says who takes.  2. Somebody cancels that.  3. The driver says who makes."""
    last, (first,) = cancelled_before(plane, killed)
    made = first, record(PLAIN), 0, b"", b"", output(first), last, wanted
    killed.says("task_plan", 2, 1, b"", 1, *made)
    killed.release(output(last), *[output(first)] * wanted)
    node = Node(plane)
    node.step(FULL, *node.claim())
    assert left(plane) == {}


def test_what_was_to_be_taken_by_others_too_stays_for_these(plane: Plane, killed: Process) -> None:
    last, (first,) = cancelled_before(plane, killed)
    other = task(killed.id, 3)
    takes(killed, other, first)
    made = first, record(PLAIN), 0, b"", b"", output(first), last + other, 0
    killed.says("task_plan", 3, 1, b"", 1, *made)
    killed.release(output(last), output(other))
    node = Node(plane)
    node.step(FULL, *node.claim())
    (then,) = node.claim()
    assert (then.id, then.inputs) == (other, b"7:0result")
    node.step(FULL, then)
    assert left(plane) == {}


def test_the_rest_of_a_range_waits_for_what_it_takes(plane: Plane, killed: Process) -> None:
    """1. A driver says a range, which takes what a task makes.  2. Somebody cancels one of it, so
    the rest becomes tasks.  3. The driver says who makes: all of the rest are to hear of it."""
    first, ids = task(killed.id, 1), [task(killed.id, 256 + n) for n in range(4)]
    killed.made = 259
    words = b"", record(PLAIN, [output(first)]), 1, b"", b"", b"", 1, 0, 10
    killed.says("task_range", 259, *words, ids[0], 4, b"")
    assert plane.call("task_cancel", KILLED, 0, ids[1]) == [b"CANCELLED", b""]
    made = first, record(PLAIN), 0, b"", b"", output(first), ids[0], 0
    killed.says("task_plan", 259, 1, b"", 1, *made)
    node = Node(plane)
    node.step(FULL, *node.claim())
    then = node.claim()
    assert sorted(each.id for each in then) == [ids[0], *ids[2:]]
    assert all(each.inputs == b"7:0result" for each in then)
    node.step(FULL, *then)
    killed.release(*map(output, ids))
    assert left(plane) == {}


def test_who_is_killed_then_leaves_nothing(plane: Plane, killed: Process) -> None:
    """Who makes is never said: nobody heard of it, but for whom that was to be taken by."""
    last, makers = cancelled_before(plane, killed, 3)
    takes(killed, task(killed.id, 5), makers[0])
    friend = Process(plane, "friend")
    friend.acquire(output(last))
    bury(plane, killed)
    drop(plane)
    assert plane.table(keys.REFS) == {output(last): b"%d" % (1 - codes.GONE)}
    friend.let_go(output(last))
    assert left(plane) == {}


@pytest.mark.parametrize("crowd", [4, 100])
def test_who_is_killed_leaves_no_rest_of_a_range_either(
    plane: Plane, killed: Process, crowd: int
) -> None:
    first, ids = task(killed.id, 1), [task(killed.id, 256 + n) for n in range(crowd)]
    killed.made = 255 + crowd
    words = b"", record(PLAIN, [output(first)]), 1, b"", b"", b"", 1, 0, 10
    killed.says("task_range", killed.made, *words, ids[0], crowd, b"")
    assert plane.call("task_cancel", KILLED, 0, ids[1]) == [b"CANCELLED", b""]
    bury(plane, killed, 1000)
    drop(plane)
    assert left(plane) == {}


# -- a detached plan is said by somebody --------------------------------------------------------


def test_what_is_detached_is_not_buried_with_who_was_killed_as_it_said_so(
    plane: Plane, killed: Process
) -> None:
    (only,) = killed.submit()
    plane.call("owner_add", killed.id, codes.VISITOR + b"some node", b"", b"")
    plane.call("owner_add", killed.id, codes.DETACHED + b"{}", b"record", b"")
    assert plane.call("process_bury", killed.id, 1, 9, KILLED) == 0
    node = Node(plane)
    node.step(FULL, *node.claim())
    assert plane.table(keys.OBJECT) == {output(only): b"0result"}
    assert plane.call("process_bury", killed.id, 1, 9) == 0, "this is its release"
    assert left(plane) == {}


def test_what_was_half_said_is_not_detached_any_more(plane: Plane, killed: Process) -> None:
    """1. Who says it is killed.  2. What it was saying is buried.  3. Its last word comes."""
    takes(killed, task(killed.id, 2), task(killed.id, 1))
    plane.call("owner_add", killed.id, codes.VISITOR + b"some node", b"", b"")
    bury(plane, killed)
    drop(plane)
    too_late = plane.answer("owner_add", killed.id, codes.DETACHED + b"{}", b"record", b"")
    assert too_late == "NOT_FOUND"
    assert left(plane) == {}
