"""The story of a task, from the events that the real transitions write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperloom import events
from hyperloom.events import Ended, Error, Ran, run_of
from hyperloom.gcs import codes, keys
from hyperloom.watch import errors, story
from hyperloom.watch.story import Event
from tests.unit.gcs.cast import PLAIN, Node, Process, declare
from tests.unit.gcs.plane import JOB, NS, Plane, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def plane(socket_path: Path) -> Iterator[Plane]:
    plane = Plane(socket_path)
    plane.call("event_open", b"{}")
    declare(plane)
    yield plane
    plane.wire.call("FLUSHALL")
    plane.close()


def told(plane: Plane) -> list[Event]:
    found = plane.wire.call("XRANGE", keys.EVENTS.name(NS), "-", "+")
    return [Event(int(entry.split(b"-")[0]) / 1000, *fields) for entry, fields in found]


def ran(plane: Plane, host: Node, task: bytes, attempt: int, ended: Ended, why: str = "") -> None:  # noqa: PLR0913, PLR0917
    began = plane.wire.call("TIME")
    begun = int(began[0]) + int(began[1]) / 1e6
    row = events.ROW.pack(task, PLAIN, attempt, ended, begun, 0.0, 9)
    errors = {0: Error("app", why)} if why else {}
    payload = events.encode(Ran(host.id, [run_of(17, row, errors)]))
    plane.call("event_add", codes.RAN, payload)


def words(plane: Plane, task: bytes) -> list[Any]:
    steps = story.steps(told(plane), task)
    assert steps == sorted(steps, key=lambda step: step["at"])
    assert all(step["at"] > 0 for step in steps)
    return [(step["what"], step.get("attempt"), step.get("node")) for step in steps]


def test_success(plane: Plane) -> None:
    driver, host = Process(plane, "driver"), Node(plane)
    one, other = driver.submit(2)
    ran(plane, host, one, 1, Ended.DONE)
    here = host.id.hex()
    assert words(plane, one) == [("submitted", None, None), ("began", 1, here), ("done", 1, here)]
    assert words(plane, other) == [("submitted", None, None)]
    steps = story.steps(told(plane), one)
    assert (steps[-1]["pid"], steps[-1]["bytes"]) == (17, 9)
    assert story.ended(steps) == "DONE"


def test_retry_then_failure_for_good(plane: Plane) -> None:
    driver, host = Process(plane, "driver"), Node(plane)
    (task,) = driver.submit()
    ran(plane, host, task, 1, Ended.RETRIED, "ValueError: one")
    assert story.ended(story.steps(told(plane), task)) == ""
    ran(plane, host, task, 2, Ended.FAILED, "ValueError: two")
    here = host.id.hex()
    assert words(plane, task)[1:] == [
        ("began", 1, here), ("came to nothing", 1, here), ("began", 2, here), ("failed", 2, here),
    ]  # fmt: skip
    steps = story.steps(told(plane), task)
    assert story.ended(steps) == "FAILED"
    assert story.last_error(steps) == "ValueError: two"


def test_loss_of_a_node_and_its_late_word(plane: Plane) -> None:
    driver, slow, quick = Process(plane, "driver"), Node(plane, "slow"), Node(plane, "quick")
    (task,) = driver.submit()
    (held,) = slow.claim()
    slow.lost()
    (again,) = quick.claim()
    quick.step("", again)
    ran(plane, quick, task, again.attempt, Ended.DONE)
    slow.step("", held)
    lost, late = [
        step for step in story.steps(told(plane), task) if step.get("node") == slow.id.hex()
    ]
    assert lost["what"] == "its node was lost; it is tried again"
    assert late["what"].startswith("its result came from a node that was given up")
    assert ("done", 2, quick.id.hex()) in words(plane, task)


def test_what_waited_at_a_node_was_taken_by_it_before(plane: Plane) -> None:
    driver, host = Process(plane, "driver"), Node(plane)
    one, other = driver.submit(2)
    now = plane.wire.call("TIME")
    since = int(now[0]) + int(now[1]) / 1e6
    rows = b"".join([events.TAKEN.pack(task, 1, since) for task in (one, other)])
    plane.call("event_add", codes.TAKEN, host.id + rows)
    ran(plane, host, one, 1, Ended.DONE)
    here = host.id.hex()
    assert words(plane, one) == [
        ("submitted", None, None), ("taken", 1, here), ("began", 1, here), ("done", 1, here),
    ]  # fmt: skip
    assert words(plane, other) == [("submitted", None, None), ("taken", 1, here)]
    assert story.steps(told(plane), other)[1]["at"] == since
    assert story.ended(story.steps(told(plane), other)) == ""


def test_loss_without_a_retry(plane: Plane) -> None:
    declare(plane, PLAIN[:-1] + b"0", retries=0)
    driver, host = Process(plane, "driver"), Node(plane)
    (task,) = driver.submit(kind=PLAIN[:-1] + b"0")
    host.claim()
    host.lost()
    steps = story.steps(told(plane), task)
    assert story.ended(steps) == "FAILED"
    assert story.last_error(steps) == f"its node {host.id.hex()[:8]} was lost"
    (group,) = errors.of(told(plane), lambda template: template.decode()).rows()
    assert group["name"] == PLAIN[:-1].decode() + "0"
    assert (group["kind"], group["count"]) == ("node lost", 1)
    assert [each["id"] for each in group["tasks"]] == [task.hex()]


def test_what_ran_for_a_while_is_known_though_its_node_was_lost(plane: Plane) -> None:
    """It cannot be told of when it ends: so it was told of before."""
    driver, slow, quick = Process(plane, "driver"), Node(plane, "slow"), Node(plane, "quick")
    (task,) = driver.submit()
    slow.claim()
    now = plane.wire.call("TIME")
    began = int(now[0]) + int(now[1]) / 1e6
    begun = events.BEGUN.pack(task, PLAIN, 1, 23, began)
    plane.call("event_add", codes.RAN, events.encode(Ran(slow.id, [], b"", begun)))
    slow.lost()
    there, here = slow.id.hex(), quick.id.hex()
    lost = {("began", 1, there), ("its node was lost; it is tried again", None, there)}
    steps = words(plane, task)
    assert (len(steps), lost - set(steps)) == (3, set())
    quick.claim()
    begun = events.BEGUN.pack(task, PLAIN, 2, 24, began + 1)
    plane.call("event_add", codes.RAN, events.encode(Ran(quick.id, [], b"", begun)))
    assert ("began", 2, here) in words(plane, task)
    ran(plane, quick, task, 2, Ended.DONE)
    assert [step for step in words(plane, task) if step[1] == 2] == [
        ("began", 2, here), ("done", 2, here),
    ], "and not twice"  # fmt: skip


def test_cancelled_before_anybody_had_it(plane: Plane) -> None:
    driver = Process(plane, "driver")
    one, other = driver.submit(2)
    plane.call("task_cancel", b"4cancelled", 0, one)
    assert words(plane, one) == [("submitted", None, None), ("cancelled", None, None)]
    assert words(plane, other) == [("submitted", None, None)]
    assert story.ended(story.steps(told(plane), one)) == "CANCELLED"


def test_a_child_says_who_submitted_it(plane: Plane) -> None:
    driver, worker = Process(plane, "driver"), Process(plane, "worker")
    (parent,) = driver.submit()
    (child,) = worker.submit(parent=parent)
    assert story.steps(told(plane), child)[0]["by"] == parent.hex()


def test_what_it_waited_for_is_told_with_time_and_place(plane: Plane) -> None:
    """Its last input was made on one node, and fetched by another."""
    driver = Process(plane, "driver")
    maker, early, taker = driver.submit(3)
    rows = {
        name: events.ROW.pack(task, PLAIN, 1, Ended.DONE, begun, 1.0, 9)
        for name, task, begun in (("e", early, 10.0), ("m", maker, 20.0), ("t", taker, 30.0))
    }
    fetch = events.FETCH.pack(taker, PLAIN, 1, 25.0, 0.5, 4096)
    here, there = b"one-node", b"two-node"
    told = [
        Event(0.0, codes.SUBMITTED, min(maker, early) + max(early, taker)),
        Event(21.0, codes.RAN, events.encode(Ran(there, [run_of(5, rows["e"] + rows["m"])]))),
        Event(31.0, codes.RAN, events.encode(
            Ran(here, [run_of(6, rows["t"], {}, {0: early + maker})], fetch)
        )),
    ]  # fmt: skip
    steps = story.steps(told, taker)
    assert [(step["what"], step["at"], step.get("node")) for step in steps] == [
        ("submitted", 0.0, None), ("its last input was made", 21.0, there.hex()),
        ("inputs were fetched", 25.5, here.hex()), ("began", 30.0, here.hex()),
        ("done", 31.0, here.hex()),
    ]  # fmt: skip
    assert (steps[1]["by"], steps[2]["bytes"]) == (maker.hex(), 4096)
    assert [step["what"] for step in story.steps(told, maker)] == ["submitted", "began", "done"]


def test_a_part_of_a_plan_tells_the_first_and_last_of_its_tasks_in_whatever_order(
    plane: Plane,
) -> None:
    driver = Process(plane, "driver")
    one, two, three = ids = driver.ids(3)
    said = [part for of in (two, three, one) for part in (of, record(PLAIN), 0, b"", b"")]
    driver.says("task_plan", driver.made, 1, b"", len(ids), *said)
    for each in ids:
        assert words(plane, each) == [("submitted", None, None)]
    (event,) = [each for each in told(plane) if each.kind == codes.SUBMITTED]
    assert events.submitted(event.payload)[:2] == (one, three)


def test_of_ranges_that_overlap_the_one_that_begins_last_is_right() -> None:
    """Two templates submitted in turns: each call tells the first and last of its own."""
    one, two, three, four = (JOB + b"driver" + bytes([0, 0, 0, 0, 0, n]) for n in range(4))
    said = [Event(1.0, codes.SUBMITTED, one + three), Event(2.0, codes.SUBMITTED, two + four)]
    at = [story.steps(said, each)[0]["at"] for each in (one, two, four)]
    assert at == [1.0, 2.0, 2.0]
