"""`cancel` on a real node: chains, queues, running tasks, children; and a task that is too slow."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("cluster")

PATIENCE_S = 30
FORCES = [False, True]


@loom.task
def same(value: Any = None) -> Any:
    return value


def is_cancelled(ref: Any) -> None:
    with pytest.raises(errors.TaskCancelled):
        loom.get(ref, timeout=PATIENCE_S)


@pytest.mark.parametrize("force", FORCES)
def test_cancelling_the_head_of_a_chain_cancels_all_of_it(waits: Any, force: bool) -> None:  # noqa: FBT001
    task, began, _ = waits
    chain: list[Any] = [task.remote("head")]
    for _ in range(4):
        chain.append(same.remote(chain[-1]))
    wait_until(began.notes)
    loom.cancel(chain[0], force=force)
    for ref in chain:
        is_cancelled(ref)
    assert loom.get(same.remote("next"), timeout=PATIENCE_S) == "next"


@pytest.mark.parametrize("force", FORCES)
def test_cancelling_the_third_of_a_chain_leaves_the_first_two(waits: Any, force: bool) -> None:  # noqa: FBT001
    task, began, go_on = waits
    first = task.remote("value")
    second = same.remote(first)
    third = same.remote(second)
    fourth = same.remote(third)
    wait_until(began.notes)
    loom.cancel(third, force=force)
    is_cancelled(third)
    is_cancelled(fourth)
    assert loom.wait([first, second], timeout=0) == ([], [first, second])
    go_on.open()
    assert loom.get([first, second], timeout=PATIENCE_S) == ["value", "value"]


@pytest.mark.parametrize("force", FORCES)
def test_cancelling_what_runs_frees_its_cpu(waits: Any, force: bool) -> None:  # noqa: FBT001
    task, began, _ = waits
    whole = task.options(num_cpus=2)
    running = whole.remote()
    behind = whole.remote(running)
    wait_until(began.notes)
    independent = same.options(num_cpus=2).remote("mine")
    assert loom.wait([independent], timeout=0.1) == ([], [independent])
    loom.cancel(running, force=force)
    assert loom.get(independent, timeout=PATIENCE_S) == "mine"
    is_cancelled(running)
    is_cancelled(behind)
    assert len(began.notes()) == 1, "what waited for it never began"


def test_a_cancelled_task_gets_a_keyboard_interrupt_and_may_clean_up(
    gate: Callable[[str], Gate],
) -> None:
    began, seen, never = gate("began"), gate("seen"), gate("never")

    @loom.task
    def tidy() -> None:
        try:
            began.open()
            never.pass_through()
        except KeyboardInterrupt as error:
            seen.note(type(error).__mro__[1].__name__)
            raise
        finally:
            seen.note("finally")

    ref = tidy.remote()
    wait_until(lambda: began.is_open)
    loom.cancel(ref)
    is_cancelled(ref)
    assert seen.notes() == ["KeyboardInterrupt", "finally"]


def test_a_task_that_swallows_its_cancellation_is_cancelled_all_the_same(
    gate: Callable[[str], Gate],
) -> None:
    began, swallowed, never = gate("began"), gate("swallowed"), gate("never")

    @loom.task
    def stubborn() -> str:
        try:
            began.open()
            never.pass_through()
        except KeyboardInterrupt:
            swallowed.open()
        return "a result all the same"

    ref = stubborn.remote()
    wait_until(lambda: began.is_open)
    loom.cancel(ref)
    is_cancelled(ref)
    assert swallowed.is_open


def test_force_does_not_ask(gate: Callable[[str], Gate]) -> None:
    pid, asked, never = gate("pid"), gate("asked"), gate("never")

    @loom.task
    def deaf() -> None:
        pid.note(str(os.getpid()))
        while True:
            try:
                never.pass_through()
            except KeyboardInterrupt:
                asked.open()

    ref = deaf.remote()
    wait_until(pid.notes)
    loom.cancel(ref, force=True)
    is_cancelled(ref)
    wait_until(lambda: not Path(f"/proc/{pid.notes()[0]}").exists())
    assert not asked.is_open
    assert len(pid.notes()) == 1, "it is not tried again"


def test_cancelling_what_is_over_changes_nothing() -> None:
    ref = same.remote("done")
    assert loom.get(ref) == "done"
    loom.cancel(ref)
    loom.cancel(ref, force=True)
    assert loom.get(ref) == "done"
    assert loom.get(same.remote(ref), timeout=PATIENCE_S) == "done"


def test_cancelling_twice_is_as_good_as_once(waits: Any) -> None:
    task, began, _ = waits
    ref = task.remote()
    wait_until(began.notes)
    loom.cancel(ref)
    loom.cancel(ref)
    loom.cancel(ref, force=True)
    is_cancelled(ref)
    is_cancelled(ref)


def test_what_was_put_cannot_be_cancelled() -> None:
    with pytest.raises(TypeError, match=r"made by put\(\)"):
        loom.cancel(loom.put(1))
    with pytest.raises(TypeError, match="not an ObjectRef"):
        loom.cancel("ref")  # type: ignore[arg-type]


def test_one_of_several_results_cancels_the_task(waits: Any) -> None:
    task, began, _ = waits
    refs = task.options(num_returns=3).remote((1, 2, 3))
    wait_until(began.notes)
    loom.cancel(refs[1])
    for ref in refs:
        is_cancelled(ref)


def test_of_a_hundred_random_ones_the_cancelled_raise_and_the_others_complete(waits: Any) -> None:
    chance = random.Random(5)
    task, began, go_on = waits
    whole = task.options(num_cpus=2)  # one at a time: all others are in the queue
    refs = [whole.remote(number) for number in range(100)]
    wait_until(began.notes)
    chosen = set(chance.sample(range(100), 40))
    for number in sorted(chosen, key=lambda _: chance.random()):
        loom.cancel(refs[number], force=chance.random() < 0.5)
    go_on.open()
    for number, ref in enumerate(refs):
        if number in chosen:
            is_cancelled(ref)
        else:
            assert loom.get(ref, timeout=PATIENCE_S) == number


@pytest.mark.slow
def test_cancelling_at_once_never_hangs() -> None:
    """Each is cancelled wherever it is by then: unsent, queued, on its way, running, over."""
    for number in range(100):
        ref = same.remote(number)
        loom.cancel(ref, force=number % 2 == 1)
        with suppress(errors.TaskCancelled):
            assert loom.get(ref, timeout=PATIENCE_S) == number
    assert loom.get(same.remote("alive"), timeout=PATIENCE_S) == "alive"


@pytest.mark.slow
def test_a_twentieth_of_five_thousand_is_cancelled_under_way() -> None:
    chance = random.Random(5)
    refs = [same.remote(number) for number in range(5000)]
    chosen = set(chance.sample(range(5000), 250))
    for number in chosen:
        loom.cancel(refs[number], force=chance.random() < 0.1)
    for number, ref in enumerate(refs):
        try:
            assert loom.get(ref, timeout=PATIENCE_S) == number
        except errors.TaskCancelled:
            assert number in chosen
    loom.get(same.map(range(100)), timeout=PATIENCE_S)


# -- children --------------------------------------------------------------------------------------


@pytest.fixture
def family(gate: Callable[[str], Gate]) -> Iterator[Any]:
    """A task with two children, which have one each; all wait."""
    began, go_on, finished = gate("began"), gate("go_on"), gate("finished")

    @loom.task(num_cpus=0.1)
    def member(depth: int) -> int:
        children = [member.remote(depth - 1) for _ in range(2 if depth == 2 else depth)]
        began.note(str(depth))
        try:
            go_on.pass_through()
            found = 1 + sum(loom.get(children))
        finally:
            del children
        finished.note(str(depth))
        return found

    yield member, began, go_on, finished
    go_on.open()


@pytest.mark.slow
def test_the_children_of_a_cancelled_task_are_cancelled_too(family: Any) -> None:
    member, began, go_on, finished = family
    ref = member.remote(2)
    wait_until(lambda: len(began.notes()) == 5, PATIENCE_S)
    loom.cancel(ref)
    is_cancelled(ref)
    # All five gave up their CPUs although nobody opened the gate.
    total = loom.cluster_resources()
    wait_until(lambda: loom.available_resources() == total, PATIENCE_S)
    go_on.open()
    assert finished.notes() == []


def test_not_recursive_the_children_go_on(family: Any) -> None:
    member, began, go_on, finished = family
    ref = member.remote(2)
    wait_until(lambda: len(began.notes()) == 5, PATIENCE_S)
    loom.cancel(ref, recursive=False)
    is_cancelled(ref)
    go_on.open()
    wait_until(lambda: sorted(finished.notes()) == ["0", "0", "1", "1"], PATIENCE_S)


def test_a_task_that_waits_for_its_child_is_cancelled_in_its_get(
    gate: Callable[[str], Gate],
) -> None:
    began, never = gate("began"), gate("never")

    @loom.task
    def child() -> None:
        began.open()
        never.pass_through()

    @loom.task
    def parent() -> None:
        loom.get(child.remote())

    ref = parent.remote()
    wait_until(lambda: began.is_open, PATIENCE_S)
    loom.cancel(ref)
    is_cancelled(ref)
    assert loom.get(same.options(num_cpus=2).remote("free"), timeout=PATIENCE_S) == "free"


def test_a_task_cancels_its_own_child(gate: Callable[[str], Gate]) -> None:
    began, never = gate("began"), gate("never")

    @loom.task
    def child() -> None:
        began.open()
        never.pass_through()

    @loom.task
    def parent() -> str:
        ref = child.remote()
        wait_until(lambda: began.is_open, PATIENCE_S)
        loom.cancel(ref)
        try:
            loom.get(ref, timeout=PATIENCE_S)
        except errors.TaskCancelled:
            return "cancelled"
        return "not cancelled"

    assert loom.get(parent.options(num_cpus=0.5).remote(), timeout=2 * PATIENCE_S) == "cancelled"


# -- a task that is too slow -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_task_is_ended_after_its_timeout(gate: Callable[[str], Gate]) -> None:
    ended, never = gate("ended"), gate("never")

    @loom.task(timeout_s=0.3)
    def slow() -> None:
        try:
            never.pass_through()
        finally:
            ended.note("ended")

    ref = slow.remote()
    with pytest.raises(
        errors.TaskTimeout, match=r"slow was ended after its timeout_s=0\.3"
    ) as info:
        loom.get(ref, timeout=PATIENCE_S)
    assert info.value.limit_s == 0.3
    assert isinstance(info.value, TimeoutError)
    assert ended.notes() == ["ended"], "once: a task that is too slow is not tried again"
    with pytest.raises(errors.TaskTimeout, match="slow"):
        loom.get(same.remote(ref), timeout=PATIENCE_S)


def test_a_timeout_of_one_task_leaves_the_next_alone() -> None:
    quick = same.options(timeout_s=20)
    assert loom.get(quick.map(range(50))) == list(range(50))


@pytest.mark.slow
def test_who_does_not_hear_its_timeout_is_killed(gate: Callable[[str], Gate]) -> None:
    pid, never = gate("pid"), gate("never")

    @loom.task(timeout_s=0.3)
    def deaf() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pid.note(str(os.getpid()))
        never.pass_through(60)

    with pytest.raises(errors.TaskTimeout):
        loom.get(deaf.remote(), timeout=PATIENCE_S)
    wait_until(lambda: not Path(f"/proc/{pid.notes()[0]}").exists())
    assert len(pid.notes()) == 1


def test_a_task_that_is_cancelled_before_it_runs_is_called_by_its_label(waits: Any) -> None:
    task, began, go_on = waits
    runs = task.remote("value")
    wait_until(began.notes)
    handle = loom.submit([same.bind(runs).named("fold 3")])
    with pytest.raises(
        errors.GetTimeout, match=r"of task fold 3 \(same\) waits for 1 of its inputs"
    ):
        handle.fetch(timeout=0)
    loom.cancel(handle.results[0])
    with pytest.raises(errors.TaskCancelled, match=r"^fold 3 \(same\) was cancelled"):
        handle.gather()
    go_on.open()
    assert loom.get(runs) == "value"
