"""What lies in stores alone is made again when it is lost; what is kept for that, and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom.gcs import codes, keys
from hyperloom.gcs.library import build
from tests.unit.gcs.cast import ONE, PLAIN, ROOM, Given, Node, Process, declare, left, objects
from tests.unit.gcs.plane import output, shared, template

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane


def remake(plane: Plane, oid: bytes, *gone: bytes) -> list[bytes]:
    answer: list[bytes] = plane.call("task_remake", oid, b"".join(gone))
    return answer


def run(host: Node, *, large: bool = True) -> Given:
    (one,) = host.claim(ONE)
    host.step("", one, value=shared(host.id) if large else b"0small")
    return one


@pytest.fixture
def nodes(plane: Plane) -> tuple[Node, Node]:
    return Node(plane, "n1"), Node(plane, "n2")


def test_concurrent_asks_make_it_again_once_with_the_next_attempt(
    plane: Plane, driver: Process, nodes: tuple[Node, Node]
) -> None:
    doomed, other = nodes
    (made,) = driver.submit()
    run(doomed)
    doomed.lost()
    assert remake(plane, output(made), doomed.id) == [codes.REMAKE]
    assert remake(plane, output(made), doomed.id) == [b"MAKING"]
    assert plane.call("object_watch", driver.id, output(made)) == [b""]
    (again,) = other.claim(ONE)
    assert (again.id, again.attempt) == (made, 2)
    driver.told()
    other.step("", again, value=shared(other.id))
    assert driver.told() == [output(made), shared(other.id, of=PLAIN)]
    assert remake(plane, output(made), doomed.id) == [b"HERE"], "asked too late"
    driver.release(output(made))
    other.claim(ONE)
    other.claim(ONE)
    other.step("")
    assert left(plane) == {}


def test_what_was_freed_while_somebody_fetched_it_is_not_made_again(
    plane: Plane, driver: Process, nodes: tuple[Node, Node]
) -> None:
    """
    1. A node fetches an object.  2. The last who held it lets go; its maker's record stays, since
    another leans on it.  3. Who has it frees it, and says that it does not have it.
    """
    host, _ = nodes
    (made,) = driver.submit()
    run(host)
    (taker,) = driver.submit(inputs=[output(made)])
    run(host)
    driver.release(output(made))
    assert remake(plane, output(made), host.id) == [codes.FORGOTTEN, output(made)]
    driver.release(output(taker))
    assert host.claim(ONE) == []
    host.step()
    assert left(plane) == {}


def test_small_inputs_are_held_for_it_and_what_made_large_ones_is_known(
    plane: Plane, driver: Process, nodes: tuple[Node, Node]
) -> None:
    doomed, other = nodes
    small = driver.put(b"0small")
    (first,) = driver.submit(inputs=[small])
    run(doomed)
    (second,) = driver.submit(inputs=[output(first)])
    run(doomed)
    driver.release(small, output(first))
    assert objects(plane) == {small, output(second)}
    doomed.lost()
    assert remake(plane, output(second), doomed.id) == [codes.REMAKE]
    assert run(other).id == first
    assert run(other).id == second
    assert objects(plane) == {small, output(second)}, "what nobody wanted came and went"
    driver.release(output(second))
    other.claim(ONE)
    other.step("")
    assert left(plane) == {}


def test_outputs_that_are_left_stay_as_they_are(
    plane: Plane, driver: Process, nodes: tuple[Node, Node]
) -> None:
    doomed, other = nodes
    kind = declare(plane, template("pair"), returns=2)
    (pair,) = driver.submit(kind=kind)
    (one,) = doomed.claim(ONE)
    doomed.step("", one, value=shared(doomed.id), returns=2)
    plane.call("object_copied", other.id, output(pair, 1))
    doomed.lost()
    assert remake(plane, output(pair, 0), doomed.id) == [codes.REMAKE]
    (again,) = other.claim(ONE)
    other.step("", again, value=b"0second", returns=2)
    values = plane.table(keys.OBJECT)
    assert values == {output(pair, 0): b"0second", output(pair, 1): shared(doomed.id, of=kind)}


def test_an_output_that_is_let_go_of_while_it_is_made_again_goes_when_it_comes(
    plane: Plane, driver: Process, nodes: tuple[Node, Node]
) -> None:
    """1. One of two outputs is lost, and their task runs again.  2. Nobody holds the other any
    more: it goes.  3. The task makes both; the other must not stay as if its maker held it."""
    doomed, other = nodes
    (pair,) = driver.submit(kind=declare(plane, template("pair"), returns=2))
    (one,) = doomed.claim(ONE)
    doomed.step("", one, value=shared(doomed.id), returns=2)
    plane.call("object_copied", other.id, output(pair, 1))
    doomed.lost()
    assert remake(plane, output(pair, 0), doomed.id) == [codes.REMAKE]
    driver.release(output(pair, 1))
    (again,) = other.claim(ONE)
    other.step("", again, value=b"0second", returns=2)
    assert plane.table(keys.OBJECT) == {output(pair, 0): b"0second"}


def test_why_something_cannot_be_made_again(
    plane: Plane, driver: Process, nodes: tuple[Node, Node]
) -> None:
    doomed, other = nodes
    never = declare(plane, template("never"), retries=0)
    once = declare(plane, template("once"), retries=1)
    put = driver.put(shared(doomed.id))
    (of_put,) = driver.submit(inputs=[put])
    run(doomed)
    (not_twice,) = driver.submit(kind=never)
    run(doomed)
    (not_thrice,) = driver.submit(kind=once)
    run(doomed)
    doomed.lost()
    assert remake(plane, output(not_thrice), doomed.id) == [codes.REMAKE]
    run(other)
    other.lost()
    before = plane.world()
    for oid, answer in {
        put: [codes.WAS_PUT, put],
        output(of_put): [codes.WAS_PUT, put],
        output(not_twice): [codes.NO_RETRIES, output(not_twice)],
        output(not_thrice): [codes.NO_TRIES, output(not_thrice)],
    }.items():
        assert remake(plane, oid, doomed.id, other.id) == answer
    unknown = output(driver.ids()[0])
    assert remake(plane, unknown) == [codes.FORGOTTEN, unknown]
    assert plane.world() == before, "nothing is written when it cannot be"


def test_no_deeper_than_agreed(plane: Plane, driver: Process, nodes: tuple[Node, Node]) -> None:
    plane.load(build(LINEAGE_DEPTH=3))
    doomed, _ = nodes
    chain: list[bytes] = []
    for _ in range(4):
        chain += driver.submit(inputs=[output(chain[-1])] if chain else [])
        run(doomed)
    doomed.lost()
    assert remake(plane, output(chain[3]), doomed.id) == [codes.TOO_DEEP, output(chain[0])]
    assert remake(plane, output(chain[2]), doomed.id) == [codes.REMAKE]
    assert remake(plane, output(chain[3]), doomed.id) == [codes.REMAKE]


def test_the_oldest_records_make_room(
    plane: Plane, driver: Process, nodes: tuple[Node, Node]
) -> None:
    plane.load(build(LINEAGE_BYTES=300))
    doomed, _ = nodes
    made = [output(driver.submit()[0]) for _ in range(4)]
    for _ in made:
        run(doomed)
    doomed.lost()
    answers = [remake(plane, oid, doomed.id)[0] for oid in made]
    assert answers == [codes.DROPPED, codes.REMAKE, codes.REMAKE, codes.REMAKE]


def test_a_task_whose_input_was_lost_goes_back_and_waits(
    plane: Plane, driver: Process, nodes: tuple[Node, Node]
) -> None:
    doomed, other = nodes
    (made,) = driver.submit()
    run(doomed)
    (reads,) = driver.submit(inputs=[output(made)])
    doomed.lost()
    (one,) = other.claim(ONE)
    assert plane.call("task_put_off", other.id, one.id, 2) == [b"STALE"]
    assert plane.call("task_put_off", other.id, one.id, one.attempt) == [b"WAITING"]
    run(other)
    (again,) = other.claim(ROOM)
    value = shared(other.id, of=PLAIN)
    assert (again.id, again.attempt, again.inputs) == (reads, 1, b"%d:%s" % (len(value), value))


def test_one_whose_input_can_never_come_stays(
    plane: Plane, driver: Process, nodes: tuple[Node, Node]
) -> None:
    doomed, other = nodes
    put = driver.put(shared(doomed.id))
    driver.submit(inputs=[put])
    doomed.lost()
    (one,) = other.claim(ONE)
    answer = plane.call("task_put_off", other.id, one.id, one.attempt)
    assert answer == [codes.WAS_PUT, put]
    assert plane.table(keys.HELD, other.id) == {one.id: b"1"}


def test_a_task_that_fails_the_second_time_says_so(
    plane: Plane, driver: Process, nodes: tuple[Node, Node]
) -> None:
    doomed, other = nodes
    (made,) = driver.submit()
    run(doomed)
    doomed.lost()
    remake(plane, output(made), doomed.id)
    driver.told()
    (again,) = other.claim(ONE)
    other.step("", again, value=b"4failure")
    assert driver.told() == [output(made), b"4failure"]


def test_small_results_leave_no_records(plane: Plane, driver: Process) -> None:
    host = Node(plane)
    driver.submit(inputs=[driver.put()])
    run(host, large=False)
    assert plane.table(keys.LINEAGE) is None
    assert plane.table(keys.LEANS) is None
