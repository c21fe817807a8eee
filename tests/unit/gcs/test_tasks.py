"""How tasks end and in which order they run: cancelling, retries, resources, priorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.gcs import codes, keys
from tests.unit.gcs.cast import ONE, ROOM, Node, Process, declare
from tests.unit.gcs.plane import output

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane


# -- looking ahead ---------------------------------------------------------------------------------


def test_the_first_of_a_queue_is_told_as_it_would_be_claimed(plane: Plane, driver: Process) -> None:
    host = Node(plane, "n1")
    put = driver.put()
    (first,) = driver.submit(inputs=[put])
    entry, text, inputs = plane.call("task_first", "0|CPU:10000")
    assert (entry, inputs) == (first, b"6:0value")
    (claimed,) = host.claim(ONE)
    assert (claimed.id, claimed.record) == (first, text)
    assert plane.call("task_first", "0|CPU:10000") == [], "it is not ready any more"
    plane.call("task_give_back", host.id, first, 1)
    assert plane.call("task_first", "0|CPU:10000") == [first + b"1", text, inputs]
    cancel(plane, first)
    assert plane.call("task_first", "0|CPU:10000") == []


# -- cancelling ---------------------------------------------------------------------------------


def cancel(plane: Plane, *ids: bytes, force: int = 0) -> list[bytes]:
    return plane.call("task_cancel", b"4cancelled", force, *ids)[0::2]


def test_the_queue_entry_of_a_cancelled_task_is_skipped_and_costs_no_seat(
    plane: Plane, driver: Process
) -> None:
    """A seat lost on it would be a node that waits for ever beside a full queue."""
    host = Node(plane, "n1")
    first, second = driver.submit(2)
    assert cancel(plane, first) == [b"CANCELLED"]
    assert driver.told() == [output(first), b"4cancelled"]
    assert [one.id for one in host.claim(ONE)] == [second]


def test_a_node_that_met_only_cancelled_tasks_still_stands(plane: Plane, driver: Process) -> None:
    """1. The only task in the queue is cancelled.  2. n1 offers its one seat.  3. A task comes."""
    host = Node(plane, "n1")
    (gone,) = driver.submit()
    cancel(plane, gone)
    assert host.claim(ONE) == []
    (next_one,) = driver.submit()
    assert [one.id for one in host.read()] == [next_one]


def test_many_cancelled_tasks_are_cleared_in_slices(plane: Plane, driver: Process) -> None:
    host = Node(plane, "n1")
    cancel(plane, *driver.submit(2 * codes.CANCELLED_MOST + 10))
    (alive,) = driver.submit()
    reply = host.step(ONE)
    assert (reply.more, reply.given) == (1, [])
    while reply.more:
        reply = host.step(ONE)
    assert [one.id for one in reply.given or host.read()] == [alive]


def test_cancel_and_finish_have_one_outcome(plane: Plane, driver: Process) -> None:
    """Whichever comes first decides; the other learns of it."""
    host = Node(plane, "n1")
    first, second = driver.submit(2)
    got = {one.id: one for one in host.claim(ROOM)}

    assert host.step("", got[first]).stale == []
    assert cancel(plane, first) == [b"FINISHED"]
    assert cancel(plane, second, second, force=1) == [b"RUNNING", b"RUNNING"]
    assert plane.inbox(host.id) == [codes.CANCEL, second, b"1"]
    assert host.step("", got[second], value=b"4cancelled").stale == []
    assert driver.told() == [output(first), b"0result", output(second), b"4cancelled"]


def test_cancelling_a_task_named_twice_lets_go_once(plane: Plane, driver: Process) -> None:
    blocker, oid = driver.submit()[0], driver.put()
    (one,) = driver.submit(inputs=[output(blocker), oid])
    assert cancel(plane, one, one) == [b"CANCELLED", b"CANCELLED"]
    assert plane.table(keys.REFS) is None
    assert driver.told() == [output(one), b"4cancelled"]


def test_a_lost_nodes_task_is_cancelled_between_two_slices(plane: Plane, driver: Process) -> None:
    """1. n1 is half requeued.  2. A task that it still holds is cancelled.  3. n1 reports it.
    4. The requeueing goes on and comes to its end."""
    dead = Node(plane, "n1")
    driver.submit(3)
    got = sorted(dead.claim(ROOM))
    assert dead.lost(most=1) == 2
    assert cancel(plane, got[1].id) == [b"CANCELLED"]
    assert dead.step("", got[1]).stale == [got[1].id]
    assert plane.table(keys.OBJECT)[output(got[1].id)] == b"4cancelled"
    assert dead.lost(most=1) == 0
    assert plane.table(keys.HELD, dead.id) is None


def test_a_cancelled_input_fails_nobody_silently(plane: Plane, driver: Process) -> None:
    """Who waits for it is woken, with the failure for an input."""
    host = Node(plane, "n1")
    (first,) = driver.submit()
    (reader,) = driver.submit(inputs=[output(first)])
    cancel(plane, first)
    (got,) = host.claim(ROOM)
    assert (got.id, got.inputs) == (reader, b"10:4cancelled")


def test_a_cancelled_waiter_is_not_woken(plane: Plane, driver: Process) -> None:
    host = Node(plane, "n1")
    (first,) = driver.submit()
    readers = driver.submit(2, inputs=[output(first)])
    cancel(plane, readers[0])
    (got,) = host.claim(ROOM)
    assert [one.id for one in host.step(ROOM, got).given] == [readers[1]]
    assert plane.table(keys.WAIT) is None
    assert plane.table(keys.WAITERS) is None


def test_children_are_known_until_their_parent_is_over(plane: Plane, driver: Process) -> None:
    """For a recursive cancel; a child that is submitted after that is nobody's to ask for."""
    host, worker = Node(plane, "n1"), Process(plane, "worker")
    (parent,) = driver.submit()
    got = host.claim(ROOM)
    children = worker.submit(2, parent=parent) + worker.submit(parent=parent)
    assert plane.call("task_cancel", b"4", 0, parent) == [b"RUNNING", b"".join(children)]
    host.step("", *got)
    worker.submit(parent=parent)
    assert plane.table(keys.CHILDREN) is None


# -- retries --------------------------------------------------------------------------------------


def test_retries_last_as_long_as_the_template_says(plane: Plane, driver: Process) -> None:
    declare(plane, kind := b"RETRYONE", retries=1)
    host = Node(plane, "n1")
    (one,) = driver.submit(kind=kind)
    (first,) = host.claim(ROOM)
    assert host.retry(first) == "QUEUED"
    (second,) = host.read()
    assert second.attempt == 2
    with pytest.raises(errors.Stale, match="attempt 1 is not held"):
        host.retry(first)
    assert host.retry(second) == "FAILED"
    assert driver.told() == [output(one), b"4failed"]
    assert plane.table(keys.TRIES) is None


@pytest.mark.parametrize(
    ("retries", "deaths"), [(codes.DEATHS_MOST, codes.DEATHS_MOST), (codes.DEATHS_MOST + 4, 8)]
)
def test_a_task_that_kills_its_workers_is_poison(
    plane: Plane, driver: Process, retries: int, deaths: int
) -> None:
    """After a few of them; or, if it asks for more retries than that, after all."""
    declare(plane, kind := b"RETRY%03d" % retries, retries=retries)
    host = Node(plane, "n1")
    (one,) = driver.submit(kind=kind)
    answers = [""]
    while answers[-1] in ("", "QUEUED"):
        (got,) = host.claim(ONE)
        answers.append(host.retry(got, died=1))
    assert answers[1:] == ["QUEUED"] * (deaths - 1) + ["POISONED"]
    assert driver.told() == [output(one), b"4poisoned"]
    assert plane.table(keys.DEATHS) is None


def test_exceptions_use_up_retries_and_are_no_deaths(plane: Plane, driver: Process) -> None:
    declare(plane, kind := b"RETRY005", retries=5)
    host = Node(plane, "n1")
    (one,) = driver.submit(kind=kind)
    answers = [host.retry(host.claim(ONE)[0], died=died) for died in (0, 1, 1, 1, 1, 1)]
    assert answers == ["QUEUED"] * 5 + ["FAILED"]
    assert driver.told() == [output(one), b"4failed"]
    assert plane.table(keys.DEATHS) is None


def test_a_task_that_retries_without_end_is_never_poison(plane: Plane, driver: Process) -> None:
    declare(plane, kind := b"FOREVER.", retries=-1)
    host = Node(plane, "n1")
    (one,) = driver.submit(kind=kind)
    for died in [0, 1] * 10:
        assert host.retry(host.claim(ONE)[0], died=died) == "QUEUED"
    assert driver.told() == []
    host.step("", *host.claim(ONE))
    assert driver.told() == [output(one), b"0result"]
    assert plane.table(keys.DEATHS) is None


def test_a_lost_node_uses_up_a_retry(plane: Plane, driver: Process) -> None:
    declare(plane, kind := b"NORETRY.", retries=0, returns=2)
    host = Node(plane, "n1")
    (one,) = driver.submit(kind=kind)
    host.claim(ROOM)
    assert host.lost() == 0
    assert driver.told() == [output(one, 0), b"4lost", output(one, 1), b"4lost"]
    assert plane.table(keys.TASK) is None


# -- resources ------------------------------------------------------------------------------------


def test_a_node_without_a_gpu_passes_over_the_gpu_tasks(plane: Plane, driver: Process) -> None:
    declare(plane, kind := b"WITHGPU.", queue="5|CPU:10000,GPU:10000")
    driver.submit(2, kind=kind)
    (plain,) = driver.submit()
    assert [one.id for one in Node(plane, "n1").claim(ROOM)] == [plain]
    assert len(Node(plane, "n2").claim("9;CPU:90000,GPU:10000;")) == 1


def test_shapes_that_fit_nowhere_do_not_hide_those_that_fit(plane: Plane, driver: Process) -> None:
    """More of them than a claim looks at first, and all served longer ago."""
    for i in range(codes.QUEUES_FIRST + 5):
        kind = declare(plane, b"SHAPE%03d" % i, queue=f"0|CPU:10000,odd{i}:10000")
        driver.submit(kind=kind)
    (plain,) = driver.submit(kind=declare(plane, b"LOW.....", queue="-1|CPU:10000"))
    assert [one.id for one in Node(plane, "n1").claim(ROOM)] == [plain]


def test_over_is_what_a_node_takes_beyond_its_resources(plane: Plane, driver: Process) -> None:
    driver.submit(9)
    host = Node(plane, "n1")
    assert len(host.claim("2;CPU:20000;0|CPU:10000=3")) == 5
    assert host.standing() is None
    assert len(host.claim("0;;0|CPU:10000=3;1|=4")) == 3
    assert len(host.claim("0;CPU:0;")) == 0


@pytest.mark.parametrize("others", [[], ["1|CPU:10000"]], ids=["alone", "behind others"])
def test_who_has_room_comes_before_who_would_have_it_at_hand(
    plane: Plane, driver: Process, others: list[str]
) -> None:
    """Two nodes that are full for good would hand it back and forth, past one that is idle."""
    kind = declare(plane, b"LARGE...", queue="0|CPU:20000")
    full, idle, other = (Node(plane, name) for name in ("n1", "n2", "n3"))
    for queue in others:  # so that what comes is queued first, and served from there
        driver.submit(kind=declare(plane, b"BLOCKED.", queue=queue + ",odd:10000"))
    assert full.claim("9;CPU:0;0|CPU:20000=1") == []
    assert idle.claim("9;CPU:20000;0|CPU:20000=1") == []
    assert other.claim("9;CPU:0;0|CPU:20000=1") == []
    first, second, third, fourth = (driver.submit(kind=kind)[0] for _ in range(4))
    assert [one.id for one in idle.read()] == [first, third]
    assert [one.id for one in full.read()] == [second]
    assert [one.id for one in other.read()] == [fourth]


def test_priorities_come_first_and_equals_take_turns(plane: Plane, driver: Process) -> None:
    kinds = {name: declare(plane, name, queue=queue) for name, queue in [
        (b"first...", "2|CPU:10000"), (b"left....", "1|CPU:10000"), (b"right...", "1|CPU:20000"),
    ]}  # fmt: skip
    for kind in reversed(kinds.values()):
        driver.submit(3, kind=kind)
    host, order = Node(plane, "n1"), []
    while got := host.claim("1;CPU:20000;"):
        order.append(got[0].record[:5].strip(b"."))
    assert order[:3] == [b"first"] * 3
    assert order[3:] == [b"left", b"right"] * 3
