"""Very many tasks are cancelled: nothing of them is handed out, and slice by slice they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes, keys
from hyperloom.gcs.cancelling import cancel_all, spans_of
from tests.unit.gcs.cast import FULL, ONE, PLAIN, Node, Process, left
from tests.unit.gcs.plane import JOB, output, process, record, task
from tests.unit.gcs.test_ranges import submit

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

DROPPED = b"4dropped"


def span(first: bytes, last: int) -> bytes:
    return first + bytes([last])


def shut(plane: Plane, *spans: bytes) -> int:
    return plane.call("task_shut", DROPPED, *spans)


def test_what_is_shut_is_not_handed_out_and_what_runs_is_told(
    plane: Plane, driver: Process
) -> None:
    node = Node(plane)
    ids = submit(driver, 256)
    (runs,) = node.claim(ONE)
    (other,) = driver.submit()
    assert shut(plane, span(ids[0], 255)) == 1
    assert plane.messages(node.id) == [[codes.CANCEL, runs.id, b"0"]]
    reply = node.step("0;;", runs, value=b"4stopped")
    assert [one.id for one in node.claim()] == [other]
    assert reply.stale == []
    told = driver.told()
    assert told[:2] == [output(runs.id), b"4stopped"]
    assert told[2:] == [part for of in ids[1:] for part in (output(of), DROPPED)]
    assert plane.table(keys.SHUT) is None


def test_steps_drop_what_nobody_else_drops_a_slice_each(plane: Plane, driver: Process) -> None:
    node = Node(plane)
    blocks = [submit(driver, 256) for _ in range(3)]
    assert shut(plane, *(span(ids[0], 255) for ids in blocks)) == 3
    assert [node.step(FULL).more for _ in range(3)] == [1, 1, 0]
    assert node.claim() == node.step(FULL).given == []
    driver.release(*(output(of) for ids in blocks for of in ids))
    assert left(plane) == {}


def test_what_becomes_ready_or_comes_back_while_it_is_shut_is_passed_over(
    plane: Plane, driver: Process
) -> None:
    """1. a task waits, one is held; both are shut  2. the second is given back, and dropped by the
    next step  3. the first's input comes: it is not handed out, and dropped by the same step.
    """
    node, other = Node(plane), Node(plane, "n2")
    (maker, back) = driver.submit(2)
    (waits,) = driver.submit(inputs=[output(maker)])
    made, held = node.claim("2;CPU:20000;")
    assert shut(plane, span(back, back[-1]), span(waits, waits[-1])) == 2
    assert plane.call("task_give_back", node.id, held.id, 1) == 1
    plane.call("task_give_back", node.id, made.id, 1)
    (made,) = other.claim()
    assert made.id == maker
    reply = other.step(ONE, made)
    assert (reply.given, reply.more) == ([], 0)
    other.step(FULL)
    driver.release(output(maker), output(back), output(waits))
    assert left(plane) == {}
    assert driver.told()[1::2] == [DROPPED, b"0result", DROPPED]


def test_of_a_range_only_what_is_named_is_dropped(plane: Plane, driver: Process) -> None:
    node = Node(plane)
    ids = submit(driver, 6)
    shut(plane, span(ids[2], 3))
    assert plane.call("task_drop", 4) == 0
    assert [one.id for one in node.claim()] == [*ids[:2], *ids[4:]]


def test_the_end_of_a_map_is_a_range_that_shares_its_ids_with_others(
    plane: Plane, driver: Process
) -> None:
    node = Node(plane)
    ids = submit(driver, 6)
    (behind,) = driver.submit()
    assert behind[:-1] == ids[0][:-1]
    shut(plane, span(ids[0], 5))
    assert [one.id for one in node.claim()] == [behind]
    assert plane.table(keys.RANGE) is None


def test_children_get_into_line_behind_the_others(plane: Plane, driver: Process) -> None:
    node = Node(plane)
    (parent,) = driver.submit()
    (runs,) = node.claim(ONE)
    children = driver.submit(3, parent=parent)
    shut(plane, span(parent, parent[-1]))
    assert plane.call("task_drop", 1) == 1
    assert node.claim() == []
    assert [output(of) in driver.told() for of in children[:1]] == [True]
    node.step(FULL, runs)
    driver.release(*map(output, [parent, *children]))
    assert left(plane) == {}


def test_a_waiting_range_whose_results_others_take_ends_with_what_it_held(
    plane: Plane, driver: Process
) -> None:
    node = Node(plane)
    (maker,) = driver.submit()
    head = record(PLAIN, [output(maker)])
    (taker,) = driver.ids()
    ids = submit(driver, 2, head=head, outside=output(maker), takers=taker, wanted=0)
    words = (driver.made, 1, b"", 1, taker, record(PLAIN, list(map(output, ids))), 2, b"", b"")
    driver.says("task_plan", *words, output(taker), b"", 1)
    shut(plane, span(ids[0], 1))
    assert plane.call("task_drop", 1) == 0
    made, last = sorted(node.claim(), key=lambda one: one.id)
    assert (last.id, last.inputs) == (taker, b"8:4dropped" * 2)
    node.step(FULL, made, last)
    driver.release(output(maker), output(taker))
    assert left(plane) == {}


def test_all_of_a_job_is_cancelled_from_outside(plane: Plane, driver: Process) -> None:
    """Of a range, of tasks as any others, of what is over between them and of what runs."""
    node = Node(plane)
    over = driver.submit(3)
    node.step(FULL, *node.claim("3;CPU:30000;"))
    waits = driver.submit(300, inputs=[output(driver.submit()[0])])
    (runs,) = node.claim(ONE)
    ids = submit(driver, 256)
    told = cancel_all(plane.wire, JOB, force=True)
    assert told == {"cancelled": len(waits) + len(ids), "running": 1, "finished": 0}
    assert plane.messages(node.id)[-1] == [codes.CANCEL, runs.id, b"1"]
    node.step("", runs)
    assert node.claim() == node.step(FULL).given == []
    driver.release(*map(output, [*over, runs.id, *waits, *ids]))
    assert left(plane) == {}


def test_tasks_in_a_row_are_few_spans() -> None:
    who = process("p")
    numbers = [*range(250, 1000), 5, 7, 6]
    assert spans_of(who, numbers) == [
        task(who, 768) + bytes([999 - 768]),
        task(who, 512) + b"\xff",
        task(who, 256) + b"\xff",
        task(who, 250) + b"\xff",
        task(who, 5) + b"\x07",
    ]
