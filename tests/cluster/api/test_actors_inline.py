"""Actors of an inline session: the same calls, one thing after the other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.util.queue import Empty, Full

pytestmark = pytest.mark.usefixtures("inline")


@loom.actor
class Counter:
    def __init__(self, total: int) -> None:
        if total < 0:
            raise ValueError("too little")
        self.total = total

    def add(self, n: int = 1) -> int:
        self.total += n
        return self.total

    def fail(self) -> None:
        raise LookupError("nothing there")

    def items(self, n: int) -> Any:
        yield from range(n)

    async def later(self) -> int:
        await asyncio.sleep(0)  # the task lets others go on
        return self.total

    async def stream(self, n: int) -> Any:
        for i in range(n):
            yield i

    @loom.method(num_returns=2, max_task_retries=2, retry_exceptions=True)
    def second_time(self) -> tuple[int, int]:
        self.total += 1
        if self.total % 2:
            raise OSError("not yet")
        return self.total, -self.total

    def leave(self) -> None:
        loom.exit_actor()


@loom.task
def add_through(counter: Any, n: int) -> int:
    return loom.get(counter.add.remote(n))  # type: ignore[no-any-return]


def test_calls() -> None:
    counter = Counter.remote(3)
    assert loom.get([counter.add.remote(), counter.add.remote(loom.put(5))]) == [4, 9]
    assert loom.get(counter.later.remote()) == 9
    assert [loom.get(ref) for ref in counter.items.remote(3)] == [0, 1, 2]
    assert [loom.get(ref) for ref in counter.stream.remote(2)] == [0, 1]
    assert loom.get(counter.second_time.remote()) == [10, -10]
    assert loom.get(counter.second_time.remote()) == [12, -12]
    assert loom.get(add_through.remote(counter, 100)) == 112
    with pytest.raises(LookupError):
        loom.get(counter.fail.remote())


def test_names_and_ends() -> None:
    counter = Counter.options(name="one").remote(1)
    assert loom.get_actor("one") == counter
    assert Counter.options(name="one", get_if_exists=True).remote(5) == counter
    with pytest.raises(errors.ActorNameTaken):
        Counter.options(name="one").remote(1)
    loom.kill(counter)
    assert loom.list_named_actors() == []
    with pytest.raises(errors.ActorDied, match="killed"):
        loom.get(counter.add.remote())
    with pytest.raises(errors.ActorDied, match="raised ValueError: too little"):
        loom.get(Counter.remote(-1).add.remote())
    counter = Counter.remote(1)
    for ref, ran in ((counter.leave.remote(), True), (counter.add.remote(), False)):
        with pytest.raises(errors.ActorDied, match="exit_actor") as caught:
            loom.get(ref)
        assert (caught.value.may_have_run, caught.value.incarnation) == (ran, 1)
        assert caught.value.method == f"Counter.{'leave' if ran else 'add'}"
    with pytest.raises(RuntimeError, match="methods of an actor"):
        loom.exit_actor()


def test_a_pool_and_a_queue() -> None:
    pool = loom.util.ActorPool([Counter.remote(0) for _ in range(2)])
    assert sorted(pool.map_unordered(lambda actor, n: actor.add.remote(n), [1, 2])) == [1, 2]
    line = loom.util.Queue[int](maxsize=1)
    line.put(5)
    with pytest.raises(Full):
        line.put(6)
    assert line.get() == 5
    with pytest.raises(Empty):  # nobody else could ever put something in
        line.get()


_NOTES: list[Any] = []


@loom.actor
class Polite:
    def on_exit(self) -> None:
        _NOTES.append(loom.get(loom.put("still here")))


@loom.actor
class Gentle:
    async def on_exit(self) -> None:
        _NOTES.append(loom.context().actor_id)


def test_they_say_farewell_when_the_program_ends() -> None:
    polite, gentle = Polite.remote(), Gentle.remote()
    loom.shutdown()
    assert [len(note) for note in _NOTES] == [len("still here"), 32]
    assert not loom.is_initialized()
    del polite, gentle
    loom.init(mode="inline")
