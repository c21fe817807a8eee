"""A server that comes back in an older state: what was said since is said again, or is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.gcs import keys, recent
from hyperloom.gcs.outbox import Outbox
from hyperloom.gcs.replies import NotNow, from_reply
from tests.unit.gcs.cast import PLAIN, declare
from tests.unit.gcs.plane import NS, output, process, record, task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.gcs.plane import Plane

ME = process("driver")


def made(n: int) -> bytes:
    return output(task(ME, n))


@pytest.fixture
def outbox(plane: Plane) -> Iterator[Outbox]:
    """A driver's, which has put one object."""
    declare(plane)
    outbox = Outbox(plane.address, NS, ME, batch=100, outage_s=1, repeats=True)
    outbox.put(made(1), b"0one")
    outbox.settle()
    yield outbox
    outbox.close()


def says_more(outbox: Outbox) -> None:
    outbox.declare(b"SECOND..", 1, 3, "0|CPU:10000", b"F" * 12 + b"body", b"F" * 12, b"code")
    outbox.submit(b"SECOND..", b"", task(ME, 2), record(b"SECOND.."))
    outbox.put(made(3), b"0three")
    outbox.settle()
    outbox.release(made(1), made=True)
    outbox.submit(PLAIN, b"", task(ME, 4), record(PLAIN))
    outbox.settle()


def test_what_was_said_since_is_said_again(plane: Plane, outbox: Outbox) -> None:
    before = plane.backup()
    says_more(outbox)
    after = plane.world()
    plane.restore(before)
    outbox.compare()
    outbox.settle()
    assert {**plane.world(), b"events": 0} == {**after, b"events": 0}


def test_it_is_noticed_when_the_connection_was_lost(plane: Plane, outbox: Outbox) -> None:
    before = plane.backup()
    says_more(outbox)
    plane.restore(before)
    outbox._delivery._wire.close()
    assert outbox.call("object_watch", ME, made(3)) == [b"0three"]


def test_it_is_noticed_by_the_next_word(plane: Plane, outbox: Outbox) -> None:
    """Somebody restores a backup while we are connected: the server misses the words between."""
    before = plane.backup()
    says_more(outbox)
    plane.restore(before)
    outbox.put(made(5), b"0five")
    outbox.settle()
    assert plane.table(keys.OBJECT) == {made(3): b"0three", made(5): b"0five"}


def test_twice_in_a_row(plane: Plane, outbox: Outbox) -> None:
    before = plane.backup()
    says_more(outbox)
    after = plane.world()
    for _ in range(2):
        plane.restore(before)
        outbox.compare()
        outbox.settle()
    assert plane.world().keys() == after.keys()


def test_what_was_said_too_long_ago_is_lost(
    plane: Plane, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "KEPT_S", -1.0)
    before = plane.backup()
    says_more(outbox)
    plane.restore(before)
    with pytest.raises(errors.ClusterStateLost, match="it knows 1 of 5 calls of this process"):
        outbox.compare()
    with pytest.raises(errors.ClusterStateLost, match=r"loom\.init\(\) to begin anew"):
        outbox.flush()


@pytest.mark.timeout(10)
def test_who_looks_again_hears_again_that_it_is_lost(
    plane: Plane, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. The connection breaks while a question is on its way.  2. On a new one it turns out that
    our words are lost; the question is not asked there.  3. The next one is not taken for it, or
    whoever asks waits for ever, and with him all that want to speak."""
    monkeypatch.setattr(recent, "KEPT_S", -1.0)
    before = plane.backup()
    says_more(outbox)
    plane.restore(before)
    outbox._delivery._wire.close()
    for _ in range(3):
        with pytest.raises(errors.ClusterStateLost, match="it knows 1 of 5 calls of this process"):
            outbox.compare()


def test_memory_bounds_what_is_kept(
    plane: Plane, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "KEPT_BYTES", 100)
    before = plane.backup()
    says_more(outbox)
    plane.restore(before)
    with pytest.raises(errors.ClusterStateLost):
        outbox.compare()


def test_a_worker_says_nothing_again(plane: Plane) -> None:
    """1. its node is given up while it lives  2. it is buried  3. what it made is forgotten on
    purpose, and must not come back."""
    worker = process("worker")
    outbox = Outbox(plane.address, NS, worker, batch=100, outage_s=1)
    outbox.put(output(task(worker, 1)), b"0mine")
    outbox.settle()
    assert plane.call("process_bury", worker, 1, 100) == 0
    with pytest.raises(errors.ClusterStateLost):
        outbox.compare()
    assert plane.table(keys.OBJECT) is None
    outbox.close()


def test_a_job_that_is_over_is_no_loss(plane: Plane, outbox: Outbox) -> None:
    plane.call("job_close", 60)
    outbox.compare()
    outbox.put(made(2), b"0two")
    outbox.settle()


def test_a_library_that_is_gone_is_waited_for(plane: Plane, outbox: Outbox) -> None:
    """1. somebody deletes it  2. a word is refused  3. it is loaded again  4. nothing was lost."""
    library = plane.wire.call("FUNCTION", "LIST", "WITHCODE")[0]
    code = library[library.index(b"library_code") + 1]
    plane.wire.call("FUNCTION", "FLUSH")
    outbox.put(made(2), b"0two")
    with pytest.raises(NotNow, match="has lost the library of HyperLoom"):
        outbox.settle()  # it waits for a second, as it was told
    assert outbox.waiting
    plane.wire.call("FUNCTION", "LOAD", code)
    outbox.settle()
    assert plane.table(keys.OBJECT) == {made(1): b"0one", made(2): b"0two"}


def test_a_full_disk_is_something_that_passes() -> None:
    error = from_reply("MISCONF Errors writing to the AOF file: No space left on device")
    assert isinstance(error, NotNow)
    assert "Make room on the disk of its folder" in str(error)
    assert not isinstance(from_reply("WRONGTYPE what"), NotNow)
