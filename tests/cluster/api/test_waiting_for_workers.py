"""`get`, `wait`, `cancel` while tasks are still at work: what only another process can show."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("cluster")


@loom.task
def same(value: Any = None) -> Any:
    return value


@pytest.fixture
def waits(gate: Callable[[str], Gate]) -> Any:
    """A task that waits until its gate is opened, and the gate."""
    go_on = gate("go_on")

    @loom.task
    def waits(value: Any = None) -> Any:
        go_on.pass_through()
        return value

    yield waits, go_on
    go_on.open()


def test_wait_returns_what_is_ready_and_times_out(waits: Any) -> None:
    task, go_on = waits
    slow, fast = task.remote("slow"), same.remote("fast")
    assert loom.wait([slow, fast]) == ([fast], [slow])
    assert loom.wait([slow, fast], num_returns=2, timeout=0.05) == ([fast], [slow])
    assert loom.wait([slow], timeout=0) == ([], [slow])
    go_on.open()
    assert loom.wait([slow, fast], num_returns=2) == ([slow, fast], [])


def test_get_with_zero_timeout_takes_what_is_there(waits: Any) -> None:
    task, go_on = waits
    slow, fast = task.remote(1), same.remote(2)
    loom.wait([fast])
    assert loom.get(fast, timeout=0) == 2
    with pytest.raises(errors.GetTimeout):
        loom.get(slow, timeout=0)
    with pytest.raises(TimeoutError):
        loom.get([fast, slow], timeout=0.05)
    go_on.open()
    assert loom.get(slow, timeout=20) == 1


def test_get_of_several_raises_the_first_failure_without_waiting(waits: Any) -> None:
    task, _ = waits

    @loom.task
    def fails() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        loom.get([task.remote(), fails.remote()], timeout=20)


def test_as_completed_gives_the_fast_one_first(waits: Any) -> None:
    task, go_on = waits
    slow, fast = task.remote("slow"), same.remote("fast")
    completed = loom.as_completed([slow, fast])
    assert next(completed) == fast
    go_on.open()
    assert next(completed) == slow
    assert list(completed) == []


def test_as_completed_times_out_and_says_what_is_missing(waits: Any) -> None:
    task, _ = waits
    slow = task.remote()
    with pytest.raises(errors.GetTimeout, match="of task"):
        list(loom.as_completed([slow], timeout=0.05))


def test_a_thread_may_wait_while_another_works(waits: Any) -> None:
    task, go_on = waits
    slow = task.remote("slow")
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(loom.get, slow)
        assert loom.get(same.map(range(500))) == list(range(500))
        assert not waiting.done()
        go_on.open()
        assert waiting.result(20) == "slow"


def test_an_await_does_not_block_the_loop(waits: Any) -> None:
    task, go_on = waits

    async def main() -> Any:
        slow = asyncio.ensure_future(_value(task.remote("slow")))
        assert await same.remote("fast") == "fast"
        assert not slow.done()
        go_on.open()
        return await asyncio.wait_for(slow, 20)

    assert asyncio.run(main()) == "slow"


def test_an_await_may_be_given_up(waits: Any) -> None:
    task, go_on = waits

    async def main(ref: Any) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_value(ref), 0.05)

    ref = task.remote("later")
    asyncio.run(main(ref))
    go_on.open()
    assert loom.get(ref) == "later"


async def _value(ref: Any) -> Any:
    return await ref


def test_shutdown_ends_a_waiting_thread(waits: Any) -> None:
    task, _ = waits
    ref = task.remote()
    seen: list[BaseException] = []
    began = threading.Event()

    def waiting() -> None:
        began.set()
        try:
            loom.get(ref)
        except BaseException as error:  # noqa: BLE001 - it is looked at below
            seen.append(error)

    thread = threading.Thread(target=waiting)
    thread.start()
    began.wait()
    loom.shutdown()
    thread.join(20)
    assert [type(error) for error in seen] == [errors.SessionClosed]
    loom.init("local", num_cpus=2)


def test_dependents_wait_for_what_is_slow(waits: Any) -> None:
    task, go_on = waits
    slow = task.remote(1)
    chain: Any = slow
    for _ in range(10):
        chain = same.remote(chain)
    assert loom.wait([chain], timeout=0.05) == ([], [chain])
    go_on.open()
    assert loom.get(chain) == 1


def test_64_megabytes_travel_without_a_copy_in_the_reader() -> None:
    array = np.arange(8 << 20, dtype=np.float64)

    @loom.task
    def total(given: Any) -> Any:
        assert not given.flags.writeable
        return float(given[-1]), given[::1024].copy()

    ref = loom.put(array)
    first, second = loom.get(ref), loom.get(ref)
    assert np.shares_memory(first, second)
    assert not first.flags.owndata
    assert np.array_equal(first, array)
    last, sample = loom.get(total.remote(ref))
    assert last == array[-1]
    assert np.array_equal(sample, array[::1024])
    assert loom.get(total.remote(array))[0] == array[-1]
