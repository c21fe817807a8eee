"""Who holds what: nothing is dropped that somebody holds, and nothing is kept that nobody does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom.gcs import codes, keys
from tests.unit.gcs.cast import ROOM, Node, Process, declare, left, objects
from tests.unit.gcs.plane import NS, node, output, shared, task

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

HOME = node("home")


@pytest.fixture
def worker(plane: Plane) -> Process:
    return Process(plane, "worker")


def test_a_ref_dropped_before_the_result_comes(plane: Plane, driver: Process) -> None:
    """Fire and forget: the result is dropped as it comes, and nobody is told."""
    host = Node(plane)
    (one,) = driver.submit()
    driver.release(output(one))
    assert plane.table(keys.REFS) == {output(one): codes.NOBODY}
    host.step("", *host.claim(), value=shared(host.id))
    assert plane.inbox(host.id) == [codes.FREE, output(one)]
    assert left(plane) == {}


def test_an_input_is_kept_until_its_reader_is_finished(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    data = driver.put()
    (one,) = driver.submit(inputs=[data])
    driver.release(data)
    (got,) = host.claim()
    assert got.inputs == b"6:0value"
    host.step("", got)
    assert objects(plane) == {output(one)}


def test_a_ref_inside_a_result_keeps_the_inner_object(
    plane: Plane, driver: Process, worker: Process
) -> None:
    """1. A worker puts.  2. It returns the ref.  3. It dies.  4. The driver takes the ref out."""
    host = Node(plane)
    (one,) = driver.submit()
    (got,) = host.claim()
    inner = worker.put()
    worker.contain(output(one), inner)
    host.step("", got)
    worker.release(inner)
    assert objects(plane) == {inner, output(one)}
    driver.acquire(inner)
    driver.release(output(one))
    assert objects(plane) == {inner}
    driver.let_go(inner)
    driver.told()
    assert left(plane) == {}


def test_a_second_attempts_refs_replace_the_firsts(
    plane: Plane, driver: Process, worker: Process
) -> None:
    host, again = Node(plane), Process(plane, "again")
    (one,) = driver.submit()
    (first,) = host.claim()
    old = worker.put()
    worker.contain(output(one), old)
    worker.release(old)
    assert objects(plane) == {old}
    assert host.retry(first, died=1) == "QUEUED"
    (second,) = host.read()
    new = again.put()
    again.contain(output(one), new)
    again.release(new)
    assert objects(plane) == {new}
    host.step("", second)
    driver.release(output(one))
    driver.told()
    assert left(plane) == {}


def test_a_late_attempt_cannot_change_what_a_result_contains(
    plane: Plane, driver: Process, worker: Process
) -> None:
    """1. n1 is given up.  2. The second attempt finishes.  3. n1's worker says what its own
    result contains, which is not the result that was kept."""
    slow, host = Node(plane, "n1"), Node(plane, "n2")
    late, one = worker.put(), driver.submit()[0]
    slow.claim()
    slow.lost()
    (second,) = host.claim()
    again = Process(plane, "again")
    inner = again.put()
    again.contain(output(one), inner)
    host.step("", second)
    worker.contain(output(one), late)
    again.release(inner)
    worker.release(late)
    assert objects(plane) == {inner, output(one)}
    driver.release(output(one))
    worker.contain(output(one), task(worker.id, 99) + b"0000")
    driver.told()
    assert left(plane) == {}


def test_a_long_chain_of_values_goes_at_once(plane: Plane, driver: Process) -> None:
    """Without recursion: each contains the one before."""
    oid = driver.put()
    for _ in range(3000):
        inner, oid = oid, driver.put(inner=[oid])
        driver.release(inner)
    assert len(objects(plane)) == 3001
    driver.release(oid)
    assert left(plane) == {}


# -- who is told ----------------------------------------------------------------------------------


def test_a_large_value_is_announced_and_not_sent(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    first, second = driver.submit(2)
    one, two = host.claim()
    host.step("", one, value=b"0" * codes.NOTIFY_MOST)
    host.step("", two, value=b"0" * (codes.NOTIFY_MOST + 1))
    assert driver.told() == [output(first), b"0" * codes.NOTIFY_MOST, output(second), codes.LARGE]


def test_who_watches_is_told_once(plane: Plane, driver: Process, worker: Process) -> None:
    host = Node(plane)
    (one,) = driver.submit()
    oid = output(one)
    for _ in range(2):
        assert plane.call("object_watch", worker.id, oid) == [b""]
    assert plane.call("object_watch", driver.id, oid) == [b""]
    host.step("", *host.claim())
    assert driver.told() == [oid, b"0result"]
    assert worker.told() == [oid, b"0result"]
    assert plane.table(keys.WATCH) is None
    assert plane.call("object_watch", worker.id, oid) == [b"0result"]


def test_a_maker_that_let_go_is_told_when_it_watches_again(
    plane: Plane, driver: Process, worker: Process
) -> None:
    host = Node(plane)
    (one,) = driver.submit()
    oid = output(one)
    worker.acquire(oid)
    driver.release(oid)
    assert plane.call("object_watch", driver.id, oid) == [b""]
    host.step("", *host.claim())
    assert driver.told() == [oid, b"0result"]


def test_an_object_that_nobody_makes_is_lost(plane: Plane, driver: Process) -> None:
    oid = driver.put()
    driver.release(oid)
    never = output(task(driver.id, 77))
    assert plane.call("object_watch", driver.id, oid, never) == [codes.LOST] * 2
    assert plane.table(keys.WATCH) is None


# -- streams --------------------------------------------------------------------------------------


# -- burials --------------------------------------------------------------------------------------


def bury(plane: Plane, dead: Process, most: int = 2) -> int:
    at, slices = 1, 0
    while at > 0:
        at = plane.call("process_bury", dead.id, at, most)
        slices += 1
    return slices


def test_a_burial_lets_go_of_what_was_made_and_borrowed(
    plane: Plane, driver: Process, worker: Process
) -> None:
    """And of nothing else: others hold on to theirs."""
    host = Node(plane)
    kept, mine = driver.put(), driver.put()
    worker.acquire(kept, mine)
    made, lent = worker.put(), worker.put()
    driver.acquire(lent)
    running = worker.submit(2)
    driver.release(mine)
    assert bury(plane, worker) == 2
    assert objects(plane) == {kept, lent}
    assert made not in objects(plane)
    got = host.claim()
    assert [one.id for one in got] == running
    host.step("", *got)
    assert worker.told() == []
    driver.release(kept)
    driver.let_go(lent)
    assert left(plane) == {}
    assert plane.table(keys.HEARD).keys() == {driver.id}
    assert bury(plane, worker) == 1  # twice is harmless


def test_first_words_that_come_after_a_burial_are_not_heard(plane: Plane) -> None:
    """1. A worker says its first words, and is killed.  2. Its raylet buries it, and the server
    reads that first.  3. What they make would be nobody's, and stay."""
    late = Process(plane, "late")
    declare(plane)
    assert plane.call("process_bury", late.id, 1, 100, b"4killed") == 0
    for _ in range(2):
        assert plane.call("process_join", late.id, HOME) == 0
        assert (
            plane.answer("object_put", late.id, 1, 1, output(task(late.id, 1)), b"0", b"") == "GAP"
        )
        assert plane.call("process_bury", late.id, 1, 100, b"4killed") == 0  # by somebody else, too
    assert left(plane) == {}
    assert plane.table(keys.HOMES) is None


def test_words_that_a_dead_process_had_repeated_are_not_heard_after_its_burial(
    plane: Plane,
) -> None:
    """1. A worker joins, and puts something.  2. Its connection breaks, and it says both again on
    the next one.  3. It is killed and buried.  4. What it said on the old one arrives: had the
    burial forgotten how far it was heard, that would count again, and what it makes be nobody's."""
    late = Process(plane, "late")
    (put,) = late.ids()
    first = "object_put", late.id, 1, 1, output(put), b"0", b""
    plane.call("process_join", late.id, HOME)
    assert plane.call(*first) == 1
    assert plane.call("process_bury", late.id, 1, 100, b"4killed") == 0
    assert left(plane) == {}
    assert plane.call("process_join", late.id, HOME) == 0
    assert plane.answer(*first) == "GAP"
    assert plane.call("process_heard", late.id) == 0
    assert left(plane) == {}
    assert plane.table(keys.HOMES) is None


def test_nobody_reads_the_stream_of_a_killed_process(plane: Plane) -> None:
    """Its row stays, and says that it is buried: no item is kept for it."""
    declare(plane)
    maker, host = Process(plane, "maker"), Node(plane)
    (stream,) = maker.submit()
    got = host.claim()
    assert plane.call("process_bury", maker.id, 1, 100, b"4killed") == 0
    assert plane.call("task_yield", host.id, stream, 1, 1, b"0item") == b"ABANDONED"
    host.step("", *got)
    assert left(plane) == {}


def test_who_is_buried_after_its_job_leaves_nothing(plane: Plane, worker: Process) -> None:
    """1. A driver ends, and its job is closed.  2. Its workers are killed by that, and buried."""
    declare(plane)
    plane.call("job_close", 600)
    for process in (worker.id, b"unheard of"):
        assert plane.call("process_bury", process, 1, 100, b"4killed") == 0
    assert plane.table(keys.HEARD) is None


def test_a_burial_finds_what_was_said_out_of_order(plane: Plane, worker: Process) -> None:
    """Threads: ids 1-3 are taken, and 3 is said first; 2 streams an item after that."""
    host, (first, second, third) = Node(plane), worker.ids(3)
    declare(plane)
    worker.says("object_put", 3, output(third), b"0", b"")
    worker.says("object_put", 1, output(first), b"0", b"")
    worker.made = 1
    assert worker.submit() == [second]
    got = host.claim()
    plane.call("task_yield", host.id, second, 1, 1, b"0item")
    bury(plane, worker)
    host.step("", *got)
    assert left(plane) == {}


def test_a_burial_promises_nothing_that_never_comes(plane: Plane, worker: Process) -> None:
    """A wide task and a narrow one, both running: the narrow one has no third output."""
    host = Node(plane)
    worker.submit(kind=declare(plane, b"WIDE....", returns=3))
    worker.submit(kind=declare(plane, b"NARROW..", returns=1))
    wide, narrow = host.claim()
    bury(plane, worker)
    host.step("", wide, returns=3)
    host.step("", narrow, returns=1)
    assert left(plane) == {}


def test_nobody_writes_to_the_dead(plane: Plane, driver: Process, worker: Process) -> None:
    """1. It watches.  2. It is buried.  3. The object comes: no inbox that nobody will remove."""
    host = Node(plane)
    (one,) = driver.submit()
    plane.call("object_watch", worker.id, output(one))
    bury(plane, worker)
    host.step("", *host.claim())
    assert plane.table(keys.INBOX, worker.id) is None


def test_a_dead_process_that_speaks_is_not_heard(plane: Plane, worker: Process) -> None:
    """A worker of a lost node that is not dead after all: its words do not fit any more."""
    worker.put()
    bury(plane, worker)
    assert plane.answer("ref_acquire", worker.id, 2, output(task(b"x" * 10, 1))) == "GAP"
    assert left(plane) == {}


# -- the end of a job -----------------------------------------------------------------------------


def test_job_close_removes_every_key(plane: Plane, driver: Process, worker: Process) -> None:
    host = Node(plane)
    host.claim("2;CPU:20000;")
    (one,) = driver.submit(parent=driver.submit()[0])
    host.read()
    crowd = driver.submit(codes.CROWD_FROM, inputs=[output(one)])
    driver.submit(codes.WAKE_MOST + 5, inputs=[output(crowd[0])])
    driver.put(inner=[driver.put()])
    worker.acquire(output(crowd[1]))
    plane.call("object_watch", worker.id, output(crowd[0]))
    plane.call("stream_open", one, worker.id)
    plane.call("task_cancel", b"4", 0, crowd[0])
    driver.submit(4)
    host.claim(ROOM)
    lost = Node(plane, "n2")
    lost.claim(ROOM)
    lost.lost(most=1)
    assert len(plane.world()) > 15
    assert plane.call("job_close", 60) > 15
    assert set(plane.world()) == {keys.CLOSED.name(NS)}


def test_a_closed_job_is_deaf(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    driver.submit()
    got = host.claim()
    plane.call("job_close", 60)
    assert host.step(ROOM, *got).stale == [got[0].id]
    assert plane.answer("node_attach", host.id) == "NOT_FOUND"
    driver.release(output(got[0].id))
    assert driver.submit() != []
    assert driver.put() != b""
    assert set(plane.world()) == {keys.CLOSED.name(NS)}


def test_a_lost_node_is_told_nothing_any_more(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    oid = driver.put(shared(host.id))
    host.lost()
    driver.release(oid)
    assert plane.table(keys.INBOX, host.id) is None


def test_processes_of_a_dead_node_are_found_and_buried(
    plane: Plane, driver: Process, worker: Process
) -> None:
    """1. two workers live on two nodes, and make objects  2. the raylet of the one node dies, and
    its worker with it  3. whoever takes over asks who lived there, and buries them."""
    host, other = Node(plane), Node(plane, "n2")
    neighbour = Process(plane, "other")
    assert plane.call("process_join", worker.id, host.id) == 1
    assert plane.call("process_join", worker.id, host.id) == 0
    assert plane.call("process_join", neighbour.id, other.id) == 1
    gone, kept, mine = worker.put(), neighbour.put(), driver.put()
    assert plane.call("process_list", host.id) == [worker.id]
    bury(plane, worker)
    assert objects(plane) == {kept, mine}
    assert gone not in objects(plane)
    assert plane.call("process_list", host.id) == []
    assert plane.call("process_list", other.id) == [neighbour.id]
