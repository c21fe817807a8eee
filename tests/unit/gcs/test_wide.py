"""What is very wide or very many: the server works in slices, and memory comes back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.gcs import codes, keys
from hyperloom.gcs.library import build
from tests import servers
from tests.unit.gcs.cast import ROOM, Given, Node, Process, declare
from tests.unit.gcs.plane import NS, Plane, output

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

WIDE = 100_000
BATCH = 1000


def run_all(host: Node, *running: Given) -> int:
    """Finish these, claim and finish until there is nothing left; how many were claimed."""
    ran, reply = 0, host.step("", *running)
    unread = host.read()
    while True:
        ran += len(reply.given) + len(unread)
        reply = host.step(ROOM, *reply.given, *unread)
        unread = []
        if not reply.given and not reply.more:
            host.step("")
            return ran


def pending(plane: Plane, key: keys.Key) -> int:
    return plane.wire.call("HLEN", key.name(NS))


def test_a_crowd_is_woken_in_slices(plane: Plane, driver: Process) -> None:
    """100,000 tasks wait for one object: no call takes long, `more` says that there are more,
    and every one of them is woken."""
    host = Node(plane)
    (first,) = driver.submit()
    for _ in range(0, WIDE, BATCH):
        driver.submit(BATCH, inputs=[output(first)])
    assert pending(plane, keys.WAIT) == WIDE
    (got,) = host.claim()
    began = time.perf_counter()
    reply = host.step(ROOM, got)
    assert time.perf_counter() - began < 0.25, "the server stood still for a crowd"
    assert reply.more == 1
    assert pending(plane, keys.WAIT) == WIDE - codes.WAKE_MOST
    ran = len(reply.given) + run_all(host, *reply.given)
    assert ran == WIDE
    assert pending(plane, keys.WAIT) == pending(plane, keys.WAITERS) == 0
    assert plane.wire.call("EXISTS", keys.WAKING.name(NS), keys.TASK.name(NS)) == 0


def test_a_fan_in_of_many(plane: Plane, driver: Process) -> None:
    """One task takes 100,000 results, and gets every one of them; when it is over, they are let go
    of in slices."""
    host = Node(plane)
    parts: list[bytes] = []
    for _ in range(0, WIDE, BATCH):
        parts += driver.submit(BATCH)
    (last,) = driver.submit(inputs=[output(part) for part in parts])
    reply = host.step(ROOM)
    while reply.given and reply.given[0].id != last:
        reply = host.step(ROOM, *reply.given, value=b"0x")
    (got,) = reply.given
    assert got.inputs == b"2:0x" * WIDE
    for at in range(0, WIDE, BATCH):
        driver.release(*(output(part) for part in parts[at : at + BATCH]))
    assert pending(plane, keys.OBJECT) == WIDE
    reply = host.step("", got)
    assert reply.stale == []
    for left in range(WIDE - codes.RELEASE_SLICE, 0, -codes.RELEASE_SLICE):
        assert pending(plane, keys.OBJECT) == left + 1
        assert reply.more == 1
        reply = host.step("")
    assert pending(plane, keys.OBJECT) == 1
    assert reply.more == 0
    assert pending(plane, keys.REFS) == 0


def test_what_a_cancelled_task_was_to_take_goes_without_anybody_s_asking(
    plane: Plane, driver: Process
) -> None:
    """No node has anything to say: one is told that there is something to do."""
    lost, host = Node(plane, "a"), Node(plane, "b")
    lost.lost()
    plane.messages(host.id)
    many = codes.RELEASE_AT_ONCE + 1
    parts = [driver.put() for _ in range(many)]
    (last,) = driver.submit(inputs=[*parts, output(driver.submit()[0])])
    driver.release(*parts)
    plane.call("task_cancel", b"4cancelled", 0, last)
    assert plane.messages(lost.id)[1:] == []
    assert plane.messages(host.id) == [[codes.GO_ON, b""]]
    while host.step("").more:
        pass
    assert pending(plane, keys.OBJECT) == 1, "what the cancelled task became"
    assert plane.wire.call("EXISTS", keys.RELEASING.name(NS)) == 0


@pytest.mark.parametrize("name", [keys.WAITERS])
def test_a_crowd_begins_where_the_table_says(plane: Plane, driver: Process, name: keys.Key) -> None:
    (first,) = driver.submit()
    driver.submit(codes.CROWD_FROM - 1, inputs=[output(first)])
    assert len(plane.table(name)[output(first)]) == (codes.CROWD_FROM - 1) * codes.TASK_ID
    driver.submit(1, inputs=[output(first)])
    assert plane.table(name)[output(first)] == codes.CROWD
    assert run_all(Node(plane)) == codes.CROWD_FROM + 1


# -- memory ---------------------------------------------------------------------------------------


def test_memory_comes_back_and_a_pending_task_is_small(plane: Plane, driver: Process) -> None:
    """50,000 tasks are submitted, run, and their refs released; twice."""
    host, n = Node(plane), 50_000
    per_task: list[float] = []

    def a_round() -> None:
        empty, ids = plane.memory(), []
        for _ in range(0, n, BATCH):
            ids += driver.submit(BATCH)
        per_task.append((plane.memory() - empty) / n)
        assert run_all(host) == n
        driver.told()
        for at in range(0, n, BATCH):
            driver.release(*(output(one) for one in ids[at : at + BATCH]))

    a_round()  # the first leaves the allocator's own tables behind
    before = plane.memory()
    a_round()
    assert plane.memory() <= before * 1.05
    assert max(per_task) <= 600, "bytes of the server for each pending task"
    assert plane.wire.call("EXISTS", keys.TASK.name(NS), keys.OBJECT.name(NS)) == 0


@pytest.fixture
def full(server: servers.Server) -> Iterator[Plane]:
    """A server of its own, with a few MB."""
    own = servers.start(server.kind, options=["--maxmemory", "12mb"])
    plane = Plane(own.socket, build())
    yield plane
    plane.close()
    own.stop()


def test_a_full_server_takes_no_tasks_and_drains(full: Plane) -> None:
    """1. Tasks come until memory is full: refused, nothing is written.  2. What runs is
    finished and refs are released.  3. What was refused is said again, and accepted."""
    declare(full)
    host, driver = Node(full), Process(full, "driver")
    ids: list[bytes] = []
    with pytest.raises(errors.Backpressure, match="memory is full"):
        [ids.extend(driver.submit(BATCH)) for _ in range(1000)]
    driver.seq -= 1
    driver.made -= BATCH
    assert pending(full, keys.TASK) == len(ids) > BATCH
    with pytest.raises(errors.Backpressure):
        [driver.put(b"0" * 100_000) for _ in range(1000)]
    driver.seq -= 1
    driver.made -= 1
    with pytest.raises(errors.Gap):
        full.call("ref_release", driver.id, driver.seq + 2, output(ids[0]), b"")

    # The number of the refused call goes to a release, which is not refused.
    driver.release(output(ids[0]))
    assert run_all(host) == len(ids)
    driver.told()
    driver.release(*(output(one) for one in ids[1:]))
    assert len(driver.submit(BATCH)) == BATCH
    assert run_all(host) == BATCH
