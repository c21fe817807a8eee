"""`Queue`: the standard library's, between processes."""

from __future__ import annotations

import asyncio
import queue
from typing import Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.util import Queue
from hyperloom.util.queue import Empty, Full
from tests.cluster.api.counters import Clerk
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


@loom.task
def take(line: Queue[int], number: int) -> list[int]:
    return [line.get() for _ in range(number)]


@loom.task
def bring(line: Queue[int], number: int) -> None:
    for n in range(number):
        line.put(n)


def test_first_in_first_out() -> None:
    line = Queue[int]()
    for n in range(3):
        line.put(n)
    assert (line.qsize(), line.size(), len(line), line.empty(), line.full()) == (
        3, 3, 3, False, False,
    )  # fmt: skip
    assert [line.get() for _ in range(3)] == [0, 1, 2]
    assert line.empty()
    assert line, "an empty one is one, too"


def test_full_and_empty_are_the_standard_librarys() -> None:
    assert (Empty, Full) == (queue.Empty, queue.Full)
    line = Queue[str](maxsize=1)
    for attempt in (
        line.get_nowait, lambda: line.get(block=False), lambda: line.get(timeout=0.01),
        lambda: asyncio.run(line.get_async(timeout=0.01)),
        lambda: asyncio.run(line.get_async(block=False)),
    ):  # fmt: skip
        with pytest.raises(queue.Empty, match="nothing was taken out"):
            attempt()
    line.put("a", timeout=0)
    assert line.full()
    for attempt in (
        lambda: line.put_nowait("b"), lambda: line.put("b", block=False),
        lambda: line.put("b", timeout=0.01),
        lambda: asyncio.run(line.put_async("b", timeout=0.01)),
        lambda: asyncio.run(line.put_async("b", block=False)),
    ):  # fmt: skip
        with pytest.raises(queue.Full, match="nothing was put in"):
            attempt()
    assert line.get(timeout=0) == "a"


def test_a_batch_goes_in_whole_or_not_at_all() -> None:
    line = Queue[int](maxsize=3)
    line.put_nowait_batch(range(2))
    with pytest.raises(Full, match="no room for 2 more"):
        line.put_nowait_batch([2, 3])
    with pytest.raises(Empty, match="did not have 3 in it"):
        line.get_nowait_batch(3)
    assert line.get_nowait_batch(2) == [0, 1]
    line.put_nowait_batch([])
    assert line.get_nowait_batch(0) == []


def test_who_waits_is_woken() -> None:
    line = Queue[int](maxsize=1)
    taken = [take.remote(line, 5), take.remote(line, 5)]
    brought = bring.remote(line, 10)
    first, second = loom.get(taken)
    assert first == sorted(first)
    assert sorted(first + second) == list(range(10))
    assert loom.get(brought) is None


def test_those_that_wait_keep_out_nobody() -> None:
    """However many wait to get: who puts, and who only asks, is answered."""
    line = Queue[int]()
    waits = [line.actor.get.remote(None) for _ in range(1500)]
    assert line.empty()
    line.put_nowait_batch(range(1500))
    assert [item for items in loom.get(waits) for item in items] == list(range(1500))


def test_actors_use_it() -> None:
    line = Queue[int]()
    clerk = Clerk.remote(line)
    asked = clerk.next_of.remote(line)
    line.put(1)
    assert loom.get(asked) == 1


def test_a_ref_in_it_stays_a_ref() -> None:
    line = Queue[Any]()
    line.put(loom.put(bytes(200_000)))
    assert len(loom.get(line.get())) == 200_000


def test_await_it() -> None:
    line = Queue[int](maxsize=2)

    async def both() -> list[int]:
        takes = [asyncio.create_task(line.get_async()) for _ in range(6)]
        for n in range(6):
            await line.put_async(n)
        return await asyncio.gather(*takes)

    assert sorted(asyncio.run(both())) == list(range(6))


def test_it_ends_with_its_last_copy() -> None:
    line = Queue[int](actor_options={"name": "line"})
    assert loom.list_named_actors() == ["line"]
    del line
    wait_until(lambda: loom.list_named_actors() == [])


@pytest.mark.parametrize("force", [False, True])
def test_shut_down_it_answers_nobody_any_more(force) -> None:
    line = Queue[int]()
    line.put(1)
    waits = [line.actor.get.remote(None) for _ in range(2)]
    assert loom.get(waits[0]) == [1]
    line.shutdown(force=force)
    for attempt in (lambda: loom.get(waits[1]), line.get, lambda: line.put(1), line.qsize):
        with pytest.raises(errors.ActorDied, match=r"QueueActor.*killed"):
            attempt()


def test_bad_input_is_refused_at_the_call() -> None:
    line = Queue[int](maxsize=-5)
    assert line.maxsize == 0, "as in the standard library, any number"
    for attempt in (
        lambda: line.get(timeout=-1), lambda: line.put(1, timeout=-1),
        lambda: line.get_nowait_batch(-1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="at least 0"):
            attempt()
    for attempt in (
        lambda: Queue(maxsize="3"), lambda: Queue(maxsize=True), lambda: line.get_nowait_batch(1.5),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="a whole number"):
            attempt()
    with pytest.raises(errors.InvalidOption, match="Did you mean 'name'"):
        Queue(actor_options={"names": "x"})
