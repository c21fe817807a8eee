"""What a process says arrives in an order in which nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom.gcs import keys
from hyperloom.gcs.outbox import Outbox
from tests.unit.gcs.plane import NS, output, process, task
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.gcs.cast import Process
    from tests.unit.gcs.plane import Plane


@pytest.fixture
def outbox(plane: Plane) -> Iterator[Outbox]:
    outbox = Outbox(plane.address, NS, process("other"), batch=100, outage_s=1)
    yield outbox
    outbox.close()


def test_a_ref_let_go_and_come_by_again_is_held(
    plane: Plane, driver: Process, outbox: Outbox
) -> None:
    """1. the process holds it  2. lets go of it  3. comes by it again, all before it speaks."""
    data = driver.put()
    outbox.acquire(data)
    outbox.settle()
    outbox.release(data, made=False)
    outbox.acquire(data)
    outbox.settle()
    driver.release(data)
    assert data in plane.table(keys.OBJECT)
    outbox.release(data, made=False)
    outbox.settle()
    assert plane.table(keys.OBJECT) is None
    assert not outbox.waiting


def test_a_release_that_nobody_waits_for_goes_with_the_next_words(
    plane: Plane, driver: Process, outbox: Outbox
) -> None:
    data = driver.put()
    outbox.acquire(data)
    outbox.settle()
    driver.release(data)
    outbox.release(data, made=False)
    outbox.flush(wanted_only=True)
    assert outbox.waiting
    assert data in plane.table(keys.OBJECT)
    outbox.settle()
    assert plane.table(keys.OBJECT) is None


def test_many_releases_are_worth_a_call(plane: Plane, driver: Process, outbox: Outbox) -> None:
    data = [driver.put() for _ in range(100)]
    for oid in data:
        outbox.acquire(oid)
    outbox.settle()
    driver.release(*data)
    for oid in data:
        outbox.release(oid, made=False)
    outbox.flush(wanted_only=True)
    wait_until(lambda: plane.table(keys.OBJECT) is None)


def test_very_many_releases_are_several_calls(
    plane: Plane, driver: Process, outbox: Outbox
) -> None:
    """The server does nothing else as long as a call lasts."""
    data = [driver.put() for _ in range(10)]
    for oid in data:
        outbox.acquire(oid)
    outbox.settle()
    driver.release(*data)
    nothing = [output(task(process("other"), n)) for n in range(1, 5000)]
    for oid in [*data, *nothing]:
        outbox.release(oid, made=oid not in data)
    before = int(plane.table(keys.HEARD)[process("other")].split(b",")[0])
    outbox.settle()
    heard = int(plane.table(keys.HEARD)[process("other")].split(b",")[0])
    assert heard - before == 3
    assert plane.table(keys.OBJECT) is None
