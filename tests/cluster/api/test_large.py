"""Very many tasks in one shape: long, wide, deep."""

from __future__ import annotations

from typing import Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core.current import REFS_MOST

pytestmark = [pytest.mark.usefixtures("cluster"), pytest.mark.slow, pytest.mark.timeout(120)]

MANY = 100_000
LONG = 10_000  # tests/chaos/test_long_chain.py has ten times as many: that takes a minute


@loom.task
def same(value: Any) -> Any:
    return value


def test_a_chain_of_ten_thousand_tasks() -> None:
    @loom.task
    def plus_one(x: int) -> int:
        return x + 1

    ref = plus_one.remote(0)
    for _ in range(LONG - 1):
        ref = plus_one.remote(ref)
    assert loom.get(ref) == LONG


def test_a_failure_runs_down_a_long_chain() -> None:
    @loom.task
    def plus_one(x: int) -> int:
        return x + 1

    @loom.task
    def fails() -> int:
        raise ValueError("the root")

    ref = plus_one.remote(fails.remote())
    for _ in range(LONG // 2):
        ref = plus_one.remote(ref)
    with pytest.raises(ValueError, match="the root") as info:
        loom.get(ref)
    assert isinstance(info.value, errors.TaskError)
    assert 10 < len(info.value.path) < 30
    assert any("more)" in name for name in info.value.path)


def test_a_fan_in_of_a_hundred_thousand() -> None:
    @loom.task
    def total(*numbers: int) -> int:
        return sum(numbers)

    refs = same.map(range(MANY), chunk=1)
    assert loom.get(total.remote(*refs)) == sum(range(MANY))


def test_a_call_with_a_million_arguments() -> None:
    @loom.task
    def how_many(*parts: int) -> int:
        return len(parts)

    assert loom.get(how_many.remote(*range(10 * MANY))) == 10 * MANY


@loom.task(max_retries=0)
def gathers(number: int) -> list[loom.ObjectRef[int]]:
    """A result with so many refs in it."""
    return same.map(range(number))


def test_more_refs_than_one_call_may_have_are_refused_at_the_call() -> None:
    refs = same.map(range(REFS_MOST + 1))
    why = r"a call of same has 250,001 refs among its arguments; at most 250,000 may be"
    with pytest.raises(errors.TooLarge, match=why):
        same.remote(refs)
    with pytest.raises(errors.TooLarge, match=why):
        loom.submit(same.bind(refs))
    why = "a value has 250,001 refs in it; at most 250,000 may be"
    with pytest.raises(errors.TooLarge, match=why):
        loom.put(refs)
    with pytest.raises(errors.TooLarge, match=why):
        loom.get(gathers.remote(REFS_MOST + 1))
    assert loom.get(refs[-1]) == REFS_MOST


def test_a_fan_out_of_one_object_to_ten_thousand_tasks() -> None:
    ref = loom.put(list(range(1000)))

    @loom.task
    def length(data: list[int], _number: int) -> int:
        return len(data)

    assert loom.get([length.remote(ref, i) for i in range(10_000)]) == [1000] * 10_000


def test_a_fan_out_of_one_slow_task_to_ten_thousand() -> None:
    ref = same.remote(7)
    for _ in range(3):
        ref = same.remote(ref)
    assert loom.get([same.remote(ref) for _ in range(10_000)]) == [7] * 10_000


def test_a_tree_of_tasks() -> None:
    @loom.task
    def leaves(depth: int) -> int:
        if depth == 0:
            return 1
        return sum(loom.get([leaves.remote(depth - 1), leaves.remote(depth - 1)]))

    assert loom.get(leaves.remote(7)) == 128
