"""What only a stream of another process can show: it is ahead of its reader, or is held back."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import errors
from tests.cluster.api.holdings import holdings
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("cluster")


def test_items_arrive_before_the_task_ends(gate: Callable[[str], Gate]) -> None:
    go_on = gate("go_on")

    @loom.task
    def slow() -> Iterator[int]:
        yield 1
        go_on.pass_through()
        yield 2

    stream = slow.remote()
    assert loom.get(next(stream)) == 1
    with pytest.raises(TimeoutError, match="item 2 of stream"):
        stream.next_ready(timeout=0)
    assert loom.wait([stream.completed()], timeout=0) == ([], [stream.completed()])
    go_on.open()
    assert loom.get(next(stream)) == 2
    assert list(stream) == []


def test_a_stream_is_never_further_ahead_than_it_may_be(gate: Callable[[str], Gate]) -> None:
    made = gate("made")

    @loom.task(stream_ahead=2)
    def counts() -> Iterator[int]:
        for number in range(6):
            made.note(str(number))
            yield number

    stream = counts.remote()
    for read in range(6):
        # Two items unread, and the third has been begun: it waits inside its yield.
        expected = min(read + 3, 6)
        wait_until(lambda expected=expected: len(made.notes()) >= expected)
        assert len(made.notes()) == expected
        assert loom.get(next(stream)) == read
    assert list(stream) == []


def test_dropping_a_stream_lets_its_held_back_task_go(gate: Callable[[str], Gate]) -> None:
    ended = gate("ended")

    @loom.task(stream_ahead=1)
    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            ended.open()

    stream = endless.remote()
    next(stream)
    del stream
    wait_until(lambda: ended.is_open, 20, what="the task has ended")
    wait_until(lambda: not holdings(), 20, what="nothing is held")


def test_a_read_and_dropped_item_makes_room_at_once() -> None:
    @loom.task(stream_ahead=1)
    def arrays() -> Iterator[Any]:
        for number in range(20):
            yield np.full(1 << 17, number)

    total = 0
    for ref in arrays.remote():
        total += int(loom.get(ref)[0])
        del ref
        assert len(holdings().get("object", ())) // 2 <= 4
    assert total == sum(range(20))


def test_a_worker_that_dies_in_a_stream_ends_it_with_its_death() -> None:
    @loom.task(max_retries=0)
    def dies() -> Iterator[int]:
        yield 1
        yield 2
        os.kill(os.getpid(), signal.SIGKILL)

    refs = list(dies.remote())
    assert loom.get(refs[:2]) == [1, 2]
    with pytest.raises(errors.WorkerCrashed, match="SIGKILL"):
        loom.get(refs[2])


def test_a_stream_whose_worker_dies_is_made_again(gate: Callable[[str], Gate]) -> None:
    tries = gate("tries")

    @loom.task(max_retries=1)
    def dies_once() -> Iterator[int]:
        tries.note("try")
        yield 1
        yield 2
        if len(tries.notes()) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        yield 3

    assert [loom.get(ref) for ref in dies_once.remote()] == [1, 2, 3]


def test_a_held_back_task_dies_of_its_signal_all_the_same(gate: Callable[[str], Gate]) -> None:
    pid = gate("pid")

    @loom.task(stream_ahead=1, max_retries=0)
    def waits() -> Iterator[int]:
        pid.note(str(os.getpid()))
        while True:
            yield 1

    stream = waits.remote()
    wait_until(pid.notes)
    os.kill(int(pid.notes()[0]), signal.SIGKILL)
    with pytest.raises(errors.WorkerCrashed):
        loom.get(stream.completed(), timeout=30)
