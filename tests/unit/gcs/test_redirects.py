"""A task names another in its place: what becomes of its attempts, refs, waiters and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.gcs import codes, keys
from tests.unit.gcs.cast import ONE, PLAIN, ROOM, Given, Node, Process, declare, left, objects
from tests.unit.gcs.plane import output, record, template

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane


def redirect(plane: Plane, host: Node, one: Given, text: bytes) -> str:
    said = plane.call("task_redirect", host.id, one.id, one.attempt, b"4too often", text)
    return said.decode()


def test_the_new_task_runs_in_its_place_and_its_result_is_the_first_ones(
    plane: Plane, driver: Process
) -> None:
    host = Node(plane)
    other = declare(plane, template("other"), queue="0|CPU:20000")
    (first,) = driver.submit()
    (one,) = host.claim(ONE)
    assert redirect(plane, host, one, record(other)) == "QUEUED"
    (again,) = host.claim(ROOM)
    assert (again.id, again.attempt, again.record) == (first, 2, record(other))
    host.step("", again, value=b"0result")
    assert driver.told() == [output(first), b"0result"]
    driver.release(output(first))
    assert left(plane) == {}


def test_what_one_task_held_is_no_input_of_others(plane: Plane, driver: Process) -> None:
    """A task without refs says that its result contains another's, and goes on as one that takes
    that; tasks without inputs that are claimed from then on have none."""
    host, worker = Node(plane), Process(plane, "worker")
    (first,) = driver.submit()
    (one,) = host.claim(ONE)
    (child,) = worker.submit(parent=first)
    worker.contain(output(first), output(child))
    assert redirect(plane, host, one, record(PLAIN, [output(child)])) == "WAITING"
    assert [(each.id, each.inputs) for each in host.claim(ROOM)] == [(child, b"")]


def test_said_twice_it_is_stale_the_second_time(plane: Plane, driver: Process) -> None:
    """1. A raylet says it, and the answer is lost.  2. It claims the new attempt.  3. It says
    again what was not answered: the new attempt is not touched."""
    host = Node(plane)
    driver.submit()
    (one,) = host.claim(ONE)
    redirect(plane, host, one, record(PLAIN))
    (again,) = host.claim(ONE)
    with pytest.raises(errors.Stale):
        redirect(plane, host, one, record(PLAIN))
    assert plane.table(keys.HELD, host.id) == {again.id: b"2"}


def test_an_attempt_counts_on_while_the_task_waits_for_its_new_inputs(
    plane: Plane, driver: Process
) -> None:
    """Else a late word of the first attempt could be taken for one of the second."""
    host, worker = Node(plane), Process(plane, "worker")
    (first,) = driver.submit()
    (one,) = host.claim(ONE)
    children = [output(child) for child in worker.submit(2, parent=first)]
    assert redirect(plane, host, one, record(PLAIN, children)) == "WAITING"
    state, lacks, *_ = plane.call("task_where", 9, first)
    assert (state, lacks) == (b"WAITING", b"2")
    host.step("", host.claim(ONE)[0])
    host.step("", host.claim(ONE)[0])
    (again,) = host.claim(ONE)
    assert (again.id, again.attempt) == (first, 2)
    assert host.step("", one).stale == [first]


def test_what_it_is_to_take_is_held_from_the_workers_hands_to_its_own(
    plane: Plane, driver: Process
) -> None:
    """1. The worker says that the output contains the ref.  2. It lets go and dies.  3. The raylet
    says the new record.  4. The task is over, and the input goes."""
    host, worker = Node(plane), Process(plane, "worker")
    (first,) = driver.submit()
    (one,) = host.claim(ONE)
    kept = worker.put(b"0input")
    worker.contain(output(first), kept)
    worker.release(kept)
    assert objects(plane) == {kept}
    redirect(plane, host, one, record(PLAIN, [kept]))
    assert plane.table(keys.CONTAINS) is None
    (again,) = host.claim(ONE)
    assert again.inputs == b"6:0input"
    host.step("", again)
    assert objects(plane) == {output(first)}


def test_what_the_first_record_held_is_let_go_of(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    old = driver.put()
    driver.submit(inputs=[old])
    driver.release(old)
    (one,) = host.claim(ONE)
    redirect(plane, host, one, record(PLAIN))
    assert objects(plane) == set()


def test_the_new_task_has_its_own_retries_all_of_them(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    brave = declare(plane, template("brave"), retries=1)
    driver.submit()
    (one,) = host.claim(ONE)
    assert host.retry(one, died=1) == "QUEUED"
    (one,) = host.claim(ONE)
    redirect(plane, host, one, record(brave))
    (one,) = host.claim(ONE)
    assert host.retry(one) == "QUEUED"
    (one,) = host.claim(ONE)
    assert (one.attempt, one.record) == (4, record(brave)), "what is tried again is the new one"
    assert host.retry(one) == "FAILED"
    assert driver.told()[1] == b"4failed"


def test_a_task_that_goes_on_for_ever_as_another_fails(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    driver.submit()
    for _ in range(codes.REDIRECTS_MOST):
        assert redirect(plane, host, *host.claim(ONE), record(PLAIN)) == "QUEUED"
    assert redirect(plane, host, *host.claim(ONE), record(PLAIN)) == "FAILED"
    assert driver.told()[1] == b"4too often"
    assert plane.table(keys.REDIRECTS) is None


def test_cancelled_while_it_waits_it_says_which_children_it_has(
    plane: Plane, driver: Process
) -> None:
    host, worker = Node(plane), Process(plane, "worker")
    (first,) = driver.submit()
    (one,) = host.claim(ONE)
    (child,) = worker.submit(parent=first)
    redirect(plane, host, one, record(PLAIN, [output(child)]))
    assert plane.call("task_cancel", b"4cancelled", 0, first) == [b"CANCELLED", child]
    worker.release(output(child))
    host.step("", *host.claim(ONE))
    assert objects(plane) == {output(first)}


def test_a_lost_node_changes_nothing_for_a_task_that_waits(plane: Plane, driver: Process) -> None:
    host, other, worker = Node(plane, "n1"), Node(plane, "n2"), Process(plane, "worker")
    (first,) = driver.submit()
    (one,) = host.claim(ONE)
    (child,) = worker.submit(parent=first)
    redirect(plane, host, one, record(PLAIN, [output(child)]))
    assert host.lost() == 0
    other.step("", *other.claim(ONE))
    assert [again.id for again in other.claim(ONE)] == [first]


def test_a_template_that_nobody_declared_is_refused(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    driver.submit()
    (one,) = host.claim(ONE)
    before = plane.world()
    with pytest.raises(errors.NotFound):
        redirect(plane, host, one, record(template("unknown")))
    assert plane.world() == before
