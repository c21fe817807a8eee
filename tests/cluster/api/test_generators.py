"""Generators: exactly k results, and streams; wherever they run."""

from __future__ import annotations

import asyncio
import functools
import gc
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def count(n: int) -> Iterator[int]:
    yield from range(n)


@loom.task
def breaks_after(n: int) -> Iterator[int]:
    yield from range(n)
    raise ValueError(f"after {n}")


@loom.task
def same(value: Any) -> Any:
    return value


# -- num_returns=k ---------------------------------------------------------------------------


def test_a_generator_gives_exactly_as_many_results_as_said() -> None:
    assert loom.get(count.options(num_returns=3).remote(3)) == [0, 1, 2]
    assert loom.get(count.options(num_returns=1000).remote(1000)) == list(range(1000))


@pytest.mark.parametrize("made", [0, 2, 4, 50])
def test_another_number_of_results_fails_every_one(made: int) -> None:
    refs = count.options(num_returns=3).remote(made)
    for ref in refs:
        with pytest.raises(ValueError, match=r"count has num_returns=3"):
            loom.get(ref)


@pytest.mark.parametrize("result", [(1, 2), (1, 2, 3, 4), 5, None, "ab"], ids=repr)
def test_a_plain_function_must_give_as_many_too(result: Any) -> None:
    for ref in same.options(num_returns=3).remote(result):
        with pytest.raises(ValueError, match="num_returns=3"):
            loom.get(ref)


def test_results_before_an_error_stand() -> None:
    refs = breaks_after.options(num_returns=4).remote(2)
    assert loom.get(refs[:2]) == [0, 1]
    for ref in refs[2:]:
        with pytest.raises(ValueError, match="after 2"):
            loom.get(ref)


# -- streams ---------------------------------------------------------------------------------


def test_a_generator_function_streams() -> None:
    stream = count.remote(4)
    assert isinstance(stream, loom.ObjectRefGenerator)
    assert [loom.get(ref) for ref in stream] == [0, 1, 2, 3]
    assert stream.is_finished()
    with pytest.raises(StopIteration):
        next(stream)


def test_an_empty_stream_ends_at_once() -> None:
    assert list(count.remote(0)) == []


def test_a_plain_function_streams_what_it_returns_if_told_to() -> None:
    stream = same.options(num_returns="streaming").remote([5, 6])
    assert [loom.get(ref) for ref in stream] == [5, 6]


def test_streaming_something_that_cannot_be_iterated_over_fails() -> None:
    (end,) = same.options(num_returns="streaming").remote(5)
    with pytest.raises(TypeError, match="not iterable"):
        loom.get(end)


def test_an_error_in_a_stream_is_its_last_item() -> None:
    refs = list(breaks_after.remote(2))
    assert len(refs) == 3
    assert loom.get(refs[:2]) == [0, 1]
    with pytest.raises(ValueError, match="after 2"):
        loom.get(refs[2])


def test_items_may_be_large_and_hold_refs() -> None:
    @loom.task
    def makes() -> Iterator[Any]:
        yield b"x" * 200_000
        yield [loom.put("inside")]
        yield None

    first, second, third = makes.remote()
    assert len(loom.get(first)) == 200_000
    assert loom.get(loom.get(second)[0]) == "inside"
    assert loom.get(third) is None


def test_items_are_arguments_like_all_refs() -> None:
    assert loom.get([same.remote(ref) for ref in count.remote(3)]) == [0, 1, 2]


def test_the_end_of_a_stream_is_a_ref_to_the_number_of_items() -> None:
    stream = count.remote(3)
    assert loom.get(stream.completed(), timeout=30) == 3
    assert [loom.get(ref) for ref in stream] == [0, 1, 2]
    failing = breaks_after.remote(1)
    with pytest.raises(ValueError, match="after 1"):
        loom.get(failing.completed(), timeout=30)


def test_the_end_of_a_stream_may_be_waited_for_and_passed_on() -> None:
    stream = count.remote(5)
    assert loom.get(same.remote(stream.completed())) == 5
    ready, _ = loom.wait([stream.completed()], timeout=30)
    assert len(ready) == 1


def test_the_next_item_without_waiting() -> None:
    stream = count.remote(1)
    loom.wait([stream.completed()], timeout=30)
    ref = stream.next_ready()
    assert ref is not None
    assert loom.get(ref) == 0
    assert stream.next_ready() is None


def test_a_stream_can_be_read_in_async_code() -> None:
    async def read() -> list[int]:
        return [await ref async for ref in count.remote(5)]

    assert asyncio.run(read()) == [0, 1, 2, 3, 4]


def test_a_stream_stays_where_it_is() -> None:
    stream = count.remote(1)
    with pytest.raises(TypeError, match="pass on the refs it gives"):
        same.remote(stream)
    with pytest.raises(TypeError, match="iterate over it"):
        loom.get(stream)  # type: ignore[call-overload]


def test_a_stream_retries_from_its_beginning_and_gives_each_item_once(
    gate: Callable[[str], Gate],
) -> None:
    tries = gate("tries")

    @loom.task(retry_exceptions=True, max_retries=2)
    def flaky() -> Iterator[int]:
        tries.note("try")
        for number in range(4):
            if number == 2 and len(tries.notes()) < 3:
                raise OSError("not yet")
            yield number

    assert [loom.get(ref) for ref in flaky.remote()] == [0, 1, 2, 3]
    assert len(tries.notes()) == 3


class Stubborn(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __reduce__(self) -> Any:
        raise RuntimeError("no pickle")


def test_an_exception_that_breaks_whatever_touches_it_still_ends_the_stream() -> None:
    @loom.task
    def breaks() -> Iterator[int]:
        yield 1
        raise Stubborn

    first, last = breaks.remote()
    assert loom.get(first) == 1
    with pytest.raises(errors.TaskError, match="Stubborn"):
        loom.get(last)


def test_an_item_that_cannot_travel_ends_the_stream_and_is_named() -> None:
    import threading  # noqa: PLC0415

    @loom.task
    def makes() -> Iterator[Any]:
        yield 1
        yield {"lock": threading.Lock()}

    first, last = makes.remote()
    assert loom.get(first) == 1
    with pytest.raises(errors.NotSerializable, match=r"item 2 of .*makes") as info:
        loom.get(last)
    assert "['lock']" in str(info.value)


@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_back_pressure_changes_nothing_for_who_reads_all(ahead: int) -> None:
    stream = count.options(stream_ahead=ahead).remote(20)
    assert [loom.get(ref) for ref in stream] == list(range(20))


def test_a_dropped_stream_stops_its_task(gate: Callable[[str], Gate]) -> None:
    ended = gate("ended")

    @loom.task(stream_ahead=2)
    def endless() -> Iterator[int]:
        number = 0
        try:
            while True:
                number += 1
                yield number
        finally:
            ended.open()

    stream = endless.remote()
    assert loom.get(next(stream)) == 1
    del stream
    gc.collect()
    loom.get(same.remote(1))  # says what was dropped
    ended.pass_through()


def test_refs_outlive_their_stream() -> None:
    stream = count.remote(3)
    ref = next(stream)
    del stream
    assert loom.get(ref) == 0


@pytest.mark.parametrize("named_by", ["itself", "its end"])
def test_a_cancelled_stream_ends_with_its_cancellation(named_by: str) -> None:
    @loom.task(stream_ahead=1)
    def endless() -> Iterator[int]:
        while True:
            yield 1

    stream = endless.remote()
    next(stream)
    loom.cancel(stream if named_by == "itself" else stream.completed())
    with pytest.raises(errors.TaskCancelled, match=r"endless was cancelled.*\n  in .*endless"):
        loom.get(stream.completed(), timeout=30)


def test_what_waits_for_refs_says_how_to_wait_for_a_stream() -> None:
    stream = count.remote(1)
    for use in (
        lambda: loom.wait([stream]),  # type: ignore[list-item]
        lambda: loom.wait(stream),  # type: ignore[arg-type]
        lambda: loom.get(stream),  # type: ignore[call-overload]
        lambda: loom.get([stream]),  # type: ignore[list-item]
    ):
        with pytest.raises(TypeError, match=r"next_ready\(timeout\).*completed\(\)"):
            use()
    item = stream.next_ready(timeout=20)
    assert item is not None
    end = stream.completed()
    assert loom.wait([item, end], num_returns=2, timeout=20) == ([item, end], [])


def test_a_partial_of_a_generator_streams_if_told_to() -> None:
    three = loom.task(num_returns="streaming")(functools.partial(count.function, 3))
    assert [loom.get(ref) for ref in three.remote()] == [0, 1, 2]
