"""How long attempts waited, from what events say and nothing else."""

from __future__ import annotations

import pytest

from hyperloom import events
from hyperloom.events import Ended, Ran, run_of
from hyperloom.gcs import codes
from hyperloom.watch import waits
from hyperloom.watch.story import Event
from hyperloom.watch.waits import Waits

NODE, KIND = b"node-one", b"template"


def task(number: int, process: bytes = b"driver") -> bytes:
    return b"JOB1" + process + number.to_bytes(6, "big")


def submitted(at: float, first: int, last: int) -> Event:
    return Event(at, codes.SUBMITTED, task(first) + task(last))


def ran(  # noqa: PLR0913 - an attempt's columns
    number: int,
    begun: float,
    seconds: float = 1.0,
    *,
    attempt: int = 1,
    ended: Ended = Ended.DONE,
    inputs: tuple[int, ...] = (),
    fetching: float = 0.0,
) -> Event:
    row = events.ROW.pack(task(number), KIND, attempt, ended, begun, seconds, 0)
    makers = {0: b"".join(task(each) for each in inputs)} if inputs else {}
    fetch = events.FETCH.pack(task(number), KIND, attempt, begun - fetching, fetching, 10)
    told = Ran(NODE, [run_of(7, row, {}, makers)], fetch if fetching else b"")
    return Event(begun + seconds, codes.RAN, events.encode(told))


def times(waits: Waits, *told: Event) -> dict[tuple[int, int], tuple[float | None, float | None]]:
    return {
        (int.from_bytes(each.ran.task[10:], "big"), each.ran.attempt): (each.queued, each.fetching)
        for each in waits.take(told)
    }


def test_what_is_submitted_is_queued_until_it_begins() -> None:
    assert times(Waits(), submitted(100, 1, 2), ran(1, 100.5), ran(2, 103)) == {
        (1, 1): (0.5, None), (2, 1): (3, None),
    }  # fmt: skip


def test_time_before_the_last_input_is_no_queue_and_fetching_is_told_apart() -> None:
    told = submitted(100, 1, 3), ran(1, 101), ran(2, 101, 4), ran(3, 108, inputs=(1, 2), fetching=2)
    assert times(Waits(), *told)[3, 1] == (1, pytest.approx(2))


def test_what_took_a_value_may_be_told_of_before_what_made_it() -> None:
    told = submitted(100, 1, 2), ran(2, 106, inputs=(1,)), ran(1, 101, 4)
    assert times(Waits(), *told)[2, 1] == (1, None)


def test_so_it_is_when_events_are_taken_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_AT_ONCE", 1)
    told = submitted(100, 1, 2), ran(2, 106, inputs=(1,)), ran(1, 101, 4)
    assert times(Waits(), *told) == {(1, 1): (1, None), (2, 1): (1, None)}


def test_a_second_attempt_counts_from_the_end_of_the_first() -> None:
    waits = Waits()
    first = times(waits, submitted(100, 1, 1), ran(1, 101, ended=Ended.RETRIED))
    assert first == {(1, 1): (1, None)}
    assert times(waits, ran(1, 105, attempt=2)) == {(1, 2): (3, None)}


def test_an_attempt_after_a_node_was_lost_counts_from_then() -> None:
    lost = Event(110.0, codes.NODE_LOST, NODE + task(1))
    assert times(Waits(), submitted(100, 1, 1), lost, ran(1, 111, attempt=2)) == {(1, 2): (1, None)}


def test_nothing_is_made_up_for_what_is_not_known() -> None:
    told = (
        submitted(100, 2, 4),
        ran(1, 101),  # its submission was dropped
        ran(2, 102, attempt=3),  # the attempt before it was
        ran(3, 103, ended=Ended.REDIRECTED),
        ran(4, 109, inputs=(3,)),  # made by nobody knows whom
    )
    assert {key: queued for key, (queued, _) in times(Waits(), *told).items()} == {
        (1, 1): None, (2, 3): None, (3, 1): 3, (4, 1): None,
    }  # fmt: skip
    passed_on = ran(2, 0.0, ended=Ended.PASSED_ON)
    assert times(Waits(), submitted(1, 2, 2), passed_on) == {}, "it did not run"


def test_clocks_that_differ_give_no_time_below_zero() -> None:
    assert times(Waits(), submitted(100, 1, 1), ran(1, 99)) == {(1, 1): (0, None)}


def test_of_ranges_that_lie_in_others_the_narrower_is_right() -> None:
    told = submitted(100, 1, 9), submitted(105, 4, 5), ran(4, 106), ran(6, 106)
    assert {key: queued for key, (queued, _) in times(Waits(), *told).items()} == {
        (4, 1): 1, (6, 1): 6,
    }  # fmt: skip


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "_KEPT_MOST", 20)
    kept = Waits()
    for n in range(100):
        times(kept, submitted(n, n, n), ran(n, n + 0.5))
    sizes = len(kept._ends), len(kept._again), len(kept._fetches), len(kept._ranges[task(0)[:10]])
    assert max(sizes) <= 21
    assert times(kept, ran(99, 101, inputs=(98,))) == {(99, 1): (pytest.approx(1.5), None)}
