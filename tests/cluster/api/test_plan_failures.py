"""What of a plan failed, and running that part again; in a cluster and inline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from hyperloom.gcs.cancelling import cancel_all
from hyperloom.watch.live import Live
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def note(log: Gate, value: Any) -> Any:
    log.note(str(value))
    return value


@loom.task
def add(*numbers: int) -> int:
    return sum(numbers)


@loom.task
def needs(log: Gate, gate: Gate, value: int) -> int:
    """Fails until the gate is open."""
    log.note(f"tries {value}")
    if not gate.is_open:
        raise KeyError(f"no {value} yet")
    return value


@loom.task(num_returns=2)
def both(x: int) -> tuple[int, int]:
    return x, -x


@pytest.fixture
def log(gate: Callable[[str], Gate]) -> Gate:
    return gate("log")


def test_failures_are_named_once_with_what_they_cost(
    gate: Callable[[str], Gate], log: Gate
) -> None:
    bad = needs.bind(log, gate("no"), 7).named("the seventh")
    other = needs.bind(log, gate("no"), 8)
    sums = [add.bind(bad, n).named("sum") for n in range(3)]
    handle = loom.submit([*sums, add.bind(1, 2), add.bind(other)])
    assert handle.wait(30)
    assert handle.state("the seventh") == "failed", "though its own result is not kept"
    first, second = handle.failures()
    assert (first.label, first.results, first.path) == ("the seventh", 3, ("the seventh", "sum"))
    assert isinstance(first.error, KeyError)
    assert "no 7 yet" in str(first.error)
    assert "in needs" in "".join(first.error.remote_traceback)  # type: ignore[attr-defined]
    assert len(bytes.fromhex(first.task_id)) == 16
    assert (second.label, second.results) == ("needs", 1)
    assert str(first).startswith("the seventh: KeyError: ")
    assert str(first).endswith("by way of the seventh → sum; 3 results failed with it")
    assert loom.get(handle.results[3]) == 3


def test_the_printed_error_shows_the_way_by_labels(gate: Callable[[str], Gate], log: Gate) -> None:
    """With the functions' names, and wherever it is got: no handle is needed to read it."""
    bad = needs.bind(log, gate("no"), 7).named("the seventh")
    parts = add.bind_map([bad, 1]).named("part")
    handle = loom.submit([add.bind(add.bind(parts[0])).named("the sum")])
    way = "the seventh (needs) -> part (add) -> add -> the sum (add)"
    with pytest.raises(KeyError) as caught:
        handle.fetch(30)
    assert f"waited for: {way}" in str(caught.value)
    assert "in task the seventh (" in str(caught.value)
    (failure,) = handle.failures()
    assert failure.path == ("the seventh", "part", "add", "the sum")
    with pytest.raises(KeyError) as caught:
        loom.get(handle.results[0])
    assert f"waited for: {way}" in str(caught.value)


def test_an_exception_without_a_text_is_told_by_its_name() -> None:
    @loom.task
    def fails() -> None:
        raise RuntimeError

    handle = loom.submit([fails.bind().named("silent")])
    with pytest.raises(RuntimeError, match=r"^RuntimeError without a message\n  in task silent"):
        handle.fetch(30)
    assert str(handle.failures()[0]) == "silent: RuntimeError without a message"


def test_a_task_whose_worker_died_is_named_by_its_label(anywhere: str) -> None:
    """Its raylet says so."""
    if anywhere == "inline":
        pytest.skip("inline, this process would die")
    dies = loom.task(lambda: os._exit(3), max_retries=0, name="dies").bind().named("the killer")
    handle = loom.submit([add.bind(dies).named("the sum")])
    assert handle.wait(30)
    (failure,) = handle.failures()
    assert (failure.label, failure.path) == ("the killer", ("the killer", "the sum"))
    assert "waited for: the killer (dies) -> the sum (add)" in str(failure.error)
    assert "the worker that ran the killer (dies) died" in str(failure.error)


def test_what_is_cancelled_with_its_whole_job_is_named_all_the_same(
    gate: Callable[[str], Gate], anywhere: str
) -> None:
    """Whoever cancels so many at once does not say which of them a failure is of."""
    if anywhere == "inline":
        pytest.skip("inline, nobody is there to cancel")

    @loom.task
    def passes(gate: Gate) -> int:
        gate.pass_through()
        return 1

    slow = passes.bind(gate("never")).named("slow")
    parts = [add.bind(slow, n).named("part") for n in range(3)]
    handle = loom.submit([add.bind(*parts).named("the sum"), *parts, slow])
    wait_until(lambda: handle.state(slow) == "running", 30)
    live = Live(current.session().address)
    told = cancel_all(live.wire, bytes.fromhex(handle.job_id), force=False)
    live.close()
    assert told == {"cancelled": 4, "running": 1, "finished": 0}
    assert handle.wait(30)
    assert {each.label: (each.path, each.results) for each in handle.failures()} == {
        "part": (("part",), 3), "the sum": (("the sum",), 1), "slow": (("slow",), 1),
    }  # fmt: skip
    ours = {each.label: each.task_id for each in handle.failures()}
    assert (ours["the sum"], ours["part"]) == (handle.results[0].task_id(), "")
    assert all(isinstance(each.error, errors.TaskCancelled) for each in handle.failures())


def test_a_plan_without_failures_has_none() -> None:
    handle = loom.submit([add.bind(1)])
    assert handle.wait(30)
    assert handle.failures() == []
    assert handle.retry_failed() == 0
    assert handle.gather() == [1]


def test_only_what_failed_is_run_again(gate: Callable[[str], Gate], log: Gate) -> None:
    """What is wanted and there is taken as it is; what is gone is made again."""
    go = gate("go")
    kept, gone = note.bind(log, 1), note.bind(log, 2)
    bad = needs.bind(log, go, 3)
    handle = loom.submit([kept, add.bind(kept, gone, bad), bad])
    assert handle.wait(30)
    assert sorted(log.notes()) == ["1", "2", "tries 3"]
    before = handle.results[0]
    go.open()
    assert handle.retry_failed() == 2
    assert handle.fetch(30) == [1, 6, 3]
    assert handle.results[0] is before
    assert sorted(log.notes()) == ["1", "2", "2", "tries 3", "tries 3"]
    assert handle.failures() == []
    assert handle.retry_failed() == 0


def test_what_fails_again_may_be_tried_again(gate: Callable[[str], Gate], log: Gate) -> None:
    go = gate("go")
    handle = loom.submit(add.bind(needs.bind(log, go, 3), 1))
    for _ in range(2):
        assert handle.wait(30)
        assert handle.retry_failed() == 1
    assert handle.wait(30)
    go.open()
    handle.retry_failed()
    assert handle.gather(30) == [4]
    assert log.notes() == ["tries 3"] * 4


def test_of_a_map_the_items_that_failed_are_run_again(
    gate: Callable[[str], Gate], log: Gate
) -> None:
    go = gate("go")

    @loom.task
    def odd_ones_fail(x: int) -> int:
        log.note(str(x))
        if x % 2 and not go.is_open:
            raise ValueError(x)
        return x

    items = odd_ones_fail.bind_map([1, 2, 3, 4])
    handle = loom.submit([items, add.bind(items[0], 10), items[1]])
    assert handle.wait(30)
    assert [failure.results for failure in handle.failures()] == [2, 1]
    go.open()
    assert handle.retry_failed() == 3
    assert handle.fetch(30) == [[1, 2, 3, 4], 11, 2]
    assert sorted(log.notes()).count("2") == 1


def test_a_task_of_a_plan_has_a_ref_and_a_future(gate: Callable[[str], Gate], log: Gate) -> None:
    one, two = add.bind(1), both.bind(2)
    bad = needs.bind(log, gate("no"), 3)
    handle = loom.submit([one, two, bad])
    assert handle.future(one).result(30) == 1
    assert handle.future(two[1]).result(30) == -2
    assert handle.ref(two) == handle.results[1]
    assert isinstance(handle.future(bad).exception(30), KeyError)
    assert handle.future(two).result(30) == [2, -2]
    with pytest.raises(ValueError, match="is not among what was wanted"):
        handle.ref(add.bind(5))


def test_a_map_and_its_items_have_refs_futures_and_states_alike() -> None:
    items = add.bind_map(range(300)).named("items")
    handle = loom.submit([items])
    for whole in (items, "items"):
        assert handle.future(whole).result(30) == list(range(300))
    assert handle.future(items[7]).result(30) == 7
    assert handle.ref(items[-1]) == handle.ref(items)[-1] == handle.results[0][299]
    assert (handle.state(items), handle.state(items[7])) == ("finished", "finished")
    alone = loom.submit(items[7])
    assert alone.future(items[7]).result(30) == 7
    assert alone.state(items[7]) == "finished"
    with pytest.raises(ValueError, match="is not among what was wanted"):
        alone.future(items)
    empty = add.bind_map([])
    assert loom.submit(empty).future(empty).result(30) == []


def test_an_item_says_where_it_stands_and_a_map_fails_with_its_first_failure() -> None:
    @loom.task
    def odd_ones_fail(x: int) -> int:
        if x % 2:
            raise ValueError(x)
        return x

    items = odd_ones_fail.bind_map([0, 1, 2, 3])
    handle = loom.submit([items])
    assert isinstance(handle.future(items).exception(30), ValueError)
    assert handle.future(items[2]).result(30) == 2
    assert handle.wait(30)
    assert [handle.state(item) for item in items] == ["finished", "failed", "finished", "failed"]
    assert handle.state(items) == "failed"


def test_any_task_of_a_plan_says_where_it_stands(
    gate: Callable[[str], Gate], log: Gate, anywhere: str
) -> None:
    if anywhere == "inline":
        pytest.skip("inline, all is over when it is submitted")

    @loom.task
    def passes(gate: Gate, x: int) -> int:
        gate.pass_through()
        return x

    go = gate("go")
    slow = passes.bind(go, 1)
    bad = needs.bind(log, gate("no"), 3)
    inner = add.bind(slow, 1)
    last = add.bind(inner, 1)
    handle = loom.submit([last, bad])
    wait_until(lambda: handle.state(slow) == "running", 30)
    wait_until(lambda: handle.state(bad) == "failed", 30)
    assert (handle.state(inner), handle.state(last)) == ("waiting", "waiting")
    assert handle.states() == {"waiting": 2, "ready": 0, "running": 1, "over": 1}
    go.open()
    wait_until(lambda: handle.state(last) == "finished", 30)
    assert handle.state(inner) == "over"
    assert handle.states() == {"waiting": 0, "ready": 0, "running": 0, "over": 4}
    with pytest.raises(ValueError, match="is no task of this plan"):
        handle.state(add.bind(1))


def test_what_is_run_again_is_counted_once(
    gate: Callable[[str], Gate], log: Gate, anywhere: str
) -> None:
    if anywhere == "inline":
        pytest.skip("inline, all is over when it is submitted")
    good = gate("good")
    handle = loom.submit([needs.bind(log, good, 3), *map(add.bind, range(600))])
    handle.wait(30)
    assert handle.states() == {"waiting": 0, "ready": 0, "running": 0, "over": 601}
    good.open()
    assert handle.retry_failed() == 1
    assert handle.wait(30)
    assert handle.states() == {"waiting": 0, "ready": 0, "running": 0, "over": 601}
    handle.release()
    assert handle.states()["over"] == 601


def test_a_plan_is_stopped_by_its_first_failure_wherever_it_is(
    gate: Callable[[str], Gate], log: Gate, anywhere: str
) -> None:
    """The result waits for a task that runs, and would fail only after it."""
    if anywhere == "inline":
        pytest.skip("inline, all is over when it is submitted")

    @loom.task
    def passes(began: Gate, shut: Gate) -> int:
        began.open()
        shut.pass_through()
        return 1

    @loom.task
    def fails(began: Gate) -> int:
        began.pass_through()
        raise KeyError("x" * 10_000)

    began = gate("began")
    slow = passes.bind(began, gate("never"))
    later = [note.bind(log, slow) for _ in range(300)]
    bad = fails.bind(began).named("the bad one")
    handle = loom.submit([add.bind(*later, bad)], on_error="stop")
    assert handle.wait(30)
    with pytest.raises(KeyError, match="xxx"):
        handle.fetch()
    (failure,) = handle.failures()
    assert (failure.label, failure.path) == ("the bad one", ("the bad one",))
    assert log.notes() == []
    wait_until(lambda: loom.available_resources() == loom.cluster_resources(), 20)


def test_a_plan_that_is_not_to_be_stopped_goes_on(gate: Callable[[str], Gate], log: Gate) -> None:
    handle = loom.submit([needs.bind(log, gate("no"), 1), note.bind(log, 2)], on_error="continue")
    assert handle.wait(30)
    assert sorted(log.notes()) == ["2", "tries 1"]


def test_a_stopped_plan_without_failures_gives_its_results() -> None:
    assert loom.submit([add.bind(1), add.bind(2)], on_error="stop").gather(30) == [1, 2]


def test_what_cannot_be_done_on_error_is_refused() -> None:
    with pytest.raises(ValueError, match="it is 'continue' or 'stop'"):
        loom.submit([add.bind(1)], on_error="ignore")  # type: ignore[arg-type]
