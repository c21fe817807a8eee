"""Maps: a task for each of many items, as one node of a plan; in a cluster and inline."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import hyperloom as loom
from hyperloom import errors, tasks
from tests.cluster.api.holdings import holdings
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def square(x: int) -> int:
    return x * x


@loom.task
def total(values: list[int], *more: int) -> int:
    return sum(values) + sum(more)


@loom.task
def add(x: int, y: int = 0, *, z: int = 0) -> int:
    return x + y + z


@loom.task
def fails_for(x: int, bad: int) -> int:
    if x == bad:
        raise ValueError(f"not {x}")
    return x


@loom.task
def after(x: int, began: Gate, gate: Gate) -> int:
    began.open()
    gate.pass_through()
    return x


@pytest.fixture
def in_cluster(anywhere: str) -> None:
    if anywhere == "inline":
        pytest.skip("inline, all is over when it is submitted")


@pytest.mark.parametrize("number", [0, 1, 31, 32, 256, 257, 600])
def test_a_map_gives_what_the_functions_would(number: int) -> None:
    items = [str(i) for i in range(number)]
    names = loom.task(lambda text: text * 2).bind_map(items)
    numbers = square.bind_map(range(-3, number - 3))
    texts, squares = loom.submit([names, numbers]).gather()
    assert texts == [text * 2 for text in items]
    assert squares == [i * i for i in range(-3, number - 3)]


def test_all_results_are_an_input_and_so_is_one() -> None:
    squares = square.bind_map(range(0, 1200, 2))
    everything = total.bind(squares, squares[1], squares[-1], *squares[3:5])
    expected = [i * i for i in range(0, 1200, 2)]
    assert loom.submit([everything, squares[7]]).gather() == [
        sum(expected) + expected[1] + expected[-1] + sum(expected[3:5]),
        expected[7],
    ]


def test_a_map_may_be_wanted_and_taken_at_once() -> None:
    squares = square.bind_map(range(300))
    handle = loom.submit([total.bind(squares), squares, squares[3], total.bind(squares, 1)])
    values = [i * i for i in range(300)]
    assert handle.fetch() == [sum(values), values, 9, sum(values) + 1]
    assert handle.results[1][3] == handle.results[2]
    assert handle.progress().wanted == 302


def test_a_map_of_a_map_goes_item_by_item() -> None:
    twice = square.bind_map(square.bind_map(range(40)))
    assert loom.submit(twice).gather() == [[i**4 for i in range(40)]]


def test_constants_are_the_same_for_all_tasks() -> None:
    ref, bound = loom.put(100), square.bind(3)
    mapped = add.bind_map(range(300), y=bound, z=ref)
    del ref
    assert loom.submit(mapped).gather() == [[i + 109 for i in range(300)]]


def test_a_map_may_be_a_constant_of_a_map() -> None:
    sums = loom.task(lambda i, values: values[i]).bind_map(
        range(40), values=square.bind_map(range(40))
    )
    assert loom.submit(sums).gather() == [[i * i for i in range(40)]]


def test_a_large_constant_is_stored_once() -> None:
    array = np.arange(1 << 17)
    pick = loom.task(lambda i, array, k: int(array[i]) + k)
    assert loom.submit(pick.bind_map(range(300), array=array, k=1)).gather() == [
        list(range(1, 301))
    ]


def test_items_may_be_refs_tasks_large_or_hold_refs() -> None:
    held = loom.put(5)
    opened = loom.task(lambda item: loom.get(item[0]) if isinstance(item, list) else item)
    items: list[Any] = list(range(300))
    items[3], items[4], items[5] = loom.put("ref"), square.bind(9), [held]
    items[290] = "large" * 100_000
    values = loom.submit(opened.bind_map(items)).gather()[0]
    assert values[3:6] == ["ref", 81, 5]
    assert values[290] == items[290]
    assert values[:3] + values[6:290] == items[:3] + items[6:290]


def test_what_a_function_captured_is_there_for_all() -> None:
    ref = loom.put(7)

    @loom.task
    def captured(x: int) -> int:
        return x + loom.get(ref)

    assert loom.submit(captured.bind_map(range(40))).gather() == [list(range(7, 47))]
    del captured


def test_one_item_fails_and_the_others_do_not() -> None:
    mapped = fails_for.bind_map(range(300), bad=200)
    handle = loom.submit([mapped, total.bind(mapped), total.bind([], mapped[3])])
    assert handle.wait(20)
    items, all_of_them, one = handle.results
    assert loom.get(items[:200] + items[201:]) == [*range(200), *range(201, 300)]
    assert loom.get(one) == 3
    for ref in (items[200], all_of_them):
        with pytest.raises(ValueError, match="not 200"):
            loom.get(ref)
    assert handle.progress()[:2] == (302, 2)


def test_a_failed_constant_fails_all_tasks() -> None:
    handle = loom.submit(add.bind_map(range(40), y=fails_for.bind(1, 1)))
    assert handle.wait(20)
    assert handle.progress().failed == 40


def test_items_are_retried_by_themselves(gate: Callable[[str], Gate]) -> None:
    log = gate("log")

    @loom.task(max_retries=2, retry_exceptions=True)
    def flaky(x: int) -> int:
        if x == 33:
            log.note("ran")
            if len(log.notes()) < 3:
                raise OSError("again")
        return x

    assert loom.submit(flaky.bind_map(range(40))).gather() == [list(range(40))]
    assert len(log.notes()) == 3


def test_results_come_one_by_one_and_may_be_inputs_elsewhere() -> None:
    handle = loom.submit(square.bind_map(range(300)))
    (refs,) = handle.results
    later = [square.remote(ref) for ref in refs[::50]]
    assert sorted(loom.get(ref) for ref in handle.as_completed(20)) == [i * i for i in range(300)]
    assert loom.get(later) == [i**4 for i in range(300)[::50]]


def test_a_map_counts_its_tasks() -> None:
    squares = square.bind_map(range(1_000_000)).named("squares")
    shape = loom.Plan([total.bind(squares)]).explain()
    assert (shape.tasks, shape.edges, shape.depth, shape.width) == (1_000_001, 1_000_000, 2, 10**6)
    assert shape.by_name == {"squares": 1_000_000, "total": 1}
    assert repr(squares) == "<bound map squares of 1,000,000 items>"


def test_items_have_numbers_as_in_a_list() -> None:
    squares = square.bind_map(range(10))
    assert [output.index for output in squares[::-4]] == [9, 5, 1]
    assert squares[-1].index == 9
    for wrong in (10, -11):
        with pytest.raises(IndexError, match="has no item number"):
            squares[wrong]
    with pytest.raises(TypeError):
        squares["first"]  # type: ignore[call-overload]


def test_items_are_those_that_there_were() -> None:
    items = [1, 2]
    mapped = square.bind_map(items)
    items.append(3)
    assert loom.submit(mapped).gather() == [[1, 4]]


def test_what_cannot_be_mapped_is_refused() -> None:
    pair = loom.task(lambda x: (x, x), num_returns=2)
    with pytest.raises(ValueError, match="num_returns=2; bind_map needs 1"):
        pair.bind_map([1])
    with pytest.raises(TypeError, match="not 5, which cannot be iterated over"):
        square.bind_map(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="square"):
        square.bind_map([1], y=2)
    with pytest.raises(TypeError, match=r"got 2.*write \[square\.bind\(\*each\) for each in zip"):
        square.bind_map([1], [2])  # type: ignore[arg-type]
    with pytest.raises(errors.NotSerializable, match="item 38 of square"):
        loom.submit(square.bind_map([*range(38), threading.Lock()]))
    with pytest.raises(TypeError, match=r"not submitted: write loom\.submit"):
        loom.get(square.bind_map([1]))  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="nor inside a value: make it an argument of its own"):
        loom.submit(total.bind([square.bind_map([1])]))


def test_a_map_of_a_task_of_a_plan_is_one_too() -> None:
    @loom.task
    def outer(n: int) -> int:
        return loom.submit(total.bind(square.bind_map(range(n)))).gather()[0]

    assert loom.get(outer.remote(300)) == sum(i * i for i in range(300))


@pytest.mark.usefixtures("in_cluster")
def test_a_map_can_be_cancelled(gate: Callable[[str], Gate]) -> None:
    began, shut = gate("began"), gate("shut")
    mapped = after.bind_map(range(700), began=began, gate=shut)
    handle = loom.submit([mapped, total.bind(mapped)])
    wait_until(lambda: began.is_open)
    handle.cancel()
    assert handle.wait(20)
    assert handle.progress() == (701, 0, 701, 701, 701)
    assert "701 of 701 results, 701 cancelled" in repr(handle)
    with pytest.raises(errors.TaskCancelled):
        loom.get(handle.results[1])
    assert not {"task", "range", "wait", "ready"} & holdings().keys()


@pytest.mark.usefixtures("in_cluster")
def test_one_item_can_be_cancelled(gate: Callable[[str], Gate]) -> None:
    began, shut = gate("began"), gate("shut")
    handle = loom.submit(after.bind_map(range(300), began=began, gate=shut))
    wait_until(lambda: began.is_open)
    (refs,) = handle.results
    loom.cancel(refs[290])
    with pytest.raises(errors.TaskCancelled):
        loom.get(refs[290], timeout=20)
    shut.open()
    assert loom.get(refs[:290] + refs[291:]) == [*range(290), *range(291, 300)]


@pytest.mark.usefixtures("in_cluster")
def test_released_results_of_what_runs_are_not_kept(gate: Callable[[str], Gate]) -> None:
    began, shut = gate("began"), gate("shut")
    handle = loom.submit(after.bind_map(range(300), began=began, gate=shut))
    wait_until(lambda: began.is_open)
    handle.release()
    shut.open()
    wait_until(lambda: not {"task", "range", "object", "refs"} & holdings().keys(), 20)


@pytest.mark.usefixtures("in_cluster")
def test_a_timeout_says_where_a_mapped_task_stands(gate: Callable[[str], Gate]) -> None:
    began, shut = gate("began"), gate("shut")
    slow = after.bind(1, began, shut)
    handle = loom.submit(add.bind_map(range(40), y=slow))
    with pytest.raises(errors.GetTimeout, match="of task add waits for 1 of its inputs"):
        loom.get(handle.results[0][7], timeout=0.01)
    shut.open()
    assert handle.gather() == [list(range(1, 41))]


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shapes=st.lists(
        st.tuples(
            st.sampled_from(["map", "task", "total"]),
            st.integers(0, 70),
            st.booleans(),
            st.lists(st.integers(0, 200), max_size=3),
        ),
        min_size=1,
        max_size=8,
    ),
    wanted=st.lists(st.integers(0, 200), min_size=1, max_size=4),
)
def test_any_plan_with_maps_gives_what_plain_evaluation_gives(
    shapes: Any, wanted: list[int]
) -> None:
    singles: list[Any] = [(square.bind(2), 4)]  # bound, value
    maps: list[Any] = [(square.bind_map(range(3)), [0, 1, 4])]
    for kind, number, plain, chosen in shapes:
        picked = [singles[i % len(singles)] for i in chosen]
        if kind == "map":
            items = [(i, i) for i in range(number)]
            for at, single in zip(chosen, picked, strict=True):
                if items and not plain:
                    items[at % len(items)] = single
            (bound, constant) = picked[0] if picked else (1, 1)
            bounds = range(number) if plain else [each for each, _ in items]
            values = [(value + constant) % 1009 for _, value in items]
            maps.append((small.bind_map(bounds, y=bound), values))
            singles += [(maps[-1][0][i], values[i]) for i in chosen if i < len(values)]
        elif kind == "total":
            bound, values = maps[number % len(maps)]
            singles.append(
                (
                    small_total.bind(bound, *(b for b, _ in picked)),
                    (sum(values) + sum(v for _, v in picked)) % 1009,
                )
            )
        else:
            bound, value = singles[number % len(singles)]
            singles.append((small.bind(bound, 1), (value + 1) % 1009))
    both = singles + maps
    picked = [both[i % len(both)] for i in wanted]
    assert loom.submit([bound for bound, _ in picked]).gather() == [value for _, value in picked]


@loom.task
def small(x: int, y: int) -> int:
    return (x + y) % 1009


@loom.task
def small_total(values: list[int], *more: int) -> int:
    return (sum(values) + sum(more)) % 1009


def test_results_of_a_map_are_merged_by_a_built_in_task() -> None:
    letters = loom.task(chr).bind_map(range(97, 140))
    assert loom.submit(tasks.merge(letters)).gather() == [
        bytes(range(97, 128)) + "".join(map(chr, range(128, 140))).encode()
    ]
