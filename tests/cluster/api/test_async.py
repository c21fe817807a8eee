"""Refs in async code, and as futures."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any

import pytest

import hyperloom as loom
from hyperloom import errors

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def same(value: Any) -> Any:
    return value


@loom.task
def fails() -> None:
    raise KeyError("missing")


def test_a_ref_can_be_awaited_more_than_once() -> None:
    async def main() -> Any:
        ref = same.remote(1)
        return await ref, await ref, await loom.put(2)

    assert asyncio.run(main()) == (1, 1, 2)


def test_refs_can_be_gathered() -> None:
    async def main() -> list[int]:
        return await asyncio.gather(*same.map(range(100)))

    assert asyncio.run(main()) == list(range(100))


def test_an_awaited_failure_raises_as_its_own_class() -> None:
    async def main() -> None:
        await fails.remote()

    with pytest.raises(KeyError, match="missing") as info:
        asyncio.run(main())
    assert isinstance(info.value, errors.TaskError)


def test_gather_gives_failures_as_values_if_told_to() -> None:
    async def main() -> list[Any]:
        return await asyncio.gather(fails.remote(), same.remote(1), return_exceptions=True)

    first, second = asyncio.run(main())
    assert isinstance(first, KeyError)
    assert second == 1


def test_refs_of_a_coroutine_s_tasks_work_with_asyncio_wait() -> None:
    async def value(ref: Any) -> Any:
        return await ref

    async def main() -> set[int]:
        tasks = [asyncio.create_task(value(same.remote(i))) for i in range(5)]
        done, pending = await asyncio.wait(tasks)
        assert not pending
        return {task.result() for task in done}

    assert asyncio.run(main()) == set(range(5))


def test_a_future_has_the_value_and_calls_back() -> None:
    future = same.remote(5).future()
    assert isinstance(future, concurrent.futures.Future)
    called = threading.Event()
    future.add_done_callback(lambda _: called.set())
    assert future.result(30) == 5
    assert called.wait(30)


def test_a_callback_may_use_the_api() -> None:
    done: concurrent.futures.Future[int] = concurrent.futures.Future()

    def then(future: Any) -> None:
        try:
            done.set_result(loom.get(same.remote(future.result() + 1)))
        except BaseException as error:  # noqa: BLE001 - the test's thread shall see it
            done.set_exception(error)

    same.remote(1).future().add_done_callback(then)
    assert done.result(30) == 2


def test_a_future_has_the_failure() -> None:
    future = fails.remote().future()
    assert isinstance(future.exception(30), KeyError)
    with pytest.raises(KeyError):
        future.result()


def test_futures_work_with_concurrent_futures() -> None:
    futures = [ref.future() for ref in same.map(range(20))]
    assert {f.result() for f in concurrent.futures.as_completed(futures, 30)} == set(range(20))


def test_a_future_keeps_its_object_alive() -> None:
    assert [same.remote(i).future() for i in range(3)][1].result(30) == 1


def test_async_code_inside_a_task() -> None:
    @loom.task
    def runs() -> Any:
        async def inner() -> Any:
            return await asyncio.gather(same.remote(1), same.remote(2))

        return asyncio.run(inner())

    assert loom.get(runs.remote()) == [1, 2]
