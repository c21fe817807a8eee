"""A hundred thousand tasks in one plan, deep and wide: nothing recurses, nothing piles up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.gcs.wire import Wire
from tests.cluster.api.holdings import holdings
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

LARGE = 100_000
MOST_BYTES = 600  # of a waiting task in the server

pytestmark = pytest.mark.usefixtures("cluster")


@loom.task
def add(x: int, y: int) -> int:
    return x + y


@loom.task
def total(values: list[int]) -> int:
    return sum(values)


@loom.task
def after(gate: Gate, value: int) -> int:
    gate.pass_through(60)
    return value


def memory_bytes() -> int:
    text = Wire(current.session().address).call("INFO", "memory").decode()
    return int(text.partition("used_memory_dataset:")[2].split()[0])


@pytest.mark.slow
def test_a_hundred_thousand_tasks_take_one_result_and_one_takes_theirs() -> None:
    fan = add.bind_map(range(LARGE), y=add.bind(1, 2))
    handle = loom.submit(total.bind(fan))
    assert handle.gather() == [sum(range(3, LARGE + 3))]


@pytest.mark.slow
def test_a_chain_of_a_hundred_thousand_waits_in_little_room_and_is_cancelled(
    gate: Callable[[str], Gate],
) -> None:
    shut = gate("shut")
    last = after.bind(shut, 0)
    for _ in range(LARGE - 1):
        last = add.bind(last, 1)
    before = memory_bytes()
    handle = loom.submit(last)
    assert (memory_bytes() - before) / LARGE < MOST_BYTES
    assert handle.progress() == (0, 0, 1, LARGE, 0)
    handle.cancel()
    assert handle.wait(60)
    assert handle.progress().cancelled == 1
    handle.release()
    kept = {"task", "wait", "waiters", "refs"}
    wait_until(lambda: not kept & holdings().keys(), 20, what="the one that ran was stopped")
