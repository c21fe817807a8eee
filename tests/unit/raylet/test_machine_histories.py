"""The node machine over random histories: it must lose nothing, and nothing twice.

`Player` says what processes do and when the raylet hears of it; `World` keeps the books.  At the
end of each history the world plays on without any more surprises, and all must come to an end.
"""

from __future__ import annotations

import random

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.unit.raylet.player import play


@given(history=st.randoms(use_true_random=False), steps=st.integers(1, 80))
@settings(max_examples=40, report_multiple_bugs=False)
def test_a_history_that_is_made_small_when_it_fails(history, steps: int) -> None:
    play(history, steps)


@pytest.mark.slow
@pytest.mark.parametrize("hundreds", range(12))
def test_many_long_histories(hundreds: int) -> None:
    """To see one: ``play(random.Random(seed), 150, print)``."""
    for seed in range(100 * hundreds, 100 * hundreds + 100):
        try:
            play(random.Random(seed), 150)
        except Exception as error:
            raise AssertionError(f"the history with seed {seed} fails: {error!r}") from error
