"""The task stream, as bars and as shares."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperloom.dashboard import stream
from hyperloom.dashboard.bars import DONE, FAILED, Bar, Bars

TASK = bytes(range(16))


def bar(began: float, seconds: float, lane: str = "a", name: str = "f", ended: int = DONE) -> Bar:
    return Bar(began, seconds, lane, name, TASK, ended)


def kept(*bars: Bar, most: int = 1000) -> Bars:
    return Bars(most, bars)


def test_what_lies_in_sight_is_shown_and_nothing_else() -> None:
    bars = kept(bar(9, 1, "b", "g"), bar(0, 1), bar(0, 3, "b"), bar(3, 2))
    seen = stream.view(bars, 2.5, 8, 100)
    assert seen["lanes"] == ["a", "b"]
    assert seen["names"] == ["f"]
    task = TASK.hex()
    assert seen["bars"] == [[1, 0, -2.5, 3, "done", task], [0, 0, 0.5, 2, "done", task]]


def test_many_become_shares_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BARS_MOST", 3)
    bars = [bar(0, 1), bar(1, 0.5), bar(1.5, 0.25, name="g"), bar(3, 1, "b", "g", FAILED)]
    seen = stream.view(kept(*bars), 0, 4, 4)
    assert seen["bins"] == [[[0, 1.0, 0, 0], [1, 0.75, 0, 0]], [[3, 1.0, 1, 1]]]
    assert seen["count"] == 4


def test_what_goes_on_has_a_lane_too() -> None:
    """It would look like a gap: no event tells of it before it ends."""
    running = [
        stream.Running("a", "g", 4.0, 6.0, "11"),  # behind what has ended there
        stream.Running("aa", "f", 1.0, 9.0, "22"),  # a worker of which nothing has ended
        stream.Running("z", "h", 20.0, 1.0, "33"),  # out of sight
    ]
    seen = stream.view(kept(bar(0, 1), bar(0, 3, "b")), 0, 10, 100, running)
    assert (seen["lanes"], seen["names"]) == (["a", "aa", "b"], ["f", "g"])
    assert seen["running"] == [[0, 1, 4.0, 6.0, "11"], [1, 0, 1.0, 9.0, "22"]]
    assert [row[:2] for row in seen["bars"]] == [[0, 0], [2, 0]]


def test_nothing_is_nothing() -> None:
    seen = stream.view(kept(), 0, 1, 10)
    assert (seen["count"], seen["lanes"], seen["bars"]) == (0, [], [])


def test_of_very_many_lanes_some_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LANES_MOST", 2)
    bars = kept(*[bar(n, 1, lane) for n, lane in enumerate("cabd")])
    seen = stream.view(bars, 0, 10, 10)
    assert (seen["lanes"], seen["hidden_lanes"], seen["count"]) == (["a", "b"], 2, 4)
    assert [each[0] for each in seen["bars"]] == [0, 1]


def test_only_the_latest_are_kept() -> None:
    bars = kept(*[bar(n, 1) for n in range(25)], most=20)
    bars.trim()
    assert (len(bars), bars.dropped) == (18, 7)
    assert stream.view(bars, 0, 100, 10)["bars"][0][2] == 7


@pytest.mark.parametrize("seconds", [1e-4, 50.0])
def test_an_answer_is_bounded_however_many_there_are(seconds: float) -> None:
    """Also of bars that lie over each other, as those of an actor's calls may."""
    number = 20_000
    bars = Bars(number)
    for n in range(number):
        bars.add(bar(n * 1e-3, seconds, f"lane {n % 50:2}", f"name {n % 7}"))
    tracemalloc.start()
    seen = stream.view(bars, 0, 100, 2000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(len(row) for row in seen["bins"]) <= 60_000
    assert most < 40e6


TIMES = st.floats(0, 100, allow_nan=False)


@given(st.lists(st.tuples(TIMES, st.floats(0.01, 10)), min_size=1, max_size=60), st.integers(1, 50))
def test_shares_add_up_to_the_time_that_was_worked(
    attempts: list[tuple[float, float]], width: int
) -> None:
    bars, free = [], 0.0
    for began, seconds in sorted(attempts):  # of one worker: one after the other
        bars.append(bar(max(began, free), seconds))
        free = bars[-1].began + seconds
    end = free + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "BARS_MOST", 0)
        bins = stream.view(kept(*bars), 0, end, width)["bins"][0]
    assert all(0 <= share <= 1 for _, share, _, _ in bins)
    worked = sum(share for _, share, _, _ in bins) * end / width
    assert worked == pytest.approx(sum(each.seconds for each in bars), abs=end / 500)
