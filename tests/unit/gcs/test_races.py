"""Each race that we know of, by name: two parties say things, and one comes too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.gcs import codes, keys
from tests.unit.gcs.cast import FULL, ONE, PLAIN, ROOM, Node, Process
from tests.unit.gcs.plane import output, record, shared

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane


# -- a node is slow, and somebody else has its task by now ------------------------------------


def test_a_slow_node_cannot_finish_what_was_given_away(plane: Plane, driver: Process) -> None:
    """1. n1 claims.  2. n1 is given up; n2 claims.  3. n1 reports: stale, nothing is written."""
    slow, other = Node(plane, "n1"), Node(plane, "n2")
    driver.submit()
    (first,) = slow.claim(ONE)
    assert slow.lost() == 0
    (second,) = other.claim(ONE)
    assert (second.id, second.attempt) == (first.id, 2)

    before = plane.world()
    assert slow.step("", first, value=b"0late").stale == [first.id]
    assert plane.world() == before
    assert other.step("", second, value=b"0right").stale == []
    assert driver.told() == [output(first.id), b"0right"]


def test_what_a_slow_node_stored_for_a_task_that_is_over_is_freed(
    plane: Plane, driver: Process
) -> None:
    """1. n1 claims, and is given up.  2. It comes back, and reports: somebody makes the result
    anew, maybe n1 itself, under the same name: left alone.  3. n2 has done so.  4. n1 reports
    again: its bytes are nobody's."""
    slow, other = Node(plane, "n1"), Node(plane, "n2")
    driver.submit()
    (first,) = slow.claim(ONE)
    slow.lost()
    plane.call("node_attach", slow.id)
    slow.step("", first, value=shared(slow.id))
    assert plane.inbox(slow.id) == []
    other.step("", *other.claim(ONE), value=shared(other.id))
    assert slow.step("", first, value=shared(slow.id)).stale == [first.id]
    assert plane.inbox(slow.id) == [codes.FREE, output(first.id)]
    assert plane.table(keys.OBJECT) == {output(first.id): shared(other.id, of=PLAIN)}


def test_a_slow_node_cannot_retry_yield_or_give_back_either(plane: Plane, driver: Process) -> None:
    slow = Node(plane, "n1")
    driver.submit()
    (one,) = slow.claim(ONE)
    slow.lost()
    before = plane.world()

    with pytest.raises(errors.Stale, match=one.id.hex()):
        slow.retry(one, died=1)
    with pytest.raises(errors.Stale):
        plane.call("task_yield", slow.id, one.id, 1, 1, b"0item")
    assert plane.call("task_give_back", slow.id, one.id, 1) == 0
    assert plane.world() == before


def test_a_node_that_was_given_up_gets_no_new_tasks(plane: Plane, driver: Process) -> None:
    """1. n1 is reaped.  2. It does not know yet, and offers.  3. Nobody would requeue these."""
    zombie = Node(plane, "n1")
    zombie.lost()
    driver.submit()
    assert zombie.claim(ROOM) == []
    assert zombie.standing() is None
    assert len(Node(plane, "n2").claim(ROOM)) == 1


def test_half_requeued_node_gets_no_new_tasks_and_cannot_attach(
    plane: Plane, driver: Process
) -> None:
    """1. n1 is requeued in slices.  2. Between two of them it offers, and attaches anew."""
    zombie = Node(plane, "n1")
    driver.submit(3)
    assert len(zombie.claim(ROOM)) == 3
    assert zombie.lost(most=1) == 2
    assert zombie.claim(ROOM) == []
    with pytest.raises(errors.Stale, match="given up for dead"):
        plane.call("node_attach", zombie.id)
    assert zombie.lost() == 0
    assert plane.call("node_attach", zombie.id) == 0


def test_a_node_is_reaped_while_its_inbox_is_full(plane: Plane, driver: Process) -> None:
    """1. n1 waits.  2. Tasks are served to its inbox.  3. It dies before it reads."""
    dead, other = Node(plane, "n1"), Node(plane, "n2")
    dead.claim("5;CPU:50000;")
    ids = driver.submit(7)
    assert plane.table(keys.SERVED)[dead.id] == b"5"
    assert dead.lost() == 0
    assert plane.table(keys.INBOX, dead.id) is None
    assert plane.table(keys.HELD, dead.id) is None
    got = other.claim(ROOM)
    assert [one.id for one in got] == ids
    assert [one.attempt for one in got] == [2] * 5 + [1] * 2


def test_what_is_served_while_an_offer_is_on_its_way_is_not_offered_twice(
    plane: Plane, driver: Process
) -> None:
    """1. n1 stands with one seat.  2. A task is served to its inbox.  3. n1, which has not read
    it, offers the same seat again: the offer is left aside, since `seen` is behind."""
    host = Node(plane, "n1")
    host.claim(ONE)
    driver.submit(2)
    assert host.claim(ONE) == []
    (served,) = host.read()
    assert host.claim(FULL) == []
    (second,) = host.step(ONE, served).given
    assert second.id != served.id


def test_an_offer_left_aside_still_finishes_tasks(plane: Plane, driver: Process) -> None:
    host = Node(plane, "n1")
    host.claim("1;CPU:10000;")
    (one,) = driver.submit()
    (first,) = host.read()
    host.claim(ONE)
    driver.submit()
    reply = host.step(ONE, first)  # the second one is in the inbox, unread
    assert (reply.stale, reply.given) == ([], [])
    assert driver.told() == [output(one), b"0result"]


def test_a_standing_claim_is_used_up_by_what_it_was_served(plane: Plane, driver: Process) -> None:
    """Served claims are not counted twice: n tasks for n seats, however they come."""
    host = Node(plane, "n1")
    host.claim("3;CPU:30000;")
    for _ in range(5):
        driver.submit()
    assert len(host.read()) == 3
    assert plane.table(keys.SERVED)[host.id] == b"3"
    assert host.standing() is None


def test_claims_in_a_reply_do_not_count_as_served(plane: Plane, driver: Process) -> None:
    host = Node(plane, "n1")
    driver.submit(2)
    assert len(host.claim(ONE)) == 1
    assert len(host.claim(ONE)) == 1  # `seen` is still 0
    assert plane.table(keys.SERVED)[host.id] == b"0"


def test_a_broken_connection_is_healed_by_asking_what_is_held(
    plane: Plane, driver: Process
) -> None:
    """1. One task comes by reply, one by inbox; both messages are lost.  2. task_held."""
    host = Node(plane, "n1")
    ids = driver.submit(1)
    host.claim("2;CPU:20000;")
    ids += driver.submit(3)
    assert plane.table(keys.SERVED)[host.id] == b"1"

    cursor, served, *parts = plane.call("task_held", host.id, 0)
    assert (cursor, served) == (b"0", b"1")
    assert sorted(parts[0::4]) == sorted(ids[:2])
    assert set(parts[1::4]) == {b"1"}
    assert parts[2] == record(PLAIN)
    assert plane.table(keys.INBOX, host.id) is None
    host.seen = int(served)
    assert len(host.claim(ROOM)) == 2


def test_a_step_that_arrives_after_its_node_has_looked_gives_it_nothing(
    plane: Plane, driver: Process
) -> None:
    """1. A node offers room; the line breaks, and the offer is on its way.  2. It looks at what it
    holds, which is nothing.  3. The offer arrives: what it would be given, in an answer that nobody
    reads, it would hold and not know of.  4. It offers again, and is given the task."""
    host = Node(plane, "n1")
    late = host.seen
    host.seen = int(plane.call("task_held", host.id, 0, late + 1)[1])
    (one,) = driver.submit()
    assert plane.call("task_step", host.id, late, ONE) == [b"", 2]
    assert [given.id for given in host.claim(ONE)] == [one]
    # Said twice, it takes no more than a standing claim, which is offered anew.
    assert plane.call("task_held", host.id, 0, late + 1)[1] == b"%d" % host.seen


def test_many_held_tasks_are_told_in_slices(plane: Plane, driver: Process) -> None:
    host = Node(plane, "n1")
    ids = driver.submit(3000)
    for _ in range(3):
        host.claim("1000;CPU:10000000;")
    cursor, found, calls = b"0", [], 0
    while calls == 0 or cursor != b"0":
        cursor, _, *parts = plane.call("task_held", host.id, cursor)
        found += parts[0::4]
        calls += 1
    assert sorted(set(found)) == sorted(ids)
    assert calls > 1


def test_what_a_node_gives_back_does_not_come_straight_back(plane: Plane, driver: Process) -> None:
    host, other = Node(plane, "n1"), Node(plane, "n2")
    driver.submit()
    (one,) = host.claim("5;CPU:50000;")
    assert plane.call("task_give_back", host.id, one.id, 1) == 1
    assert host.read() == []
    assert [(g.id, g.attempt) for g in other.claim(ONE)] == [(one.id, 1)]


# -- things are said twice ----------------------------------------------------------------------


def test_a_call_sent_twice_changes_nothing(plane: Plane, driver: Process) -> None:
    """Its reply was lost, so the process sends it again, word for word."""
    host = Node(plane, "n1")
    (one,) = driver.submit()
    oid = driver.put(inner=[output(one)])
    reader = Process(plane, "reader")
    reader.acquire(oid)
    calls = [
        ("task_submit", driver.id, 1, 1, b"", PLAIN, one, record(PLAIN)),
        ("object_put", driver.id, 2, 2, oid, b"0value", output(one)),
        ("ref_acquire", reader.id, 1, oid),
        ("task_step", host.id, 0, FULL),
        ("object_watch", reader.id, output(one)),
        ("object_watch", reader.id, output(one)),
    ]
    plane.call(*calls[-1])
    plane.call(*calls[-3])
    before = plane.world()
    for call in calls:
        plane.call(*call)
    assert plane.world() == before

    (got,) = host.claim(ONE)
    assert host.step("", got).stale == []
    before = plane.world()
    assert host.step("", got).stale == [one]
    assert plane.world() == before
    driver.release(output(one), oid)
    before = plane.world()
    plane.call("ref_release", driver.id, driver.seq, output(one) + oid, b"")
    assert plane.world() == before


def test_nothing_overtakes_a_call_that_was_not_applied(plane: Plane, driver: Process) -> None:
    """1. Call 1 is lost.  2. Call 2 comes: GAP, and nothing is written.  3. Both, in order."""
    ids = driver.ids(2)
    before = plane.world()
    with pytest.raises(errors.Gap, match="0 is the last call heard, not 1"):
        plane.call("task_submit", driver.id, 2, 2, b"", PLAIN, ids[1], record(PLAIN))
    assert plane.world() == before
    assert plane.call("task_submit", driver.id, 1, 1, b"", PLAIN, ids[0], record(PLAIN)) == 1
    assert plane.call("task_submit", driver.id, 2, 2, b"", PLAIN, ids[1], record(PLAIN)) == 1


def test_a_process_that_holds_a_ref_twice_holds_it_once(plane: Plane, driver: Process) -> None:
    oid = driver.put()
    reader = Process(plane, "reader")
    reader.acquire(oid)
    reader.acquire(oid, oid)
    driver.release(oid)
    reader.let_go(oid)
    reader.let_go(oid)
    assert plane.table(keys.OBJECT) is None
    assert plane.table(keys.REFS) is None


# -- an offer is older than what it offers ----------------------------------------------------


def test_an_offer_that_was_left_aside_is_made_again(plane: Plane, driver: Process) -> None:
    """1. n1 stands idle with room for two, and a task is put into its inbox.  2. Before it has
    read that, it offers again: left aside, since that room may be taken.  3. It is told so, reads,
    and offers what is left: else nobody would know of it until something else ends."""
    host = Node(plane)
    host.claim(ROOM)
    driver.submit()
    reply = host.step(ROOM)
    assert (reply.more, reply.given) == (2, [])
    assert len(host.read()) == 1
    assert host.step(ROOM).more == 0
