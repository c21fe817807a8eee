"""Ranges: tasks that are one row until somebody takes them, and tasks as any others then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom.gcs import codes, keys
from tests.unit.gcs.cast import FULL, ONE, PLAIN, Node, Process, declare, left
from tests.unit.gcs.plane import NS, output, record, task

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

TWO = "2;CPU:20000;"


def submit(  # noqa: PLR0913
    who: Process,
    number: int,
    *,
    head: bytes = record(PLAIN),
    lacks: int = 0,
    outside: bytes = b"",
    takers: bytes = b"",
    wanted: int = 1,
    items: bytes = b"",
) -> list[bytes]:
    """A range of so many tasks, whose items are 0, 10, 20, ... or these."""
    who.made = 256 * (who.made // 256 + 1) + number - 1
    ids = [task(who.id, who.made - number + 1 + i) for i in range(number)]
    numbers = (0, 0) if items else (0, 10)
    words: tuple[Any, ...] = (who.made, b"", head, lacks, outside, b"", takers, wanted)
    who.says("task_range", *words, *numbers, ids[0], number, items)
    return ids


def test_a_range_is_one_row_until_it_is_taken_from(plane: Plane) -> None:
    declare(plane)
    driver, node = Process(plane), Node(plane)
    ids = submit(driver, 256)
    assert left(plane).keys() == {
        keys.RANGE.name(NS), keys.READY.name(NS, b"0|CPU:10000"), keys.QUEUES.name(NS)
    }  # fmt: skip
    first = node.claim(TWO)
    assert [(one.id, one.attempt, one.record) for one in first] == [
        (ids[0], 1, record(PLAIN) + b"#0"),
        (ids[1], 1, record(PLAIN) + b"#10"),
    ]
    rest = node.step("1000;CPU:10000000;", *first).given
    assert [one.id for one in rest] == ids[2:]
    assert plane.table(keys.RANGE) is None
    node.step(FULL, *rest)
    driver.release(*map(output, ids))
    assert left(plane) == {}


def test_items_of_any_size_come_one_after_the_other(plane: Plane) -> None:
    declare(plane)
    driver, node = Process(plane), Node(plane)
    items = [b"a" * 300, b"b", b"", b"cc"]
    submit(driver, 4, items=b"".join(len(item).to_bytes(3, "big") + item for item in items))
    given = [*node.claim(TWO), *node.claim(TWO)]
    assert [one.record for one in given] == [record(PLAIN) + item for item in items]


def test_a_task_that_was_taken_from_a_range_is_retried_by_itself(plane: Plane) -> None:
    declare(plane)
    driver, node = Process(plane), Node(plane)
    ids = submit(driver, 5)
    first, second = node.claim(TWO)
    assert node.retry(first, died=1) == "QUEUED"
    assert node.lost() == 0
    other = Node(plane, "n2")
    given = other.claim("4;CPU:40000;")
    assert [(one.id, one.attempt) for one in given] == [
        (second.id, 2), (first.id, 2), (ids[2], 1), (ids[3], 1),
    ]  # fmt: skip


def test_who_stands_idle_gets_of_a_range_at_once(plane: Plane) -> None:
    declare(plane)
    driver, node, other = Process(plane), Node(plane), Node(plane, "n2")
    assert node.claim(TWO) == other.claim(TWO) == []
    ids = submit(driver, 5)
    assert sorted(one.id for one in [*node.read(), *other.read()]) == ids[:4]
    assert plane.table(keys.READY, b"0|CPU:10000") == [ids[0][: codes.RANGE_ID]]


def test_a_range_waits_as_one_and_all_of_it_gets_the_input(plane: Plane) -> None:
    declare(plane)
    driver, node = Process(plane), Node(plane)
    (made,) = driver.submit()
    (one,) = node.claim(ONE)
    ids = submit(driver, 3, head=record(PLAIN, [output(made)]), outside=output(made))
    assert plane.table(keys.WAIT) == {ids[0]: PLAIN + b"1*"}
    given = node.step("9;CPU:90000;", one, value=b"0big").given
    assert [(each.id, each.inputs) for each in given] == [(of, b"4:0big") for of in ids]
    driver.release(output(made))
    node.step(FULL, *given)
    driver.release(*map(output, ids))
    assert left(plane) == {}


def test_one_of_a_waiting_range_is_cancelled_while_the_crowd_is_woken(plane: Plane) -> None:
    """1. an object that more than a slice lacks comes  2. before the range's turn in the crowd one
    of its tasks is cancelled: the others become tasks of their own, of which the first keeps the
    range's place in the crowd  3. the crowd goes on: nobody is woken twice, and nobody not at all.
    """
    declare(plane)
    driver, node = Process(plane), Node(plane)
    (made,) = driver.submit()
    (one,) = node.claim(ONE)
    crowd = driver.submit(codes.WAKE_MOST, inputs=[output(made)])
    ids = submit(driver, 4, head=record(PLAIN, [output(made)]), outside=output(made))
    assert node.step("", one).more == 1
    assert plane.call("task_cancel", b"4gone", 0, ids[2])[0] == b"CANCELLED"
    woken: list[bytes] = []
    while len(woken) < len(crowd) + 3:
        given = node.claim("600;CPU:6000000;")
        woken += [each.id for each in given]
        node.step(FULL, *given)
    assert sorted(woken) == sorted([*crowd, ids[0], ids[1], ids[3]])
    driver.release(*map(output, [made, *crowd, *ids]))
    assert left(plane) == {}


def test_a_taker_of_all_results_is_woken_by_the_last_of_them(plane: Plane) -> None:
    declare(plane)
    driver, node = Process(plane), Node(plane)
    (taker,) = driver.ids()
    ids = [task(driver.id, 256 + i) for i in range(3)]
    text = record(PLAIN, [output(of) for of in ids])
    words = (driver.made, 1, b"", 1, taker, text, 3, b"", b"")
    driver.says("task_plan", *words, output(taker), b"", 1)
    assert submit(driver, 3, takers=taker, wanted=0) == ids
    given = node.claim(TWO)
    given = node.step(TWO, *given).given
    (last,) = node.step("2;CPU:20000;", *given).given
    assert (last.id, last.inputs) == (taker, b"7:0result" * 3)
    node.step(FULL, last)
    driver.release(output(taker))
    assert left(plane) == {}


def test_results_that_were_released_before_they_were_made_are_not_kept(plane: Plane) -> None:
    declare(plane)
    driver, node = Process(plane), Node(plane)
    ids = submit(driver, 2)
    driver.release(output(ids[0]))
    later = driver.submit(inputs=[output(ids[1])])
    driver.release(output(ids[1]), *map(output, later))
    given = node.claim()
    (last,) = node.step("9;CPU:90000;", *given).given
    assert last.inputs == b"7:0result"
    node.step(FULL, last)
    assert left(plane) == {}


def test_a_process_that_dies_lets_go_of_what_its_ranges_will_make(plane: Plane) -> None:
    declare(plane)
    worker, node = Process(plane), Node(plane)
    submit(worker, 3)
    given = node.claim(TWO)
    assert plane.call("process_bury", worker.id, 1, 10_000) == 0
    node.step(FULL, *given, *node.claim(TWO))
    assert left(plane) == {}


def test_where_says_how_a_range_stands(plane: Plane) -> None:
    declare(plane)
    driver, node = Process(plane), Node(plane)
    (made,) = driver.submit()
    ids = submit(driver, 3, head=record(PLAIN, [output(made)]), outside=output(made))
    says = plane.call("task_where", 3, ids[2])
    assert says == [b"WAITING", b"1", b"F" * 12 + b"body", output(made), b""]
    node.step(FULL, *node.claim("1;CPU:10000;"))
    assert plane.call("task_where", 3, ids[2])[:2] == [b"READY", b"0|CPU:10000"]
    assert plane.call("object_watch", driver.id, output(ids[2])) == [b""]
    assert plane.table(keys.WATCH) is None, "its maker is told anyway"
