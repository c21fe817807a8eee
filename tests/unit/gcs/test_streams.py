"""Streams: an item comes once, is kept as long as somebody wants it, and the worker is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperloom.gcs import codes, keys
from tests.unit.gcs.cast import PLAIN, Node, Process, left, objects
from tests.unit.gcs.plane import output, shared

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane


@pytest.fixture
def worker(plane: Plane) -> Process:
    return Process(plane, "worker")


def test_a_stream_item_comes_once_however_often_it_is_made(
    plane: Plane, driver: Process, worker: Process
) -> None:
    """The second attempt makes the first items again; the ones that are kept stay as they are,
    and so do the refs inside them."""
    host = Node(plane)
    (one,) = driver.submit()
    (first,) = host.claim()
    inner = worker.put()
    worker.contain(output(one, 1), inner)
    assert plane.call("task_yield", host.id, one, 1, 1, b"0item") == b"KEPT"
    worker.release(inner)
    assert host.retry(first) == "QUEUED"
    (second,) = host.read()
    other = worker.put()
    worker.contain(output(one, 1), other)
    worker.release(other)
    assert plane.call("task_yield", host.id, one, second.attempt, 1, b"0again") == b"KEPT"
    assert driver.told() == [output(one, 1), b"0item"]
    assert objects(plane) == {output(one, 1), inner}


def test_an_item_that_was_let_go_of_does_not_come_again(
    plane: Plane, driver: Process, worker: Process
) -> None:
    """1. The answer to a word is lost, and the word is said again.  2. The item is read, and let go
    of.  3. The first word arrives after all; or another attempt makes the item: nobody would let go
    of it again."""
    host = Node(plane)
    (one,) = driver.submit()
    (first,) = host.claim()
    item = output(one, 1)
    assert plane.call("task_yield", host.id, one, 1, 1, shared(host.id)) == b"KEPT"
    driver.release(item)
    plane.inbox(host.id)
    driver.told()
    inner = worker.put()
    worker.contain(item, inner)
    worker.release(inner)
    assert plane.call("task_yield", host.id, one, 1, 1, shared(host.id)) == b"KEPT"
    assert (plane.inbox(host.id), driver.told()) == ([codes.FREE, item], [])
    assert host.retry(first) == "QUEUED"
    (second,) = host.read()
    assert plane.call("task_yield", host.id, one, second.attempt, 1, b"0item") == b"KEPT"
    assert plane.call("task_yield", host.id, one, second.attempt, 2, b"0next") == b"KEPT"
    assert objects(plane) == {output(one, 2)}
    host.step("", second)
    driver.release(output(one), output(one, 2))
    assert left(plane) == {}


def test_items_that_a_server_forgot_are_asked_for_before_the_next(
    plane: Plane, driver: Process
) -> None:
    """1. A stream makes three items.  2. The server comes back with one.  3. The fourth is made:
    the second is to be said first."""
    host = Node(plane)
    (one,) = driver.submit()
    host.claim()

    def yields(index: int) -> Any:
        return plane.call("task_yield", host.id, one, 1, index, b"0item")

    assert [yields(1), yields(3), yields(4)] == [b"KEPT", 1, 1]
    assert driver.told() == [output(one, 1), b"0item"]
    assert [yields(2), yields(3), yields(4)] == [b"KEPT"] * 3
    assert objects(plane) == {output(one, index) for index in (1, 2, 3, 4)}


def test_an_item_that_was_lost_with_its_node_is_made_again(plane: Plane, driver: Process) -> None:
    one, two = Node(plane, "n1"), Node(plane, "n2")
    (stream,) = driver.submit()
    item = output(stream, 1)
    one.claim("1;CPU:10000;")
    assert plane.call("task_yield", one.id, stream, 1, 1, shared(one.id)) == b"KEPT"
    one.lost()
    (second,) = two.claim("1;CPU:10000;")
    assert plane.call("task_yield", two.id, stream, second.attempt, 1, shared(two.id)) == b"KEPT"
    assert plane.call("object_watch", driver.id, item) == [shared(two.id, of=PLAIN)]
    assert plane.inbox(two.id) == []


def test_a_stream_that_nobody_reads_is_abandoned(
    plane: Plane, driver: Process, worker: Process
) -> None:
    host = Node(plane)
    (one,) = driver.submit()
    got = host.claim()
    driver.release(output(one))
    inner = worker.put()
    worker.contain(output(one, 1), inner)
    worker.release(inner)
    assert plane.call("task_yield", host.id, one, 1, 1, b"0item") == b"ABANDONED"
    host.step("", *got)
    assert left(plane) == {}


def test_an_item_that_is_not_kept_is_freed_where_it_lies(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    abandoned, ended = driver.submit(2)
    got = host.claim()
    driver.release(output(abandoned))
    plane.inbox(host.id)

    def yields(of: bytes) -> Any:
        return plane.call("task_yield", host.id, of, 1, 1, shared(host.id))

    assert yields(abandoned) == b"ABANDONED"
    assert plane.inbox(host.id) == [codes.FREE, output(abandoned, 1)]
    host.step("", *got)
    assert yields(ended) == b"ABANDONED"
    assert plane.inbox(host.id) == [codes.FREE, output(ended, 1)]


def test_an_item_that_is_made_again_is_freed_unless_it_is_the_object_itself(
    plane: Plane, driver: Process, worker: Process
) -> None:
    """1. n1 makes an item, which is read and held.  2. n1 dies over the stream; n2 makes the
    item again: its copy goes.  3. So does n1, on which the second has the name of the first:
    that one stays, and so does what it holds, though nobody reads the stream any more."""
    one, two = Node(plane, "n1"), Node(plane, "n2")
    (stream,) = driver.submit()
    item = output(stream, 1)
    (first,) = one.claim("1;CPU:10000;")
    inner = worker.put()
    worker.contain(item, inner)
    worker.release(inner)
    assert plane.call("task_yield", one.id, stream, 1, 1, shared(one.id)) == b"KEPT"
    one.retry(first)
    (second,) = two.claim("1;CPU:10000;")
    assert plane.call("task_yield", two.id, stream, 2, 1, shared(two.id)) == b"KEPT"
    assert plane.inbox(two.id) == [codes.FREE, item]
    two.retry(second)
    one.claim("1;CPU:10000;")
    driver.release(output(stream))
    plane.inbox(one.id)
    assert plane.call("task_yield", one.id, stream, 3, 1, shared(one.id)) == b"ABANDONED"
    assert plane.inbox(one.id) == []
    assert objects(plane) == {item, inner}


def test_a_worker_hears_how_far_its_stream_was_read(
    plane: Plane, driver: Process, worker: Process
) -> None:
    host = Node(plane)
    (one,) = driver.submit()
    got = host.claim()
    assert plane.call("stream_consume", one, 2) == 0
    assert plane.call("stream_open", one, worker.id) == 2
    assert plane.call("stream_consume", one, 3) == 1
    assert worker.told() == [codes.CONSUMED + one, b"3"]
    assert plane.call("stream_open", one, Process(plane, "next").id) == 3
    host.step("", *got)
    assert plane.call("stream_consume", one, 5) == 0
    assert plane.call("stream_open", one, worker.id) == 0
    assert plane.table(keys.STREAM) is None


@pytest.mark.usefixtures("driver")
def test_who_makes_a_stream_hears_that_its_reader_died(plane: Plane, worker: Process) -> None:
    """Or it would wait for ever to be read, and its node hold it for as long."""
    host = Node(plane)
    reader = Process(plane, "reader")
    (stream,) = reader.submit()
    got = host.claim()
    plane.call("stream_open", stream, worker.id)
    assert plane.call("process_bury", reader.id, 1, 1000) == 0
    assert worker.told() == [codes.CONSUMED + stream, codes.FOR_EVER]
    assert plane.call("stream_open", stream, worker.id) == int(codes.FOR_EVER)
    assert plane.call("task_yield", host.id, stream, 1, 1, b"0item") == b"ABANDONED"
    host.step("", *got)
    assert left(plane) == {}
