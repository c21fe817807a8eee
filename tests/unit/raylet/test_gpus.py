"""Whole GPUs and parts of them are given by index, and never more than there is."""

from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
from hypothesis import given

from hyperloom.raylet.gpus import Gpus
from hyperloom.resources import UNIT


def test_none_are_needed_for_nothing() -> None:
    assert Gpus(0).take(0) == ()


def test_parts_fill_one_gpu_before_they_begin_another() -> None:
    gpus = Gpus(2)
    taken = [gpus.take(UNIT * 4 // 10) for _ in range(4)]
    assert taken == [(0,), (0,), (1,), (1,)]
    assert gpus.take(UNIT * 4 // 10) is None


def test_a_whole_one_is_whole() -> None:
    gpus = Gpus(2)
    gpus.take(1)
    assert not gpus.fits(2 * UNIT)
    assert gpus.take(2 * UNIT) is None
    assert gpus.take(UNIT) == (1,)


amounts = st.sampled_from([0, UNIT // 4, UNIT // 2, UNIT, 2 * UNIT])


@given(st.lists(st.tuples(amounts, st.booleans()), max_size=60))
def test_no_gpu_is_ever_given_twice(steps: list[tuple[int, bool]]) -> None:
    gpus, given_out = Gpus(3), []
    for units, back in steps:
        if back and given_out:
            gpus.give(*given_out.pop(0))
            continue
        fits = gpus.fits(units)
        indices = gpus.take(units)
        assert fits == (indices is not None)
        if indices is not None:
            assert len(indices) == -(-units // UNIT)
            given_out.append((indices, units))
        used: Counter[int] = Counter()
        for indices, share in given_out:
            used.update({index: min(share, UNIT) for index in indices})
        assert all(share <= UNIT for share in used.values())
    for indices, units in given_out:
        gpus.give(indices, units)
    assert gpus.take(3 * UNIT) == (0, 1, 2)
