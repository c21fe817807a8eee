"""The events of a job: bounded by their bytes, and there for a moment after the job's end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import events
from hyperloom.gcs import codes, keys
from hyperloom.gcs.library import build
from hyperloom.watch import counted
from tests.unit.gcs.cast import PLAIN, Node, Process, declare
from tests.unit.gcs.plane import NS, Plane, template

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = keys.EVENTS.name(NS)


def kinds(plane: Plane) -> list[bytes]:
    return [kind for kind, _ in plane.table(keys.EVENTS) or ()]


def counts(plane: Plane) -> counted.Counts:
    return some(counted.of(plane.table(keys.COUNTS) or {}))


def some(counts: counted.Counts) -> counted.Counts:
    """Those that are not 0."""
    return {kind: {what: n for what, n in of.items() if n} for kind, of in counts.items()}


def test_the_oldest_go_when_there_are_too_many_bytes(socket_path: Path) -> None:
    most = 10 * (codes.EVENT_BYTES + 100)
    plane = Plane(socket_path, build(EVENTS_MOST=most, EVENTS_TRIM=3))
    plane.call("event_open", b"{}")
    for n in range(50):
        plane.call("event_add", codes.RAN, b"%100d" % n)
        kept = [payload for _, payload in plane.table(keys.EVENTS)]
        noted = sum(len(payload) + codes.EVENT_BYTES for payload in kept)
        assert plane.table(keys.NOTED) == b"%d" % noted
        assert noted <= most
    assert [int(payload) for payload in kept] == list(range(50 - len(kept), 50))
    assert len(kept) >= 7
    plane.wire.call("FLUSHALL")
    plane.close()


def test_an_event_larger_than_all_of_them_is_kept_alone(socket_path: Path) -> None:
    plane = Plane(socket_path, build(EVENTS_MOST=500))
    plane.call("event_open", b"{}")
    for _ in range(3):
        plane.call("event_add", codes.RAN, b"x" * 1000)
    assert kinds(plane) == [codes.RAN]
    plane.wire.call("FLUSHALL")
    plane.close()


def test_nobody_opened_them_so_there_are_none(plane: Plane, driver: Process) -> None:
    driver.submit(2)
    plane.call("event_add", codes.RAN, b"payload")
    assert plane.table(keys.EVENTS) is None
    assert counts(plane) == {PLAIN: {"submitted": 2}}


def test_a_job_that_is_over_leaves_its_counts_for_a_moment(plane: Plane) -> None:
    plane.call("event_open", b'{"pid": 1}')
    declare(plane)
    driver, host = Process(plane, "driver"), Node(plane)
    driver.submit(3)
    one, two, _ = host.claim()
    host.step("", one)
    host.step("", two, value=b"4failure")
    plane.call("job_close", 600)
    plane.call("job_close", 600)
    assert kinds(plane) == [codes.OPENED, codes.DECLARED, codes.SUBMITTED, codes.ENDED]
    (_, payload) = plane.table(keys.EVENTS)[-1]
    assert some(counted.of_payload(payload)) == {PLAIN: {"submitted": 3, "done": 1, "failed": 1}}
    for key in (keys.EVENTS, keys.NOTED):
        assert 0 < plane.wire.call("TTL", key.name(NS)) <= codes.EVENTS_KEEP_S
    assert plane.call("event_open", b"{}") == 0


def test_what_is_submitted_together_is_one_event(plane: Plane) -> None:
    plane.call("event_open", b"{}")
    declare(plane)
    driver = Process(plane, "driver")
    parent = driver.submit(1)
    ids = driver.submit(5, parent=parent[0])
    payload = plane.table(keys.EVENTS)[-1][1]
    assert events.submitted(payload) == (ids[0], ids[-1], parent[0])


def test_a_template_is_declared_once(plane: Plane) -> None:
    plane.call("event_open", b"{}")
    for _ in range(2):
        declare(plane, template("other"))
    assert kinds(plane) == [codes.OPENED, codes.DECLARED]
    assert plane.table(keys.EVENTS)[-1][1] == template("other") + b"F" * 12 + b"body"


def test_results_that_come_too_late_are_told(plane: Plane) -> None:
    plane.call("event_open", b"{}")
    declare(plane)
    driver, slow = Process(plane, "driver"), Node(plane, "slow")
    (task,) = driver.submit()
    (one,) = slow.claim()
    slow.lost()
    slow.step("", one)
    told = [(kind, events.of_node(payload)) for kind, payload in plane.table(keys.EVENTS)[-2:]]
    assert told == [(codes.NODE_LOST, (slow.id, [task])), (codes.TOO_LATE, (slow.id, [task]))]
    assert counts(plane)[PLAIN]["retried"] == 1
