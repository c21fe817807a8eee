"""What is told of attempts, made some at a time out of their results, is what each of them was."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from hyperloom import events, failures, specs
from hyperloom.core.attempts import Attempts, Silence, Tracebacks
from hyperloom.events import Ended
from hyperloom.gcs.codes import FAILURE, SHARED
from hyperloom.ids import TaskID, TemplateID, object_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

PID = 7
NODE = b"node-one"
TASKS = [TaskID(b"somejob1driver%02d" % n) for n in range(40)]
MAKERS = [object_id(TaskID(b"somejob1driver%02d" % n), 1) for n in range(50, 65)]
PLAIN, STORED, BAD, OF_INPUT = "plain", "stored", "bad", "of an input"
KEPT = st.tuples(st.sampled_from([PLAIN, PLAIN, STORED, BAD, OF_INPUT]), st.integers(0, 9))
ONE = st.tuples(
    st.sampled_from([b"template", b"template", b"another!"]),
    st.sampled_from([1, 1, 1, 2, 70_000]),  # the number of the attempt
    st.sampled_from([0, 0, 0, 1, 2, 11]),  # inputs
    st.sampled_from([0, 0, 0, 1]),  # other refs
    st.one_of(st.lists(KEPT, min_size=1, max_size=1), st.lists(KEPT, max_size=3)),
    st.floats(0, 1000, width=32), st.floats(0, 1000, width=32),
)  # fmt: skip


def kept_of(what: str, number: int, task: bytes) -> bytes:
    if what == PLAIN:
        return b"0\0" + b"." * number
    if what == STORED:
        return SHARED + NODE + b"%d" % (1000 + number)
    who = failures.Attempt(task if what == BAD else TASKS[39], "f", 1, NODE)
    return FAILURE + failures.crashed(who, exit_code=number)


def size_of(what: str, number: int, kept: bytes) -> int:
    return 1000 + number if what == STORED else len(kept)


def ended_of(outputs: Sequence[tuple[str, int]]) -> Ended:
    failed = [what for what, _ in outputs if what in {BAD, OF_INPUT}]
    return Ended.DONE if not failed else Ended.FAILED if failed[0] == BAD else Ended.PASSED_ON


@given(st.lists(ONE, min_size=1, max_size=12), st.integers(0, 3))
def test_a_run_says_of_each_attempt_what_it_was(ones: list[Any], before: int) -> None:
    attempts, done = Attempts(PID), list[Any]()
    for number, (template, attempt, inputs, others, outputs, began, seconds) in enumerate(ones):
        record = specs.record(TemplateID(template), MAKERS[:inputs], MAKERS[11 : 11 + others], b"")
        kept = [kept_of(*output, TASKS[number]) for output in outputs]
        attempts.takes(record)
        attempts.times += (began, seconds)
        heading = specs.heading_of(record)
        done += (TASKS[number], b"%d" % attempt, heading, len(kept), *kept)
        if number < before and number + 1 < len(ones):
            attempts.take(done)  # told already
            done = []
    told = min(before, len(ones) - 1)
    found = list(events.attempts(events.told(NODE, [attempts.take(done)])))
    assert len(found) == len(ones) - told
    for number, (one, ran) in enumerate(zip(ones[told:], found, strict=True), told):
        template, attempt, inputs, _, outputs, _, seconds = one
        assert (ran.task, ran.template, ran.node, ran.pid) == (TASKS[number], template, NODE, PID)
        assert ran.attempt == min(attempt, events.ATTEMPTS_SHOWN)
        assert ran.seconds == seconds
        assert ran.ended == ended_of(outputs)
        kept = [kept_of(*output, TASKS[number]) for output in outputs]
        sizes = [size_of(*output, value) for output, value in zip(outputs, kept, strict=True)]
        assert ran.output_bytes == sum(sizes)
        assert ran.inputs == [oid[:16] for oid in MAKERS[:inputs]][: events.INPUTS_MOST]
        assert (ran.error is None) == (ran.ended is Ended.DONE)
    begins = [ran.begun - found[0].begun for ran in found]
    wanted = [one[5] - ones[told][5] for one in ones[told:]]
    assert all(abs(a - b) < 1e-5 for a, b in zip(begins, wanted, strict=True))


def test_nothing_is_told_in_silence() -> None:
    silence = Silence(PID)
    silence.times += (1.0, 2.0)
    assert silence.take([TASKS[0], b"1", b"template", 0]) == b""
    assert not silence.times


def raised(kind: str, line: int, traceback: str = "") -> failures.Failure:
    printed = traceback or f'Traceback:\n  File "a.py", line {line}, in f\n{kind}: x'
    return failures.Failure("app", TASKS[0], "f", 1, NODE, PID, f"{kind}: x", printed)


def test_of_failures_at_one_place_one_traceback_is_told_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracebacks = Tracebacks()

    def told(kind: str, line: int, template: bytes = b"template") -> bool:
        failure = raised(kind, line)
        error = tracebacks.error(template, failure)
        assert (error.text, error.place) == (f"{kind}: x", f"a.py:{line} in f")
        assert error.traceback in {"", failure.traceback}
        return bool(error.traceback)

    each = [("A", 1), ("A", 1), ("B", 1), ("A", 2), ("A", 2)]
    assert [told(*one) for one in each] == [True, False, True, True, False]
    assert told("A", 1, b"another!")
    assert [told("A", n) for n in range(100, 200)].count(True) == 50 - 4, "and so many in all"
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert [told(*one) for one in each] == [True, False, True, True, False]


def test_what_has_no_traceback_tells_none_and_of_a_long_one_the_middle_is_left_out() -> None:
    who = failures.Attempt(TASKS[0], "f", 1, NODE)
    crashed = failures.decode(failures.crashed(who, exit_code=3))
    assert Tracebacks().error(b"template", crashed).traceback == ""
    long = "begin" + "x" * 30_000 + "end"
    told = Tracebacks().error(b"template", raised("A", 1, long)).traceback
    assert told.startswith("beginxxx")
    assert told.endswith("xxxend")
    assert "(14,008 characters)" in told
    assert len(told) < 16_100


def test_what_an_input_passed_on_tells_no_traceback() -> None:
    attempts = Attempts(PID)
    attempts.times += (1.0, 0.5, 2.0, 0.5)
    kept = FAILURE + failures.encode(raised("A", 1))
    template = b"template"
    run = attempts.take([TASKS[1], b"1", template, 1, kept, TASKS[0], b"1", template, 1, kept])
    passed_on, own = events.attempts(events.told(NODE, [run]))
    assert (passed_on.ended, own.ended) == (Ended.PASSED_ON, Ended.FAILED)
    assert passed_on.error is not None
    assert passed_on.error.traceback == ""
    assert own.error is not None
    assert own.error.traceback == raised("A", 1).traceback


def test_rows_by_themselves_are_a_run_too() -> None:
    row = Attempts(PID).without_outputs(TASKS[0] + b"3", b"template", 1.0, 1.5, Ended.REDIRECTED)
    run = events.run_of(PID, row)
    (ran,) = events.attempts(events.told(NODE, [events.encode(run)]))
    assert (ran.task, ran.template, ran.attempt, ran.seconds) == (TASKS[0], b"template", 3, 0.5)
    assert ran.ended is Ended.REDIRECTED
    assert list(events.attempts(events.told(NODE, [events.encode(events.run_of(PID, b""))]))) == []
