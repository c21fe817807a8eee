"""What ran when its job ended or its node was lost: known until then, and counted once."""

from __future__ import annotations

from typing import Any

import pytest

from hyperloom import events, specs
from hyperloom.events import Ended, Ran, run_of
from hyperloom.gcs import codes
from hyperloom.ids import FunctionID
from hyperloom.watch import timeline
from hyperloom.watch.cut_off import JOB_ENDED, NODE_LOST, CutOff, cut_off
from hyperloom.watch.figures import BINS, figures
from hyperloom.watch.report import report
from hyperloom.watch.story import Event

HERE, THERE = b"node-one", b"node-two"
TASKS = [b"JOB1process" + bytes([0, 0, 0, 0, n]) for n in range(3)]
WORK, ACTOR = b"template", b"an-actor"


def declared(template: bytes, role: specs.Role = "") -> Event:
    body = specs.encode_template(specs.Template(FunctionID(bytes(12)), "f", 1, 0, 0, "", role=role))
    return Event(99.0, codes.DECLARED, template + body)


def begun(n: int, at: float, node: bytes = HERE, template: bytes = WORK, attempt: int = 1) -> Event:
    row = events.BEGUN.pack(TASKS[n], template, attempt, 7 + n, at)
    return Event(at + 1, codes.RAN, events.encode(Ran(node, [], b"", row)))


def ended(n: int, at: float, seconds: float, *, attempt: int = 1) -> Event:
    row = events.ROW.pack(TASKS[n], WORK, attempt, Ended.DONE, at, seconds, 8)
    return Event(at + seconds, codes.RAN, events.encode(Ran(HERE, [run_of(7 + n, row)])))


def found(*told: Event) -> list[CutOff]:
    ran = [a for e in told if e.kind == codes.RAN for a in events.attempts(e.payload)]
    return cut_off([declared(WORK), declared(ACTOR, "actor"), *told], ran)


def short(*told: Event) -> list[tuple[bytes, int, float, str]]:
    return [(each.task, each.attempt, each.seconds, each.why) for each in found(*told)]


OVER = Event(220.0, codes.ENDED, b"")
GONE = Event(150.0, codes.NODE_LOST, THERE + TASKS[1])


def test_until_the_job_ended_or_the_node_was_lost() -> None:
    told = [begun(0, 100), begun(1, 101, THERE), GONE, begun(1, 160, attempt=2), OVER]
    assert short(*told) == [
        (TASKS[0], 1, 120, JOB_ENDED), (TASKS[1], 1, 49, NODE_LOST), (TASKS[1], 2, 60, JOB_ENDED),
    ]  # fmt: skip
    assert found(*told)[1][-3:] == (THERE, 8, NODE_LOST)


def test_nothing_is_told_of_what_has_no_end_yet() -> None:
    assert short(begun(0, 100)) == []


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_an_end_counts_whenever_it_comes(*, late: bool) -> None:
    end = ended(0, 100, 119)
    assert short(begun(0, 100), *([OVER, end] if late else [end, OVER])) == []


def test_an_end_is_of_one_attempt() -> None:
    told = [begun(0, 100), begun(0, 120, attempt=2), ended(0, 100, 10), OVER]
    assert short(*told) == [(TASKS[0], 2, 100, JOB_ENDED)]


def test_what_is_said_twice_counts_once() -> None:
    assert len(short(begun(0, 100), begun(0, 100), OVER)) == 1


def test_a_node_that_hung_tells_of_it_after_it_was_given_up() -> None:
    late = begun(1, 101, THERE)._replace(at=170)
    again = begun(2, 180, THERE)  # it joined again
    assert short(GONE, late, again, OVER) == [
        (TASKS[1], 1, 49, NODE_LOST), (TASKS[2], 1, 40, JOB_ENDED),
    ]  # fmt: skip


def test_an_actor_does_not_work_for_as_long_as_it_lives() -> None:
    assert short(begun(0, 100, template=ACTOR), OVER) == []
    assert short(begun(0, 100, template=b"strange!"), OVER) == []


TOLD = [declared(WORK), ended(0, 100, 10), begun(1, 100, THERE), GONE, begun(2, 160), OVER]


def test_workers_were_busy_with_it() -> None:
    run = figures(TOLD, lambda _: "f")
    assert (run.began, run.length_s, run.attempts, sum(run.ended)) == (100, 120, 1, 1)
    busy = {where: sum(shares) * 120 / BINS for where, shares in run.busy.items()}
    assert busy == pytest.approx({(HERE.hex(), 7): 10, (THERE.hex(), 8): 50, (HERE.hex(), 9): 60})
    (group,) = run.groups
    assert (group.seconds, group.cut_off, group.total_s) == ([10], [50, 60], 120)


def test_a_page_marks_it() -> None:
    class Few:
        live = history = None  # it knows no plans

        def is_open(self, _: bytes) -> bool:
            return False

        def events(self, _: bytes) -> list[Event]:
            return TOLD

        def name(self, *_: bytes) -> str:
            return "f"

        def samples(self, *_: float) -> list[Any]:
            return []

    counts = {"submitted": 3, "done": 1, "failed": 0, "cancelled": 0, "retried": 1}
    about = {"program": "", "job": "", "opened": None, "state": "ended", **counts}
    page = report(Few(), b"JOB1", about, [{"name": "f", **counts}])  # type: ignore[arg-type]
    assert "<dt>time in functions</dt><dd>120.0 s</dd>" in page
    assert "Attempts that were cut off: 2." in page
    assert "<title>cut off after 50.0 s: its node was lost</title>" in page
    assert "<title>cut off after 60.0 s: the job ended</title>" in page
    assert "no times are known" not in page


def test_a_trace_has_it_until_then() -> None:
    shown = timeline.trace(TOLD, lambda _: "f")["traceEvents"]
    slices = {each["tid"]: each for each in shown if each["ph"] == "X"}
    assert {tid: (each["ts"], each["dur"]) for tid, each in slices.items()} == {
        7: (0, 10e6), 8: (0, 50e6), 9: (60e6, 60e6),
    }  # fmt: skip
    assert slices[8]["args"] == {**slices[8]["args"], "ended": "CUT_OFF", "attempt": 1}
    assert slices[8]["args"]["error"] == "cut off: its node was lost"
