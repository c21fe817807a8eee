"""Some hundreds of seeds; others by hand: ``python -m tests.simulation 500 10000``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulation.world import play

if TYPE_CHECKING:
    from pathlib import Path

_SEEDS = 500
_BLOCK = 25  # seeds a test


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, _SEEDS, _BLOCK))
def test_nothing_accepted_is_lost_whatever_happens(first: int, socket_path: Path) -> None:
    for seed in range(first, first + _BLOCK):
        play(seed, socket_path)
