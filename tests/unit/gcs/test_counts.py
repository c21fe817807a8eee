"""What is counted of a job's tasks: so people know what is ready, failed, or was not wanted.

Nobody looks into a queue for that: it has one entry for a range, and keeps those of cancelled tasks
until a claim meets them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import failures
from hyperloom.gcs import codes, keys
from hyperloom.watch import counted
from tests.unit.gcs.cast import ONE, PLAIN, Node, Process, declare
from tests.unit.gcs.plane import output, record, template
from tests.unit.gcs.test_ranges import submit

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

WHO = failures.Attempt(b"", "f", 0, b"")
CANCELLED = codes.FAILURE + failures.cancelled(WHO)
TAKER = codes.FAILURE + failures.extend_path(failures.cancelled(WHO), "taker")
PAIR = template("pair")


def counts(plane: Plane, kind: bytes = PLAIN) -> dict[str, int]:
    """Those that are not 0."""
    of = counted.of(plane.table(keys.COUNTS))[kind]
    return {what: number for what, number in of.items() if number}


def test_what_is_cancelled_has_not_failed(plane: Plane, driver: Process) -> None:
    node = Node(plane)
    ids = driver.submit(6)
    held, other = node.claim("2;CPU:20000;")
    node.step("", held, value=CANCELLED)
    node.step("", other, value=b"4failure")
    assert plane.call("task_cancel", CANCELLED, 0, *ids[:4])[::2] == [
        b"FINISHED", b"FINISHED", b"CANCELLED", b"CANCELLED",
    ]  # fmt: skip
    assert counts(plane) == {"submitted": 6, "failed": 1, "cancelled": 3}
    (one,) = node.claim(ONE)
    plane.call("task_retry", node.id, one.id, one.attempt, 0, TAKER, b"4poison")
    assert counts(plane) == {"submitted": 6, "failed": 1, "cancelled": 3, "retried": 1}


def test_what_nobody_will_ever_offer_is_counted_as_it_is_told(plane: Plane) -> None:
    """Its group was removed before a node had it: the event and the count say the same of it."""
    driver = Process(plane)
    declare(plane, PLAIN, queue="0|CPU:10000,in-gone:1")
    driver.submit(3)
    assert plane.call("task_evict", b"in-gone", b"4removed", 10) == 3
    assert counts(plane) == {"submitted": 3, "cancelled": 3}


def test_ranges_are_cancelled_task_by_task(plane: Plane, driver: Process) -> None:
    node = Node(plane)
    whole, part, one = submit(driver, 256), submit(driver, 256), submit(driver, 10)
    spans = [whole[0] + b"\xff", part[0] + bytes([99])]
    plane.call("task_shut", CANCELLED, *spans)
    while plane.call("task_drop", 4):
        pass
    plane.call("task_cancel", CANCELLED, 0, one[5])
    assert counts(plane) == {"submitted": 522, "cancelled": 357}
    assert len(node.claim("600;CPU:6000000;")) == 522 - 357


def test_what_lacks_an_input_is_counted_however_it_ends(plane: Plane, driver: Process) -> None:
    """1. a task, a range and another range lack what one makes  2. of the last one is cancelled,
    which makes tasks of it; the first range is dropped  3. what they lack comes.
    """
    node = Node(plane)
    (made,) = driver.submit()
    (one,) = node.claim(ONE)
    head = record(PLAIN, [output(made)])
    driver.submit(2, inputs=[output(made)])
    ranges = [submit(driver, n, head=head, outside=output(made)) for n in (256, 5)]
    assert counts(plane)["waiting"] == 263
    plane.call("task_cancel", CANCELLED, 0, ranges[1][3])
    assert counts(plane)["waiting"] == 262
    plane.call("task_shut", CANCELLED, ranges[0][0] + b"\xff")
    plane.call("task_drop", 1)
    assert counts(plane)["waiting"] == 6
    assert len(node.step("9;CPU:90000;", one).given) == 6
    assert counts(plane) == {"submitted": 264, "done": 1, "cancelled": 257}


def test_of_several_outputs_each_that_failed_is_counted(plane: Plane) -> None:
    declare(plane, PAIR, returns=2)
    driver, node = Process(plane), Node(plane)
    driver.submit(4, kind=PAIR)
    first, second, third, fourth = node.claim()
    step = ["task_step", node.id, node.seen, ""]
    head = PAIR
    mixed = [[b"0good", b"4bad"], [CANCELLED, b"4bad"], [b"0good", CANCELLED]]
    for each, values in zip((first, second, third), mixed, strict=True):
        plane.call(*step, each.id, each.attempt, head, 2, *values)
    assert counts(plane, PAIR) == {"submitted": 4, "failed": 2, "cancelled": 1, "failed_items": 2}
    plane.call("task_retry", node.id, fourth.id, fourth.attempt, 3, b"4failed", b"4poison")
    assert counts(plane, PAIR) == {"submitted": 4, "failed": 3, "cancelled": 1, "failed_items": 4}
