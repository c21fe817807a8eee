"""Actors whose processes are killed again and again, while they are called."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

import hyperloom as loom
from tests.chaos.counting import Counter

KILLS = 40
AT_ONCE = 200


def kills(actor: Any, seed: int) -> list[list[int]]:
    """Calls by the hundred, and a kill among each; their results."""
    choices, results = random.Random(seed), []
    for _ in range(KILLS):
        pid = loom.get(actor.pid.remote(), timeout=60)
        refs = [actor.add.remote(1) for _ in range(AT_ONCE)]
        loom.wait(refs, num_returns=choices.randrange(1, AT_ONCE), timeout=60)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        results.append(loom.get(refs, timeout=60))
    return results


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
def test_kept_after_each_call_its_state_has_each_call_once(seed: int) -> None:
    with loom.init("local", num_cpus=2):
        actor = Counter.options(checkpoint_every=1).remote()
        flat = [n for row in kills(actor, seed) for n in row]
    assert flat == list(range(1, KILLS * AT_ONCE + 1))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
def test_not_kept_it_begins_anew_and_loses_no_call(seed: int) -> None:
    with loom.init("local", num_cpus=2):
        rows = kills(Counter.remote(), seed)
    flat = [n for row in rows for n in row]
    assert all(b in {a + 1, 1} for a, b in pairwise(flat))
    assert len(flat) == KILLS * AT_ONCE
