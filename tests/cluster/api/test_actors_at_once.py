"""Actors that run several calls at the same time: threads, coroutines, groups; and cancelling."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

import hyperloom as loom
from hyperloom import errors
from tests.cluster.api.counters import slow
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


@loom.actor
class Meeting:
    """Its calls wait for each other."""

    def __init__(self) -> None:
        self.there = 0
        self.most = 0
        self.condition = threading.Condition()

    def meet(self, number: int) -> int:
        with self.condition:
            self.there += 1
            self.most = max(self.most, self.there)
            self.condition.notify_all()
            assert self.condition.wait_for(lambda: self.most >= number, 20)
            self.there -= 1
        return self.most

    def through(self, other: Any, number: int) -> int:
        return loom.get(other.meet.remote(number))  # type: ignore[no-any-return]

    def look(self, gate: Any) -> str:
        gate.note("runs")
        while not loom.context().is_cancelled():
            time.sleep(0.001)  # the task has nothing else to wait on
        return "saw it"

    def through_task(self, gate: Any, notes: Any) -> Any:
        return loom.get(hold.remote(gate, notes))

    def leave(self) -> None:
        loom.exit_actor()


@loom.actor
class Async:
    """Its methods are coroutines."""

    def __init__(self) -> None:
        self.order: list[int] = []
        self.event = asyncio.Event()

    async def add(self, a: int, b: int) -> int:
        self.order.append(a)
        await asyncio.sleep(0)  # the task lets others go on
        return a + b

    async def wait(self) -> str:
        await self.event.wait()
        return "open"

    async def open(self) -> None:
        self.event.set()

    async def of(self, refs: list[Any]) -> int:
        return sum(await asyncio.gather(*refs))

    async def fail(self) -> None:
        raise LookupError("nothing there")

    async def never(self, gate: Any) -> None:
        gate.note("runs")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            gate.note("cancelled")
            raise

    async def through_task(self, gate: Any, notes: Any) -> Any:
        return await hold.remote(gate, notes)

    async def items(self, n: int) -> Any:
        for i in range(n):
            await asyncio.sleep(0)  # the task lets others go on
            yield i

    def plain(self) -> list[int]:
        return self.order

    async def leave(self) -> None:
        loom.exit_actor()


@loom.task
def double(n: int) -> int:
    return 2 * n


@loom.task
def hold(gate: Any, notes: Any) -> None:
    notes.note("runs")
    try:
        gate.pass_through(60)
    except BaseException:
        notes.note("cancelled")
        raise


# -- threads ----------------------------------------------------------------------------------


def test_so_many_calls_run_at_the_same_time_and_no_more() -> None:
    meeting = Meeting.options(max_concurrency=3).remote()
    assert loom.get([meeting.meet.remote(3) for _ in range(9)]) == [3] * 9


def test_an_actor_may_call_itself_through_another() -> None:
    meeting, other = Meeting.options(max_concurrency=2).remote(), Meeting.remote()
    loom.get([other.through.remote(meeting, 2), meeting.meet.remote(2)])


def test_groups_do_not_wait_for_each_other(gate) -> None:
    door = gate()

    @loom.actor(concurrency_groups={"io": 2})
    class Grouped:
        def compute(self, gate: Any) -> str:
            gate.pass_through()
            return "computed"

        @loom.method(concurrency_group="io")
        def read(self) -> str:
            return threading.current_thread().name

    grouped = Grouped.remote()
    slow = [grouped.compute.remote(door) for _ in range(2)]
    assert all(name.startswith("loom-io") for name in loom.get([grouped.read.remote()] * 1))
    by_call = grouped.compute.options(concurrency_group="io").remote(door)
    door.open()
    assert loom.get([*slow, by_call]) == ["computed"] * 3
    with pytest.raises(errors.InvalidOption, match="concurrency_groups are: 'io'"):
        grouped.read.options(concurrency_group="disk").remote()


# -- coroutines -------------------------------------------------------------------------------


def test_coroutines_run_at_the_same_time_and_begin_in_order() -> None:
    actor = Async.remote()
    waits = [actor.wait.remote() for _ in range(50)]
    sums = [actor.add.remote(n, 1) for n in range(500)]
    assert loom.get(sums) == list(range(1, 501))
    assert loom.get(actor.plain.remote()) == list(range(500))
    actor.open.remote()
    assert loom.get(waits) == ["open"] * 50


def test_a_coroutine_awaits_refs() -> None:
    actor = Async.remote()
    assert loom.get(actor.of.remote([double.remote(n) for n in range(5)])) == 20


def test_a_coroutine_that_raises_is_its_calls_result() -> None:
    actor = Async.remote()
    with pytest.raises(LookupError, match="nothing there"):
        loom.get(actor.fail.remote())
    assert [loom.get(ref) for ref in actor.items.remote(3)] == [0, 1, 2]


def test_a_limit_holds_for_coroutines_too() -> None:
    actor = Async.options(max_concurrency=1).remote()
    waits = actor.wait.remote()
    assert loom.wait([actor.open.remote()], timeout=0.1)[0] == [], "it has to wait its turn"
    loom.kill(actor)
    with pytest.raises(errors.ActorDied):
        loom.get(waits)


@pytest.mark.parametrize("cls", [Async, Meeting.options(max_concurrency=2)])
def test_exit_actor_ends_it(cls) -> None:
    actor = cls.remote()
    with pytest.raises(errors.ActorDied, match="exit_actor"):
        loom.get(actor.leave.remote())
    with pytest.raises(errors.ActorDied):
        loom.get(actor.leave.remote())


# -- cancelling -------------------------------------------------------------------------------


def test_a_cancelled_coroutine_is_told_so(gate) -> None:
    actor, door = Async.remote(), gate()
    never = actor.never.remote(door)
    wait_for(door, "runs")
    loom.cancel(never)
    with pytest.raises(errors.TaskCancelled):
        loom.get(never)
    wait_for(door, "cancelled")
    assert loom.get(actor.add.remote(1, 2)) == 3, "and its actor goes on"


@pytest.mark.parametrize(
    "actor", [Meeting.options(max_concurrency=2), Async], ids=["threads", "loop"]
)
@pytest.mark.parametrize("recursive", [True, False])
def test_the_tasks_of_a_cancelled_call_are_cancelled_too(
    gate, actor: Any, *, recursive: bool
) -> None:
    """And not those of a call that runs beside it."""
    host, door, mine, others = actor.remote(), gate(), gate("mine"), gate("others")
    beside, call = host.through_task.remote(door, others), host.through_task.remote(door, mine)
    wait_for(others, "runs")
    wait_for(mine, "runs")
    loom.cancel(call, recursive=recursive)
    if recursive:
        wait_for(mine, "cancelled")
    if actor is Async:  # it hears of it where it awaits: with the door open it might be over
        with pytest.raises(errors.TaskCancelled):
            loom.get(call)
    door.open()
    with pytest.raises(errors.TaskCancelled):
        loom.get(call)
    assert loom.get(beside) is None
    assert others.notes() == ["runs"]
    assert mine.notes() == (["runs", "cancelled"] if recursive else ["runs"])


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_cancelled_call_that_runs_may_look(gate, at_once: int) -> None:
    actor, door = Meeting.options(max_concurrency=at_once).remote(), gate()
    looks = actor.look.remote(door)
    wait_for(door, "runs")
    behind = [actor.meet.remote(0) for _ in range(2)]
    loom.cancel(looks)
    with pytest.raises(errors.TaskCancelled):
        loom.get(looks)
    assert loom.get(behind)[0] >= 1


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_cancelled_call_that_waits_never_runs(gate, at_once: int) -> None:
    actor, door, hold = Meeting.options(max_concurrency=at_once).remote(), gate(), gate("hold")
    runs = [actor.look.remote(hold) for _ in range(at_once)]
    waits = actor.look.remote(door)
    wait_for(hold, *["runs"] * at_once)
    loom.cancel(waits)
    for ref in runs:
        loom.cancel(ref)
    for ref in (*runs, waits):
        with pytest.raises(errors.TaskCancelled):
            loom.get(ref)
    assert door.notes() == []


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_call_that_waits_is_cancelled_while_others_run(gate, at_once: int) -> None:
    """Its place is kept: which of the others have begun is counted all the same."""
    go_on, hold = gate("go_on"), gate("hold")

    @loom.actor(max_concurrency=at_once)
    class Worker:
        def work(self, hold: Any, go_on: Any) -> str:
            hold.note("runs")
            go_on.pass_through()
            return "done"

    actor = Worker.remote()
    runs = [actor.work.remote(hold, go_on) for _ in range(at_once)]
    waits = [actor.work.remote(hold, gate("never")) for _ in range(3)]
    wait_for(hold, *["runs"] * at_once)
    for ref in waits[:2]:
        loom.cancel(ref)
        with pytest.raises(errors.TaskCancelled):
            loom.get(ref, timeout=30)
    assert loom.wait(runs, timeout=0)[0] == []
    last = actor.work.remote(hold, go_on)
    go_on.open()
    assert loom.get(runs) == ["done"] * at_once
    wait_until(lambda: len(hold.notes()) >= at_once + 1)
    loom.kill(actor)
    with pytest.raises(errors.ActorDied) as caught:
        loom.get(waits[2])
    assert caught.value.may_have_run
    if at_once == 1:
        with pytest.raises(errors.ActorDied) as caught:
            loom.get(last)
        assert not caught.value.may_have_run
    gate("never").open()


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("ahead", [0, 1])
def test_a_cancelled_generator_stops_at_its_next_item(gate, at_once: int, ahead: int) -> None:
    @loom.actor(max_concurrency=at_once)
    class Source:
        @loom.method(stream_ahead=ahead)
        def items(self, log: Any, go_on: Any) -> Any:
            try:
                yield 1
                go_on.pass_through()
                while True:
                    yield 2
            finally:
                log.note("closed")

    log, go_on, source = gate("log"), gate("go_on"), Source.remote()
    stream = source.items.remote(log, go_on)
    assert loom.get(next(stream)) == 1
    loom.cancel(stream)
    go_on.open()
    with pytest.raises(errors.TaskCancelled):
        loom.get(list(stream))
    assert log.notes() == ["closed"]
    assert loom.get(next(source.items.remote(log, go_on))) == 1, "and its actor goes on"


def wait_for(gate: Any, *lines: str) -> None:
    wait_until(lambda: gate.notes()[-len(lines) :] == list(lines))


def test_a_call_that_waits_holds_back_nobody_if_that_is_allowed(gate) -> None:
    @loom.actor(max_concurrency=2, allow_out_of_order=True)
    class Log:
        def __init__(self) -> None:
            self.seen: list[int] = []

        def see(self, n: int) -> list[int]:
            self.seen.append(n)
            return list(self.seen)

    log, door, other = Log.remote(), gate("door"), gate("other")
    first, dropped = log.see.remote(slow.remote(door, 1)), log.see.remote(slow.remote(other, 9))
    assert loom.get(log.see.remote(2)) == [2]
    assert loom.get(log.see.remote(3)) == [2, 3]
    loom.cancel(dropped)
    door.open()
    assert loom.get(first) == [2, 3, 1]
    with pytest.raises(errors.TaskCancelled):
        loom.get(dropped)
    waits = log.see.remote(slow.remote(other, 4))
    loom.kill(log)
    with pytest.raises(errors.ActorDied):
        loom.get(waits)
    other.open()


def test_one_call_at_a_time_has_an_order() -> None:
    with pytest.raises(errors.InvalidOption, match="it runs one call at a time"):

        @loom.actor(allow_out_of_order=True)
        class Plain:
            """Never."""
