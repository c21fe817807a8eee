"""A task that waits gives its CPU back, in whichever way it waits: nested tasks cannot lock up."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("cluster")


def _get(ref: Any) -> Any:
    return loom.get(ref)


def _wait(ref: Any) -> Any:
    loom.wait([ref])
    return loom.get(ref)


def _result(ref: Any) -> Any:
    return ref.future().result()


def _exception(ref: Any) -> Any:
    future = ref.future()
    assert future.exception() is None
    return future.result()


def _futures_wait(ref: Any) -> Any:
    done, _ = concurrent.futures.wait([ref.future()])
    return done.pop().result()


def _futures_as_completed(ref: Any) -> Any:
    return next(concurrent.futures.as_completed([ref.future()])).result()


def _callback(ref: Any) -> Any:
    future, called = ref.future(), threading.Event()
    future.add_done_callback(lambda _: called.set())
    called.wait()
    return future.result()


def _thread(ref: Any) -> Any:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return pool.submit(loom.get, ref).result()


def _await(ref: Any) -> Any:
    async def main() -> Any:
        return await ref

    return asyncio.run(main())


def _gather(ref: Any) -> Any:
    async def main() -> Any:
        return (await asyncio.gather(ref, ref))[1]

    return asyncio.run(main())


WAYS = [
    _get, _wait, _result, _exception, _futures_wait, _futures_as_completed, _callback, _thread,
    _await, _gather,
]  # fmt: skip


@pytest.mark.parametrize("waits", WAYS, ids=lambda waits: waits.__name__.strip("_"))
def test_whichever_way_a_task_waits_its_cpus_are_free(waits: Callable[[Any], Any]) -> None:
    @loom.task(num_cpus=2)
    def outer(value: int) -> Any:
        return waits(inner.remote(value))

    @loom.task(num_cpus=2)
    def inner(value: int) -> int:
        return value + 1

    assert loom.get(outer.map(range(3)), timeout=30) == [1, 2, 3]


def test_a_task_that_reads_a_stream_in_async_code_gives_its_cpus_back() -> None:
    @loom.task(num_cpus=2)
    def outer() -> list[Any]:
        async def main() -> list[Any]:
            return [await ref async for ref in counts.remote()]

        return asyncio.run(main())

    @loom.task(num_cpus=2)
    def counts() -> Any:
        yield from range(3)

    assert loom.get([outer.remote() for _ in range(3)], timeout=30) == [[0, 1, 2]] * 3


def test_a_task_waits_as_long_as_one_of_its_threads_does(gate: Callable[[str], Gate]) -> None:
    # 1. two threads of a task wait  2. one of them has what it waits for  3. what the other
    # waits for needs the CPUs of the task.
    go_on = gate("go_on")

    @loom.task(num_cpus=2)
    def outer() -> Any:
        last = inner.remote(passes.remote())
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = pool.submit(loom.get, last)
            loom.get(at_once.remote())
            go_on.open()
            return waiting.result()

    @loom.task(num_cpus=0)
    def at_once() -> None: ...

    @loom.task(num_cpus=0)
    def passes() -> None:
        go_on.pass_through()

    @loom.task(num_cpus=2)
    def inner(_: Any) -> int:
        return 1

    assert loom.get(outer.remote(), timeout=30) == 1


def test_a_task_that_has_its_value_has_its_cpus_again(gate: Callable[[str], Gate]) -> None:
    goes_on, go_on = gate("goes_on"), gate("go_on")

    @loom.task(num_cpus=2)
    def outer() -> None:
        assert inner.remote().future().result() == 1
        goes_on.open()
        go_on.pass_through()

    @loom.task(num_cpus=0)
    def inner() -> int:
        return 1

    @loom.task(num_cpus=2)
    def needs_them() -> None:
        assert go_on.is_open

    first = outer.remote()
    goes_on.pass_through()
    last = needs_them.remote()
    assert loom.wait([first, last], timeout=0.1) == ([], [first, last])
    go_on.open()
    loom.get([first, last], timeout=30)
