"""Actors among tasks, among each other, and as they die: what programs from elsewhere rely on."""

from __future__ import annotations

import asyncio
import atexit
import gc
import os
import signal
from typing import Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from tests.cluster.api.counters import Counter, Tally, add_through
from tests.cluster.api.holdings import holdings
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


@loom.task
def several(counter: Any, number: int) -> list[int]:
    return loom.get([counter.add.remote() for _ in range(number)])


@loom.task
def pid_of_shared(_: int) -> int:
    shared = Counter.options(name="raced", get_if_exists=True).remote()
    return loom.get(shared.pid.remote())  # type: ignore[no-any-return]


@loom.task
def length(value: bytes) -> int:
    return len(value)


def test_hundreds_of_calls_on_several_actors_are_ordered_and_independent() -> None:
    counters = [Counter.remote(1000 * k) for k in range(3)]
    refs = [[counter.add.remote() for counter in counters] for _ in range(200)]
    assert loom.get([ref for row in refs for ref in row]) == [
        1000 * k + n for n in range(1, 201) for k in range(3)
    ]


def test_copies_of_a_handle_lose_no_call_and_repeat_none() -> None:
    counter = Counter.remote()
    lists = loom.get([several.remote(counter, 50) for _ in range(6)])
    assert all(each == sorted(each) for each in lists), "in the order of each caller"
    assert sorted(n for each in lists for n in each) == list(range(1, 301))


def test_a_handle_goes_through_many_tasks() -> None:
    counter = Counter.remote()
    loom.get([add_through.remote(counter, 1) for _ in range(40)])
    assert loom.get(counter.add.remote(0)) == 40


def test_a_constructor_argument_may_be_a_ref_and_a_call_a_tasks_input() -> None:
    counter = Counter.remote(loom.put(5), step=add_through.remote(Counter.remote(), 2))
    assert loom.get(counter.add.remote()) == 7
    assert loom.get(add_through.remote(Counter.remote(), counter.add.remote())) == 9


def test_an_undecorated_base_class_may_be_inherited_from() -> None:
    class Base:
        def __init__(self, n: int) -> None:
            self.n = n

        def value(self) -> int:
            return self.n

    @loom.actor
    class Derived(Base):
        def __init__(self, n: int) -> None:
            super().__init__(2 * n)

        def value(self) -> int:
            return super().value() + 1

    assert loom.get(Derived.remote(4).value.remote()) == 9


def test_a_class_attribute_is_the_workers_own() -> None:
    @loom.actor
    class Shared:
        seen = 0

        def see(self) -> int:
            type(self).seen += 1
            return self.seen

    assert loom.get([Shared.remote().see.remote() for _ in range(2)]) == [1, 1]
    assert Shared.cls.seen == 0


def tally_of_no_module() -> Any:
    """A class that workers cannot import."""

    @loom.actor
    class Local:
        SIZE = 4
        name = "mine"
        seen = 0

        @staticmethod
        def twice(n: int) -> int:
            return 2 * n

        def find(self) -> tuple[int, int, int]:
            Local.seen += 1
            return Local.twice(Local.SIZE), Local.seen, self.seen

    return Local


@pytest.mark.parametrize("cls", [Tally, tally_of_no_module()], ids=["imported", "sent"])
def test_methods_find_their_class_by_its_name(cls: Any) -> None:
    """Which is the actor class since it was decorated."""
    named = cls.remote()
    assert loom.get([named.find.remote(), named.find.remote()]) == [(8, 1, 1), (8, 2, 2)]
    assert (cls.SIZE, cls.name, cls.twice(3), cls.seen) == (4, "mine", 6, 0)
    assert loom.get(cls.remote().find.remote()) == (8, 1, 1), "each actor has a process of its own"
    with pytest.raises(AttributeError, match="has no attribute 'size'"):
        _ = cls.size


def test_get_of_several_raises_what_fails_first(gate) -> None:
    counter, fails, door = Counter.remote(), Counter.remote(), gate()
    with pytest.raises(ValueError, match="at once"):
        loom.get([counter.wait.remote(door), fails.fail.remote("at once")])
    door.open()


def test_wait_gives_the_calls_of_a_dead_actor_as_ready() -> None:
    counter = Counter.remote()
    loom.get(counter.add.remote())
    refs = [counter.die.remote(), *(counter.add.remote() for _ in range(5))]
    ready, rest = loom.wait(refs, num_returns=len(refs), timeout=30)
    assert (len(ready), rest) == (6, [])


def test_killed_while_idle_it_fails_what_comes_later() -> None:
    counter = Counter.remote()
    os.kill(loom.get(counter.pid.remote()), signal.SIGKILL)
    with pytest.raises(errors.ActorDied, match="SIGKILL"):
        loom.get(counter.add.remote())


def test_a_constructor_that_kills_its_process_is_tried_as_often_as_said(gate) -> None:
    log = gate("log")

    @loom.actor(max_restarts=1)
    class Crashes:
        def __init__(self) -> None:
            log.note("constructor")
            os._exit(3)

        def go(self) -> None:
            """Never."""

    with pytest.raises(errors.ActorDied, match="exit code 3"):
        loom.get(Crashes.remote().go.remote())
    assert log.notes() == ["constructor"] * 2


def test_constructor_arguments_are_there_at_each_restart() -> None:
    @loom.actor(max_restarts=-1, max_task_retries=-1)
    class Keeper:
        def __init__(self, value: bytes) -> None:
            self.value = value

        def length(self) -> int:
            return len(self.value)

        def pid(self) -> int:
            return os.getpid()

    keeper = Keeper.remote(loom.put(bytes(500_000)))
    for _ in range(3):
        os.kill(loom.get(keeper.pid.remote()), signal.SIGKILL)
        assert loom.get(keeper.length.remote()) == 500_000


def test_a_caller_that_starts_again_is_served_anew() -> None:
    """A restarted caller is another process to the actor that it calls."""
    callee = Counter.remote()
    caller = Counter.options(max_restarts=1).remote()
    assert loom.get([caller.call.remote(callee, 1) for _ in range(5)]) == [1, 2, 3, 4, 5]
    loom.kill(caller, no_restart=False)
    assert loom.get([caller.call.remote(callee, 1) for _ in range(5)]) == [6, 7, 8, 9, 10]


def test_a_result_outlives_its_actor() -> None:
    @loom.actor
    class Maker:
        def make(self) -> bytes:
            return bytes(400_000)

        def put(self) -> Any:
            return loom.put(bytes(300_000))

    maker = Maker.remote()
    large, inner = maker.make.remote(), loom.get(maker.put.remote())
    loom.wait([large])
    loom.kill(maker)
    assert loom.get(length.remote(large)) == 400_000
    assert loom.get(length.remote(inner)) == 300_000


def test_a_ref_that_an_actor_keeps_keeps_the_object() -> None:
    @loom.actor
    class Holder:
        def hold(self, refs: list[Any]) -> None:
            self.refs = refs

        def read(self) -> int:
            return len(loom.get(self.refs[0]))

        def drop(self) -> None:
            self.refs = []

    holder = Holder.remote()
    ref = loom.put(bytes(600_000))
    loom.get(holder.hold.remote([ref]))
    del ref
    gc.collect()
    assert loom.get(holder.read.remote()) == 600_000
    loom.get(holder.drop.remote())  # that nothing stays is seen at the end of the test


def test_racing_creators_get_one_actor() -> None:
    keeps = Counter.options(name="raced", get_if_exists=True).remote()
    pids = set(loom.get(pid_of_shared.map(list(range(100)))))
    assert pids == {loom.get(keeps.pid.remote())}


def test_a_killed_actors_name_is_free_again_and_again() -> None:
    for n in range(20):
        counter = Counter.options(name="again").remote(n)
        if n % 5 == 0:
            assert loom.get(counter.add.remote()) == n + 1
        loom.kill(counter)
    del counter
    wait_until(lambda: loom.list_named_actors() == [])


@loom.actor
class Porch:
    """Who comes waits; it knows how many do."""

    def __init__(self) -> None:
        self.waiting = 0
        self.door = asyncio.Event()

    async def wait(self) -> None:
        self.waiting += 1
        try:
            await self.door.wait()
        finally:
            self.waiting -= 1

    def count(self) -> int:
        return self.waiting


@loom.actor
class Visitor:
    def visit(self, porch: Any, busy: Any) -> None:
        busy.add.remote(1)
        current.session().settle()  # it has said that it let go of this one
        loom.get([busy.add.remote(1000), porch.wait.remote()])

    def pid(self) -> int:
        return os.getpid()


def _known_tasks() -> int:
    return len(holdings()["task"]) // 2  # ids, and a record each


@pytest.mark.parametrize("how", ["kill -9", "loom.kill"])
def test_who_is_killed_takes_the_calls_along_of_which_it_alone_wanted_the_result(
    gate: Any, how: str
) -> None:
    """One that runs, and one that waits; what it had let go of runs on."""
    porch, busy, door = Porch.remote(), Counter.remote(), gate()
    first = busy.wait.remote(door)
    visitor = Visitor.remote()
    pid = loom.get(visitor.pid.remote())
    visitor.visit.remote(porch, busy)
    wait_until(lambda: loom.get(porch.count.remote()) == 1)
    known = _known_tasks()
    if how == "loom.kill":
        loom.kill(visitor)
    else:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: loom.get(porch.count.remote()) == 0)
    # The visitor, its visit and what it wanted are over.  They go one after the other: that the
    # first of its calls has ended does not say that the second can run no more.
    wait_until(lambda: _known_tasks() == known - 4)
    door.open()
    assert loom.get([first, busy.add.remote(0)]) == [0, 1]


def test_more_calls_than_may_wait_are_refused_at_the_call(gate: Any) -> None:
    counter, door = Counter.options(max_pending_calls=2).remote(), gate()
    refs = [counter.wait.remote(door), counter.add.remote()]
    with pytest.raises(errors.PendingCallsExceeded, match=r"2 calls of .*Counter\.add was not"):
        counter.add.remote()
    door.open()
    assert loom.get(refs) == [0, 1]
    assert loom.get(counter.add.remote()) == 2


def test_a_call_is_made_again_as_often_as_said_and_then_it_may_have_run(gate: Any) -> None:
    log = gate("log")

    @loom.actor(max_restarts=-1, max_task_retries=2)
    class Fatal:
        def go(self) -> None:
            log.note("go")
            os._exit(3)

        def well(self) -> bool:
            return True

    fatal = Fatal.remote()
    with pytest.raises(
        errors.ActorUnavailable, match=r"incarnation 3\).*exit code 3[\s\S]*may have run"
    ):
        loom.get(fatal.go.remote())
    assert log.notes() == ["go"] * 3
    assert loom.get(fatal.well.remote())


def test_what_was_registered_with_atexit_runs_at_a_peaceful_end_and_not_at_a_kill(
    gate: Any,
) -> None:
    log = gate("log")

    @loom.actor
    class Tidy:
        def __init__(self, name: str) -> None:
            atexit.register(log.note, name)

        def ready(self) -> bool:
            return True

    killed, ends = Tidy.remote("killed"), Tidy.remote("ends")
    assert loom.get([killed.ready.remote(), ends.ready.remote()]) == [True, True]
    loom.kill(killed)
    del ends
    wait_until(log.notes)
    assert log.notes() == ["ends"]
