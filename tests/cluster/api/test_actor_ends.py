"""What callers are told of an actor that was lost: which call it was, and whether it may have run.

Whoever repeats a call after an error must know that nothing of it was done.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from typing import Any

import pytest

import hyperloom as loom
from hyperloom import errors
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


@loom.actor
class Worker:
    """Notes which of its calls begin."""

    def __init__(self, began: Any, go_on: Any) -> None:
        self.began, self.go_on = began, go_on

    def work(self, n: int) -> int:
        self.began.note(f"{n} {os.getpid()}")
        self.go_on.pass_through()
        return n

    def crash(self) -> None:
        os._exit(7)

    def leave(self) -> None:
        loom.exit_actor()


def error_of(ref: Any) -> errors.ActorError:
    with pytest.raises(errors.ActorError) as caught:
        loom.get(ref, timeout=30)
    return caught.value


def may_have_run(refs: list[Any]) -> list[bool]:
    return [error_of(ref).may_have_run for ref in refs]


def busy(gate: Any, number: int = 3, **options: Any) -> tuple[Any, list[Any], Any]:
    """An actor with so many calls, of which the first runs."""
    began = gate("began")
    worker = Worker.options(**options).remote(began, gate("go_on"))
    refs = [worker.work.remote(n) for n in range(number)]
    wait_until(began.notes)
    return worker, refs, began


def test_of_calls_lost_by_kill_the_one_that_ran_may_have_and_others_did_not(gate: Any) -> None:
    """More of them than an actor is dealt ahead: some wait in the control plane."""
    worker, refs, began = busy(gate, 600)
    loom.kill(worker)
    assert may_have_run(refs) == [True] + [False] * 599
    assert [line.split()[0] for line in began.notes()] == ["0"]
    error = error_of(refs[0])
    assert type(error) is errors.ActorDied
    assert (error.class_name, error.incarnation) == ("Worker", 1)
    assert error.actor_id == worker._loom_id.hex()
    assert (error.method, error.cause_of_death) == ("Worker.work", "it was killed by loom.kill")
    assert "incarnation 1) is dead: it was killed by loom.kill\n" in str(error)
    assert "This call of Worker.work may have run, wholly or in part" in str(error)
    assert "This call of Worker.work did not run" in str(error_of(refs[-1]))
    later = error_of(worker.leave.remote())
    assert (later.method, later.may_have_run, later.incarnation) == ("Worker.leave", False, 1)


def test_of_calls_lost_by_exit_actor_too(gate: Any) -> None:
    worker = Worker.remote(gate("began"), gate("go_on"))
    refs = [worker.leave.remote(), *(worker.work.remote(n) for n in range(600))]
    assert may_have_run(refs) == [True] + [False] * 600
    error = error_of(refs[0])
    assert (error.method, error.incarnation) == ("Worker.leave", 1)
    assert "it ended itself by exit_actor()" in error.cause_of_death


@pytest.mark.parametrize("code", [None, 0, 3])
@pytest.mark.parametrize("kind", ["one at a time", "threads", "coroutines", "a task of one"])
def test_sys_exit_in_a_method_ends_the_actor_in_order(gate: Any, kind: str, code: Any) -> None:
    log = gate("log")

    class Plain:
        def ready(self) -> str:
            return "ready"

        def leave(self, code: Any) -> None:
            sys.exit(code)

        def on_exit(self) -> None:
            log.note("farewell")

    class Async(Plain):
        async def leave(self, code: Any) -> None:  # type: ignore[override]
            if kind == "coroutines":
                sys.exit(code)

            async def inner() -> None:
                sys.exit(code)

            await asyncio.gather(inner())

    most = 2 if kind == "threads" else None
    cls = loom.actor(max_restarts=3, max_concurrency=most)(
        Async if most is None and kind[0] != "o" else Plain
    )
    actor = cls.remote()
    assert loom.get(actor.ready.remote()) == "ready"
    error = error_of(actor.leave.remote(code))
    told = f"it ended itself by sys.exit({'' if code is None else code})"
    assert (type(error), error.cause_of_death) == (errors.ActorDied, told)
    assert error_of(actor.ready.remote()).may_have_run is False, "and it is not started again"
    wait_until(lambda: log.notes() == ["farewell"])


def test_sys_exit_in_a_generator_ends_it_after_what_came_before() -> None:
    @loom.actor
    class Source:
        def items(self) -> Any:
            yield 1
            sys.exit()

    stream = Source.remote().items.remote()
    assert loom.get(next(stream)) == 1
    with pytest.raises(errors.ActorDied, match=r"sys\.exit\(\)"):
        loom.get(next(stream))


@pytest.mark.parametrize("how", ["kill", "exit"])
def test_of_several_that_run_at_the_same_time_all_may_have(gate: Any, how: str) -> None:
    began = gate("began")
    worker = Worker.options(max_concurrency=3).remote(began, gate("go_on"))
    refs = [worker.work.remote(n) for n in range(2)]
    wait_until(lambda: len(began.notes()) == 2)
    if how == "exit":
        refs.append(worker.leave.remote())
        assert may_have_run(refs) == [True] * 3
    else:
        refs += [worker.work.remote(n) for n in (2, 3, 4)]
        wait_until(lambda: len(began.notes()) == 3)
        loom.kill(worker)
        assert may_have_run(refs) == [True] * 3 + [False] * 2


@pytest.mark.parametrize("how", ["a crash", "kill"])
def test_calls_of_a_group_that_had_not_begun_are_not_taken_for_begun(gate: Any, how: str) -> None:
    """Those of another group overtook them."""
    began = gate("began")

    @loom.actor(max_restarts=1, concurrency_groups={"io": 2})
    class Grouped:
        @loom.method(concurrency_group="io")
        def read(self, n: int, go_on: Any) -> int:
            began.note(f"read {n}")
            go_on.pass_through()
            return n

        def work(self, n: int) -> int:
            return n

        def crash(self) -> None:
            os._exit(7)

    actor, go_on = Grouped.remote(), gate("go_on")
    reads = [actor.read.remote(n, go_on) for n in range(4)]
    assert loom.get([actor.work.remote(n) for n in range(3)]) == [0, 1, 2]
    wait_until(lambda: len(began.notes()) == 2)
    if how == "kill":
        loom.kill(actor)
        assert may_have_run(reads) == [True, True, False, False]
    else:
        crash, later = actor.crash.remote(), actor.work.remote(3)
        assert may_have_run([*reads[:2], crash]) == [True] * 3
        go_on.open()
        assert loom.get([*reads[2:], later]) == [2, 3, 3], "they run in the next incarnation"


def test_which_incarnation_died_is_told(gate: Any) -> None:
    worker, refs, _ = busy(gate, max_restarts=2)
    loom.kill(worker, no_restart=False)
    first = error_of(refs[0])
    assert type(first) is errors.ActorUnavailable
    assert (first.incarnation, first.may_have_run) == (1, True)
    assert first.cause_of_death == "it was killed to start again"
    gate("go_on").open()
    assert loom.get(refs[1:]) == [1, 2]
    loom.kill(worker)
    assert error_of(worker.work.remote(9)).incarnation == 2


def test_of_a_crash_without_restarts_too(gate: Any) -> None:
    worker = Worker.remote(gate("began"), gate("go_on"))
    refs = [worker.crash.remote(), worker.work.remote(1)]
    assert may_have_run(refs) == [True, False]
    assert error_of(refs[0]).cause_of_death == "its worker process died: exit code 7"
    assert [error_of(ref).method for ref in refs] == ["Worker.crash", "Worker.work"]


def test_a_call_that_was_begun_and_put_back_may_have_run(gate: Any) -> None:
    """Its actor dies before it is made again."""
    log = gate("log")

    @loom.actor(max_restarts=1, max_task_retries=1)
    class Once:
        def __init__(self) -> None:
            if log.notes():
                raise ValueError("never again")

        def crash(self) -> None:
            log.note("crash")
            os._exit(7)

        def work(self) -> None:
            """Never."""

    once = Once.remote()
    assert may_have_run([once.crash.remote(), once.work.remote()]) == [True, False]


@pytest.mark.keeps_refs  # of the actor, whose entry stays in its queue until somebody claims
def test_killed_before_it_lived_none_of_its_calls_ran() -> None:
    never = Worker.options(resources={"unobtainium": 1}).remote(None, None)
    ref = never.work.remote(1)
    loom.kill(never)
    error = error_of(ref)
    assert (error.incarnation, error.may_have_run, error.method) == (0, False, "Worker.work")


def test_whose_process_dies_while_it_is_killed_is_told_of_once(gate: Any) -> None:
    """The raylet says that it is lost, and the control plane knows that it is over."""
    for _ in range(5):
        worker, refs, began = busy(gate)
        os.kill(int(began.notes()[0].split()[1]), signal.SIGKILL)
        loom.kill(worker)
        assert may_have_run(refs) == [True, False, False]
        began.path.unlink()


@pytest.mark.parametrize("way", ["pickled", "through a task", "as a cause"])
def test_an_errors_attributes_survive(gate: Any, way: str) -> None:
    @loom.task
    def asks(refs: list[Any]) -> None:
        try:
            loom.get(refs[0])
        except errors.ActorDied as error:
            if way == "through a task":
                raise
            raise ValueError("no answer") from error

    worker, refs, _ = busy(gate)
    loom.kill(worker)
    error: BaseException | None = error_of(refs[0])
    if way == "pickled":
        error = pickle.loads(pickle.dumps(error))
    else:
        with pytest.raises((errors.ActorDied, ValueError)) as caught:
            loom.get(asks.remote(refs))
        error = caught.value
        if way == "as a cause":
            assert error.__cause__ is not None
            error = error.__cause__.__cause__
    assert isinstance(error, errors.ActorDied)
    about = (error.class_name, error.incarnation, error.method, error.may_have_run)
    assert about == ("Worker", 1, "Worker.work", True)
    assert (error.actor_id, error.cause_of_death) == (
        worker._loom_id.hex(),
        "it was killed by loom.kill",
    )


def test_a_constructors_exception_is_the_cause() -> None:
    @loom.actor
    class Broken:
        def __init__(self) -> None:
            raise KeyError("no such setting")

        def go(self) -> None:
            """Never."""

    error, name = error_of(Broken.remote().go.remote()), Broken.cls.__qualname__
    assert isinstance(error.cause, KeyError)
    assert (error.method, error.may_have_run, error.incarnation) == (f"{name}.go", False, 1)
    assert error.cause_of_death.startswith("its constructor raised KeyError")
