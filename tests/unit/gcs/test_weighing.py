"""Sums of very many objects, and the largest, without looking at each from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.unit.gcs.cast import PLAIN, Node, Process
from tests.unit.gcs.plane import node, output, shared
from tests.unit.gcs.weighing import lent, objects

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

HERE = node("here")
ONE_BY_ONE = -1


def test_the_few_large_ones_of_very_many_come_one_by_one(plane: Plane, driver: Process) -> None:
    """More than a table that is kept as a list has, so that there are several slices."""
    small = [driver.put(b"0small") for _ in range(2000)]
    failed = driver.put(b"4failed")
    large, larger = driver.put(b"0" + bytes(500)), driver.put(shared(HERE, 12_345))
    driver.release(small[0])
    told = objects(plane, 400, most=100)
    assert told.rows == {large: (b"0501", b""), larger: (shared(HERE, 12_345), b"")}
    assert told.sums == {driver.id: [2000, 6 * 1999 + 7, 1, 2000, 6 * 1999 + 7]}
    all_rows = objects(plane, ONE_BY_ONE, most=100)
    assert (len(all_rows.rows), all_rows.sums) == (2002, {})
    assert all_rows.rows[failed] == (b"47", b"")


def test_what_was_cancelled_has_not_failed(plane: Plane, driver: Process) -> None:
    size = len(codes.WAS_CANCELLED) + 6
    cancelled, failed = driver.put(codes.WAS_CANCELLED + b"nobody"), driver.put(b"4failed")
    assert objects(plane, 1000).sums == {driver.id: [2, size + 7, 1, 2, size + 7]}
    told = {oid: value for oid, (value, _) in objects(plane, ONE_BY_ONE).rows.items()}
    assert told == {cancelled: b"%b%d" % (codes.CANCELLED, size), failed: b"47"}


def test_whoever_holds_it_counts(plane: Plane, driver: Process) -> None:
    """The maker has let go of one, and another process was lent both."""
    other = Process(plane, "other")
    kept, lent_on = driver.put(b"0kept"), driver.put(shared(HERE, 700))
    other.acquire(kept, lent_on)
    driver.release(lent_on)
    assert lent(plane, other.id) == (2, 705)
    assert lent(plane, driver.id) == (0, 0)
    told = objects(plane, 1000)
    assert told.sums == {driver.id: [1, 5, 0, 1, 5]}
    assert told.rows == {lent_on: (shared(HERE, 700), b"%d" % (1 - codes.GONE))}


def test_what_lies_in_a_store_says_which_function_made_it(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    (one,) = driver.submit(1)
    host.step("", *host.claim(), value=shared(host.id))
    put = driver.put(shared(host.id))
    told = {oid: value for oid, (value, _) in objects(plane, 0).rows.items()}
    assert codes.stored_by(told[output(one)]) == PLAIN
    assert codes.stored_by(told[put]) == b""
    assert {codes.stored_bytes(value) for value in told.values()} == {1000}
