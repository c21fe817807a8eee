"""What a node need not keep of what lies in its store, when it may have missed a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.gcs.cast import ONE, Node, Process
from tests.unit.gcs.plane import node, output, shared, task
from tests.unit.gcs.test_ranges import submit

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

HERE, THERE = node("here"), node("there")


def missed(plane: Plane, *oids: bytes) -> bytes:
    return answer(plane, *oids)[0]


def answer(plane: Plane, *oids: bytes) -> list[bytes]:
    return plane.call("object_missed", HERE, *oids)  # type: ignore[no-any-return]


def test_what_lies_here_is_kept_as_the_value_or_as_a_copy(plane: Plane, driver: Process) -> None:
    mine, theirs = driver.put(shared(HERE)), driver.put(shared(THERE))
    assert missed(plane, mine, theirs) == theirs, "it was made elsewhere, and this is no copy"
    plane.call("object_copied", HERE, theirs)
    assert missed(plane, mine, theirs) == b""
    inline = driver.put(b"0small")
    assert missed(plane, inline) == inline


def test_what_nobody_holds_any_more_is_not(plane: Plane, driver: Process) -> None:
    kept, dropped = driver.put(shared(HERE)), driver.put(shared(HERE))
    driver.release(dropped)
    assert missed(plane, dropped, kept) == dropped


def test_what_may_be_made_yet_is_kept(plane: Plane, driver: Process) -> None:
    """Also in a range, and while it runs: it may have been stored, and not told yet."""
    host = Node(plane)
    waits, runs = driver.submit(2)
    assert [one.id for one in host.claim(ONE)] == [waits]
    ranged = submit(driver, 3)
    open_ = [output(each) for each in (waits, runs, *ranged)]
    assert answer(plane, *open_) == [b"", b"".join(open_)], "it asks of these again"
    past = output(ranged[-1][:-1] + bytes([ranged[-1][-1] + 1]))
    assert missed(plane, past) == b"", "nobody has said so much: it may be a put on its way"


def test_what_was_put_and_is_not_said_yet_is_kept(plane: Plane, driver: Process) -> None:
    """1. A process stores a value.  2. This node asks.  3. The process says that it put it."""
    said = driver.put(shared(HERE))
    unsaid = output(task(driver.id, driver.made + 1))
    assert missed(plane, said, unsaid) == b""
    driver.release(said)
    assert missed(plane, said, unsaid) == said
    silent = output(task(Process(plane, "silent").id, 1))
    assert missed(plane, silent) == b"", "that has said nothing so far"
