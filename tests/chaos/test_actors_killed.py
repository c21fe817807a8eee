"""Actors whose processes are killed again and again, while they are called."""

from __future__ import annotations

import pytest

import hyperloom as loom
from tests.chaos.actors import AT_ONCE, goes_on_or_begins_anew, kills
from tests.chaos.counting import Counter

KILLS = 40


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
def test_kept_after_each_call_its_state_has_each_call_once(seed: int) -> None:
    with loom.init("local", num_cpus=2):
        counts = kills(Counter.options(checkpoint_every=1).remote(), seed, KILLS)
    assert counts == list(range(1, KILLS * AT_ONCE + 1))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
def test_not_kept_it_begins_anew_and_loses_no_call(seed: int) -> None:
    with loom.init("local", num_cpus=2):
        counts = kills(Counter.remote(), seed, KILLS)
    assert goes_on_or_begins_anew(counts)
    assert len(counts) == KILLS * AT_ONCE
