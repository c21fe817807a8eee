"""A task returns a task, or a plan, and goes on as that; in a cluster and inline."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import data, errors, tasks
from hyperloom.gcs import codes
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("anywhere")

PATIENCE_S = 30


@loom.task
def same(value: Any = None) -> Any:
    return value


@loom.task
def add(*numbers: Any) -> Any:
    return sum(numbers)


@loom.task(num_returns=2)
def split(x: int) -> tuple[int, int]:
    return x // 2, x - x // 2


@loom.task(num_returns=0)
def nothing(log: Gate) -> None:
    log.note("ran")


@loom.task
def goes_on_as(make: Callable[..., Any], *args: Any) -> Any:
    return make(*args)


@loom.task
def fails() -> None:
    raise KeyError("on purpose")


def get(ref: Any) -> Any:
    return loom.get(ref, timeout=PATIENCE_S)


@pytest.fixture
def in_cluster(anywhere: str) -> None:
    if anywhere == "inline":
        pytest.skip("inline, all is over when it is submitted")


def test_a_bound_task_takes_the_place_of_the_one_that_returned_it() -> None:
    assert get(goes_on_as.remote(lambda: add.bind(1, same.bind(2), same.bind(3)))) == 6


def test_it_takes_refs_large_values_and_the_same_input_twice() -> None:
    ones = np.ones(1 << 17)
    ref = loom.put(ones)

    def make(refs: list[Any]) -> Any:
        child = same.remote(ones)
        return add.bind(refs[0], child, loom.put(ones), ones, part := same.bind(ones), part)

    assert (get(goes_on_as.remote(make, [ref])) == 6).all()


def test_it_may_go_on_as_one_that_goes_on_again() -> None:
    @loom.task
    def fib(n: int) -> Any:
        return n if n < 2 else add.bind(fib.bind(n - 1), fib.bind(n - 2))

    assert get(fib.remote(9)) == 34


def test_who_waits_for_it_waits_for_what_it_goes_on_as() -> None:
    first = goes_on_as.remote(lambda: same.bind(20))
    assert get(add.remote(first, 1)) == 21
    plan = loom.Plan([add.bind(goes_on_as.bind(lambda: same.bind(20)), 1)])
    assert plan.submit().gather() == [21]


def test_a_plan_is_replaced_by_its_result_or_by_the_list_of_its_results() -> None:
    assert get(goes_on_as.remote(lambda: loom.Plan([same.bind(1)]))) == 1
    assert get(goes_on_as.remote(lambda: loom.Plan([same.bind(1), split.bind(5)[1]]))) == [1, 3]
    assert get(goes_on_as.remote(lambda: split.bind(7)[0])) == 3
    assert get(goes_on_as.remote(loom.Plan)) == []


@loom.task
def as_plain(text: str) -> data.Plain:
    return data.Plain(text)


def test_several_data_objects_are_an_array_and_so_is_all_that_takes_the_place_of_one() -> None:
    def several() -> Any:
        return loom.Plan([tasks.const("a"), tasks.split("b\nc")])

    def mixed() -> Any:
        return loom.Plan([same.bind(1), same.bind("b"), tasks.const("c")])

    def mapped() -> Any:
        return loom.Plan([as_plain.bind_map(["a", "b"])])

    for array in (goes_on_as.bind(several), tasks.py_call(several)):
        plan = loom.Plan([array, tasks.length(array), tasks.length(tasks.get(array, 1))])
        assert plan.submit().gather() == [[b"a", [b"b\n", b"c"]], 2, 2]
    assert get(tasks.py_call.remote(mixed)) == [1, b"b", b"c"]
    assert get(goes_on_as.remote(mixed))[:2] == [1, "b"]
    assert get(goes_on_as.remote(mapped)) == [b"a", b"b"]
    assert get(tasks.py_call.remote(mapped)) == [b"a", b"b"]
    assert get(tasks.length.remote(tasks.py_call(loom.Plan))) == 0


def test_a_map_is_an_input_as_the_list_of_its_results_and_goes_on_as_that() -> None:
    assert get(goes_on_as.remote(lambda: add.bind_map([1, 2, 3]))) == [1, 2, 3]
    assert get(goes_on_as.remote(lambda: same.bind(add.bind_map(range(40))))) == list(range(40))
    assert get(goes_on_as.remote(lambda: same.bind(add.bind_map([])))) == []
    two = goes_on_as.options(num_returns=2)
    assert get(two.remote(lambda: add.bind_map([1, 2]))) == [1, 2]


def test_several_outputs_come_of_a_task_with_as_many_or_a_plan_with_as_many_results(
    gate: Callable[[str], Gate],
) -> None:
    log = gate("log")
    two = goes_on_as.options(num_returns=2)
    assert get(two.remote(lambda: split.bind(9))) == [4, 5]
    assert get(two.remote(lambda: loom.Plan([same.bind(1), same.bind(2)]))) == [1, 2]
    goes_on_as.options(num_returns=0).remote(lambda: nothing.bind(log))
    wait_until(lambda: log.notes() == ["ran"])


@pytest.mark.parametrize(
    ("returns", "make", "told"),
    [
        (2, lambda: same.bind(1), "num_returns=2 and cannot go on as <bound task same>"),
        (1, lambda: split.bind(1), "which has 2 results"),
        (3, lambda: same.bind_map([1, 2]), "which has 2 results"),
        (3, lambda: loom.Plan([same.bind(1), same.bind(2)]), "which has 2 results"),
        ("streaming", lambda: same.bind(1), "streams its results and cannot go on as <bound task"),
    ],
)
def test_what_does_not_fit_is_refused(returns: Any, make: Any, told: str) -> None:
    refs = goes_on_as.options(num_returns=returns).remote(make)
    with pytest.raises(ValueError, match=told):
        get(refs if returns != "streaming" else next(refs))


def test_a_bound_task_inside_a_value_is_refused_and_the_ways_are_named() -> None:
    with pytest.raises(errors.NotSerializable, match="return it by itself, or a plan of several"):
        get(goes_on_as.remote(lambda: [same.bind(1)]))


def test_a_ref_stays_a_ref_unless_it_is_to_be_followed() -> None:
    assert get(get(goes_on_as.remote(lambda: same.remote(1)))) == 1
    assert get(goes_on_as.remote(lambda: loom.follow(same.remote(1)))) == 1
    with pytest.raises(KeyError):
        get(goes_on_as.remote(lambda: loom.follow(fails.remote())))
    with pytest.raises(TypeError, match="follow takes a ref"):
        loom.follow(3)  # type: ignore[arg-type]


def test_items_of_a_map_may_go_on_as_others_too() -> None:
    @loom.task
    def twice(x: int) -> Any:
        return x if x % 2 else add.bind(x, x)

    expected = [x if x % 2 else 2 * x for x in range(6)]
    assert get(twice.map(range(6), chunk=1)) == expected
    assert get(twice.map(range(6), chunk=3)) == expected


def test_a_failure_is_the_new_tasks_and_says_its_way() -> None:
    ref = goes_on_as.remote(lambda: add.bind(fails.bind(), 1))
    with pytest.raises(KeyError, match="on purpose") as caught:
        get(ref)
    assert caught.value.details.path == ("fails", "add")  # type: ignore[attr-defined]


def test_the_new_tasks_own_options_hold() -> None:
    @loom.task(max_retries=2, retry_exceptions=True, num_cpus=0)
    def third_time() -> int:
        attempt = loom.context().attempt
        if attempt < 4:  # the first attempt was of another
            raise OSError(attempt)
        return attempt

    assert get(goes_on_as.options(max_retries=0).remote(third_time.bind)) == 4


def test_an_actors_call_waits_for_the_task_that_it_names() -> None:
    @loom.actor
    class Host:
        def name(self) -> Any:
            return same.bind(1)

    host = Host.remote()
    assert get(host.name.remote()) == 1
    loom.kill(host)


def test_one_that_goes_on_for_ever_fails() -> None:
    @loom.task
    def again(n: int) -> Any:
        return again.bind(n + 1)

    with pytest.raises(errors.TaskError, match=f"{codes.REDIRECTS_MOST:,} tasks before it"):
        get(again.remote(0))


def test_what_is_kept_of_the_first_is_the_result_that_comes_of_it(
    gate: Callable[[str], Gate], tmp_path: Path
) -> None:
    log, path = gate("log"), tmp_path / "kept"

    @loom.task
    def noted(x: int) -> int:
        log.note("ran")
        return x

    for _ in range(2):
        task = goes_on_as.bind(lambda: noted.bind(5)).checkpoint(path)
        assert loom.Plan([task]).submit(resume=True).gather() == [5]
    assert loom.read_checkpoint(path) == 5
    assert log.notes() == ["ran"]


def test_what_it_goes_on_as_may_be_kept_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    assert get(goes_on_as.remote(lambda: same.bind(6).checkpoint(path))) == 6
    assert loom.read_checkpoint(path) == 6


# -- with real workers ------------------------------------------------------------------------


@pytest.mark.usefixtures("in_cluster")
def test_its_worker_is_free_while_it_waits_for_its_new_inputs(waits: Any) -> None:
    task, _, go_on = waits
    ref = goes_on_as.options(num_cpus=2).remote(lambda: add.bind(task.bind(5), 1))
    assert get(same.options(num_cpus=1).remote("ran meanwhile")) == "ran meanwhile"
    go_on.open()
    assert get(ref) == 6


@pytest.mark.usefixtures("in_cluster")
def test_cancelling_it_cancels_what_it_goes_on_as_and_its_inputs(waits: Any) -> None:
    task, began, _ = waits
    ref = goes_on_as.remote(lambda: add.bind(task.bind(5), 1))
    wait_until(began.notes)
    loom.cancel(ref)
    with pytest.raises(errors.TaskCancelled):
        get(ref)
    assert get(same.remote(1)) == 1
    wait_until(lambda: loom.available_resources() == loom.cluster_resources())


@pytest.mark.usefixtures("in_cluster")
def test_a_worker_that_dies_costs_an_attempt_of_the_new_task_alone(waits: Any) -> None:
    task, began, go_on = waits
    ran = began.path.with_name("ran")

    @loom.task
    def first(note: str) -> Any:
        ran.write_text(ran.read_text() + note if ran.exists() else note)
        return task.bind(7)

    ref = first.remote("once ")
    wait_until(began.notes)
    os.kill(int(began.notes()[0]), signal.SIGKILL)
    wait_until(lambda: len(began.notes()) == 2)
    go_on.open()
    assert get(ref) == 7
    assert ran.read_text() == "once "
