"""A chain of a hundred thousand tasks: nothing is recursive, and nothing grows with its length."""

from __future__ import annotations

import pytest

import hyperloom as loom

LONG = 100_000


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_chain_of_a_hundred_thousand_tasks() -> None:
    @loom.task
    def plus_one(x: int) -> int:
        return x + 1

    with loom.init("local", num_cpus=2):
        ref = plus_one.remote(0)
        for _ in range(LONG - 1):
            ref = plus_one.remote(ref)
        assert loom.get(ref) == LONG
