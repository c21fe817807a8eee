"""The task stream, as bars and as shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperloom.dashboard import stream
from hyperloom.dashboard.stream import Bar


def bar(began: float, seconds: float, lane: str = "a", name: str = "f", ended: str = "done") -> Bar:
    return Bar(began, seconds, lane, name, "00", ended)


def test_what_lies_in_sight_is_shown_and_nothing_else() -> None:
    bars = [bar(0, 1), bar(0, 3, "b"), bar(3, 2), bar(9, 1, "b", "g")]
    seen = stream.view(bars, 2.5, 8, 100)
    assert seen["lanes"] == ["a", "b"]
    assert seen["names"] == ["f"]
    assert seen["bars"] == [[1, 0, -2.5, 3, "done", "00"], [0, 0, 0.5, 2, "done", "00"]]


def test_many_become_shares_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BARS_MOST", 3)
    bars = [bar(0, 1), bar(1, 0.5), bar(1.5, 0.25, name="g"), bar(3, 1, "b", "g", "failed")]
    seen = stream.view(bars, 0, 4, 4)
    assert seen["bins"] == [[[0, 1.0, 0, 0], [1, 0.75, 0, 0]], [[3, 1.0, 1, 1]]]


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
    bins = stream._binned(bars, 0, end, width, ["a"], ["f"])[0]
    assert all(0 <= share <= 1 for _, share, _, _ in bins)
    worked = sum(share for _, share, _, _ in bins) * end / width
    assert worked == pytest.approx(sum(each.seconds for each in bars), abs=end / 500)
