"""Plans: built first, submitted as one thing, gathered; in a cluster and inline."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from tests.cluster.api.holdings import holdings
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def same(value: Any) -> Any:
    return value


@loom.task
def add(*numbers: int) -> int:
    return sum(numbers)


@loom.task(num_returns=2)
def split(x: int) -> tuple[int, int]:
    return x // 2, x - x // 2


@loom.task(num_returns=0)
def nothing(x: int) -> None:
    assert x


@loom.task
def fails(text: str = "on purpose") -> int:
    raise ValueError(text)


@loom.task
def note(log: Gate, value: int) -> int:
    log.note("ran")
    return value


@loom.task
def wait_for(began: Gate, gate: Gate, value: int) -> int:
    began.open()
    gate.pass_through()
    return value


@pytest.fixture
def in_cluster(anywhere: str) -> None:
    if anywhere == "inline":
        pytest.skip("inline, all is over when it is submitted")


def test_a_plan_gives_what_the_functions_would() -> None:
    a = same.bind(7)
    b = add.bind(a, a, 5)
    halves = split.bind(b)
    plan = loom.Plan([add.bind(halves[0], halves[1], a), b])
    assert plan.submit().gather() == [26, 19]


def test_results_stand_in_the_order_in_which_they_were_wanted() -> None:
    a, halves = same.bind(1), split.bind(9)
    handle = loom.submit([a, halves, halves[1], a])
    assert handle.fetch() == [1, [4, 5], 5, 1]
    assert handle.results[0] == handle.results[3]


def test_one_task_is_a_plan_too() -> None:
    assert loom.submit(add.bind(same.bind(1), 2)).gather() == [3]


def test_an_empty_plan_is_over_at_once() -> None:
    handle = loom.submit([])
    assert handle.wait(0)
    assert handle.gather() == []


def test_keyword_arguments_may_be_inputs() -> None:
    @loom.task
    def minus(x: int, y: int) -> int:
        return x - y

    assert loom.submit(minus.bind(y=same.bind(1), x=same.bind(5))).gather() == [4]


def test_only_what_is_wanted_is_run(gate: Callable[[str], Gate]) -> None:
    log = gate("log")
    note.bind(log, 1)
    assert loom.submit(same.bind(2)).gather() == [2]
    assert log.notes() == []


def test_refs_and_results_of_earlier_plans_may_be_inputs() -> None:
    ref = same.remote(10)
    first = loom.submit(add.bind(ref, same.bind(1)))
    second = loom.submit(add.bind(first.results[0], ref, first.results[0]))
    third = same.remote(second.results[0])
    assert loom.get(third) == 32
    assert first.gather() == [11]


def test_a_ref_inside_an_argument_stays_a_ref() -> None:
    @loom.task
    def open_it(refs: list[Any], x: int) -> int:
        return loom.get(refs[0]) + x

    ref = loom.put(3)
    handle = loom.submit(open_it.bind([ref], same.bind(4)))
    del ref
    assert handle.gather() == [7]


def test_large_arguments_and_results_go_through_shared_memory() -> None:
    @loom.task
    def total(array: np.ndarray, more: np.ndarray) -> int:
        return int(array.sum() + more.sum())

    large = np.ones(1 << 17)
    assert loom.submit(total.bind(same.bind(large), large)).gather() == [2 << 17]


def test_a_task_without_results_may_be_wanted() -> None:
    handle = loom.submit([nothing.bind(1), same.bind(2)])
    assert handle.gather() == [[], 2]


def test_a_failure_fails_what_depends_on_it_and_nothing_else() -> None:
    bad = fails.bind("broken")
    handle = loom.submit([add.bind(bad, same.bind(1)), same.bind(2)])
    assert handle.wait(20)
    assert loom.get(handle.results[1]) == 2
    with pytest.raises(ValueError, match="broken"):
        handle.fetch()
    progress = handle.progress()
    assert (progress.done, progress.failed, progress.wanted, progress.tasks) == (2, 1, 2, 4)
    assert "2 of 2 results, 1 failed" in repr(handle)


def test_results_come_one_by_one() -> None:
    handle = loom.submit([same.bind(i) for i in range(5)])
    assert sorted(loom.get(ref) for ref in handle.as_completed(20)) == [0, 1, 2, 3, 4]


def test_what_was_released_is_gone() -> None:
    handle = loom.submit(same.bind(1))
    assert handle.wait(20)
    handle.release()
    handle.release()
    with pytest.raises(errors.ObjectLost, match="were released; submit it again"):
        handle.fetch()
    assert handle.progress() == (1, 0, 1, 1, 0)
    assert repr(handle) == "<plan of 1 tasks: 1 of 1 results, released>"


def test_a_plan_may_be_submitted_again() -> None:
    plan = loom.Plan([add.bind(same.bind(1), 1)])
    assert plan.submit().gather() == plan.submit().gather() == [2]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (3, "not of 3"),
        (same, r"write f\.bind"),
        (None, "not of None"),
        ([same.bind(1)], r"write \*tasks"),
    ],
    ids=["number", "uncalled", "none", "list"],
)
def test_what_was_not_bound_is_refused(wrong: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        loom.submit([wrong])


def test_a_ref_is_no_bound_task() -> None:
    with pytest.raises(TypeError, match=r"f\.bind\(\.\.\.\) instead of f\.remote"):
        loom.submit([loom.put(1)])


def test_a_bound_task_is_not_run_by_a_call() -> None:
    for bound in (same.bind(1), same.bind_map([1])):
        with pytest.raises(TypeError, match=r"with the plan that it is in.*write same\.remote"):
            bound.remote(2)


def test_a_handle_is_no_value_and_the_ways_to_its_results_are_named() -> None:
    handle = loom.submit([same.bind(1)])
    ways: list[Callable[[Any], object]] = [loom.get, loom.wait, loom.submit, same.bind_map]
    for way in ways:
        with pytest.raises(TypeError, match=r"handle\.results are its refs, and handle\.fetch\(\)"):
            way(handle if way is not loom.submit else [handle])
    for travels in (same.remote, lambda each: loom.submit([same.bind(each)])):
        with pytest.raises(errors.NotSerializable, match=r"pass on handle\.results.*loom\.attach"):
            travels(handle)
    assert handle.gather() == [1]


def test_a_stream_cannot_be_bound() -> None:
    @loom.task
    def items(n: int) -> Iterator[int]:
        yield from range(n)

    with pytest.raises(TypeError, match="a plan cannot have streams yet"):
        items.bind(1)


def test_an_argument_that_cannot_travel_stops_all_of_the_plan(gate: Callable[[str], Gate]) -> None:
    """It is found before anything is said."""
    log = gate("log")
    bad = same.bind(threading.Lock())
    first = [add.bind(bad, i) for i in range(600)]
    with pytest.raises(errors.NotSerializable, match="argument 'value' of same"):
        loom.submit([*first, note.bind(log, 1)])
    assert log.notes() == []


@pytest.mark.usefixtures("in_cluster")
def test_a_plan_can_be_cancelled(gate: Callable[[str], Gate]) -> None:
    began = gate("began")
    slow = wait_for.bind(began, gate("shut"), 1)
    chain = slow
    for _ in range(600):
        chain = add.bind(chain, 1)
    handle = loom.submit([chain, slow])
    wait_until(lambda: began.is_open)
    handle.cancel()
    assert handle.wait(20)
    for ref in handle.results:
        with pytest.raises(errors.TaskCancelled):
            loom.get(ref)


@pytest.mark.usefixtures("in_cluster")
def test_a_plan_of_a_cancelled_task_is_cancelled_too(gate: Callable[[str], Gate]) -> None:
    began, shut, log = gate("began"), gate("shut"), gate("log")

    @loom.task
    def outer() -> list[int]:
        return loom.submit(note.bind(log, wait_for.bind(began, shut, 1))).gather()

    ref = outer.remote()
    wait_until(lambda: began.is_open)
    loom.cancel(ref)
    with pytest.raises(errors.TaskCancelled):
        loom.get(ref, timeout=20)
    free = loom.cluster_resources()
    wait_until(lambda: loom.available_resources() == free, 20, what="what ran was stopped")
    assert log.notes() == []


@pytest.mark.keeps_refs  # the count of an object that nobody will make, until the job ends
@pytest.mark.usefixtures("in_cluster")
def test_a_plan_whose_submission_is_interrupted_leaves_no_task_behind(
    gate: Callable[[str], Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. Ctrl-C comes between two calls of one plan  2. those who take are there, and those who
    make will never come: they are taken back."""
    log = gate("log")
    outbox, said = current.session().outbox, []
    really = outbox.say

    def interrupted(*args: Any) -> None:
        said.append(args)
        if len(said) == 2:
            raise KeyboardInterrupt
        really(*args)

    monkeypatch.setattr(outbox, "say", interrupted)
    chain = note.bind(log, 0)
    for _ in range(600):
        chain = add.bind(chain, 1)
    with pytest.raises(KeyboardInterrupt):
        loom.submit(chain)
    assert len(said) == 2
    assert log.notes() == []
    assert not {"task", "wait", "ready"} & holdings().keys()


@pytest.mark.usefixtures("in_cluster")
def test_a_timeout_loses_nothing(gate: Callable[[str], Gate]) -> None:
    slow = gate("slow")
    handle = loom.submit(wait_for.bind(gate("began"), slow, 5))
    assert not handle.wait(0)
    with pytest.raises(errors.GetTimeout):
        handle.fetch(0.01)
    slow.open()
    assert handle.gather(20) == [5]


@pytest.mark.usefixtures("in_cluster")
def test_what_is_only_on_its_way_to_others_is_not_kept() -> None:
    handle = loom.submit(add.bind(*(same.bind(i) for i in range(300))))
    assert handle.fetch() == [sum(range(300))]
    session = current.session()
    assert len(session.values) == 1


def test_a_plan_of_a_task_is_a_plan() -> None:
    @loom.task
    def outer(n: int) -> int:
        return loom.submit(add.bind(*(same.bind(i) for i in range(n)))).gather()[0]

    assert loom.get(outer.remote(10)) == 45


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shapes=st.lists(
        st.tuples(st.booleans(), st.lists(st.integers(0, 40), max_size=3)), min_size=1, max_size=40
    ),
    wanted=st.lists(st.integers(0, 40), min_size=1, max_size=5),
)
def test_any_plan_gives_what_plain_evaluation_gives(shapes: Any, wanted: list[int]) -> None:
    outputs: list[Any] = []  # bound, value
    for several, inputs in shapes:
        chosen = [outputs[i % len(outputs)] for i in inputs] if outputs else []
        total = sum(value for _, value in chosen) % 10_007
        task = add.bind(*(bound for bound, _ in chosen), 1)
        outputs.append((task, total + 1 if chosen else 1))
        value = sum(value for _, value in chosen) + 1
        outputs[-1] = (task, value)
        if several:
            halves = split.bind(task)
            outputs += [(halves[0], value // 2), (halves[1], value - value // 2)]
    picked = [outputs[i % len(outputs)] for i in wanted]
    assert loom.submit([bound for bound, _ in picked]).gather() == [value for _, value in picked]


def test_what_was_recorded_explains_a_plan(anywhere: str) -> None:
    @loom.task
    def quick(x: object) -> object:
        return x

    @loom.task
    def slow(x: object) -> object:
        time.sleep(0.02)  # the task: it is to take longer than the others
        return x

    name = slow.name
    assert loom.get(slow.remote(quick.remote(1))) == 1
    if anywhere == "inline":
        assert loom.durations() == {}
        return
    wait_until(lambda: {name, quick.name} <= loom.durations().keys(), 20)
    durations = loom.durations()
    assert durations[name] >= 0.02
    chains = [quick.bind(slow.bind(0)).named("last"), quick.bind(quick.bind(0))]
    shape = loom.Plan(chains).explain(durations)
    assert shape.critical == (name, "last")
    assert shape.critical_s == pytest.approx(durations[name] + durations[quick.name])
