"""A hundred thousand tasks in a chain, and at one's feet: nothing recurses or grows with them."""

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


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_same_as_a_plan() -> None:
    @loom.task
    def plus_one(x: int) -> int:
        return x + 1

    with loom.init("local", num_cpus=2):
        last = plus_one.bind(0)
        for _ in range(LONG - 1):
            last = plus_one.bind(last)
        assert loom.submit(last).gather() == [LONG]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_one_result_is_taken_by_all_and_one_task_takes_theirs() -> None:
    @loom.task
    def add(*numbers: int) -> int:
        return sum(numbers)

    with loom.init("local", num_cpus=2):
        one = add.bind(1)
        assert loom.submit(add.bind(*(add.bind(one, i) for i in range(LONG)))).gather() == [
            LONG + sum(range(LONG))
        ]
