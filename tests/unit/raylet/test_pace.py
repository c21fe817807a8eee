"""How many tasks travel together, by how long they take."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from hyperloom.raylet.pace import AHEAD_S, BATCH_S, MOST, ONE_AHEAD_S, Pace

T = b"template"


def paced(*seconds: float) -> Pace:
    pace = Pace()
    for each in seconds:
        pace.took(T, 1, each)
    return pace


def test_nothing_is_assumed_of_the_unknown() -> None:
    pace = Pace()
    assert (pace.batch(T), pace.ahead(T)) == (1, 0)


@pytest.mark.parametrize(
    ("seconds", "batch", "ahead"),
    [
        (1e-9, MOST, 4 * MOST),
        (BATCH_S / 10, 10, 40),
        (BATCH_S, 1, 4),
        (AHEAD_S, 1, 4),
        (AHEAD_S * 1.01, 1, 1),
        (ONE_AHEAD_S, 1, 1),
        (ONE_AHEAD_S * 1.01, 1, 0),
        (60.0, 1, 0),
    ],
)
def test_short_tasks_travel_in_batches(seconds: float, batch: int, ahead: int) -> None:
    pace = paced(seconds)
    assert (pace.batch(T), pace.ahead(T)) == (batch, ahead)


def test_one_long_task_does_not_hide_among_short_ones() -> None:
    pace = paced(*[1e-5] * 50, 1.0)
    assert (pace.batch(T), pace.ahead(T)) == (1, 0)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_whatever_is_measured_a_batch_is_a_batch(seconds: list[float]) -> None:
    pace = paced(*seconds)
    assert 1 <= pace.batch(T) <= MOST
    assert 0 <= pace.ahead(T) <= 4 * MOST
