"""The graph of a plan: order, cycles, shape; nothing recurses."""

from __future__ import annotations

import pickle
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

import hyperloom as loom
from hyperloom.plan.graph import Cycle, in_order, shape_of, to_be_said


@loom.task
def node(*inputs: Any) -> int:
    return 1 + sum(inputs)


@loom.task(num_returns=2)
def pair(x: int) -> tuple[int, int]:
    return x, x


@loom.task
def other(x: int) -> int:
    return x


def test_inputs_come_before_those_who_take_them_and_each_task_once() -> None:
    a = node.bind()
    b, c = node.bind(a), node.bind(a, 5, a)
    d = node.bind(c, b, b)
    assert in_order([d, a, d]) == [a, c, b, d]


def test_those_that_wait_for_nothing_are_said_last_and_in_their_order() -> None:
    a, b = node.bind(), node.bind()
    c = node.bind(a)
    d, e = node.bind(c, b), node.bind()
    said = to_be_said(in_order([d, e]))[::-1]
    assert said == [d, c, a, b, e]


def test_what_nobody_needs_is_not_in_it() -> None:
    a = node.bind()
    node.bind(a)
    assert in_order([a]) == [a]


def test_a_chain_may_be_as_long_as_it_likes() -> None:
    last = node.bind()
    for _ in range(100_000):
        last = node.bind(last)
    order = in_order([last])
    assert len(order) == 100_001
    assert shape_of(order, {}).depth == 100_001


def test_a_cycle_made_by_hand_is_refused_with_the_way_around() -> None:
    a = node.bind().named("a")
    b = node.bind(a).named("b")
    c = node.bind(0, b).named("c")
    a.args = (c,)
    with pytest.raises(Cycle, match=r"b takes a takes c takes b\. Nothing was submitted"):
        in_order([b])


def test_a_task_that_takes_itself_is_a_cycle() -> None:
    a = node.bind().named("a")
    a.args = (a,)
    with pytest.raises(Cycle, match="a takes a"):
        in_order([a])


def test_of_several_outputs_one_has_to_be_chosen() -> None:
    several = pair.bind(1)
    assert in_order([node.bind(several[0], several[1])])[0] is several
    assert len(list(several)) == 2
    with pytest.raises(TypeError, match=r"has 2 outputs: say which one is meant.*task\[0\]"):
        in_order([node.bind(several)])
    for wrong in (2, -1, True, "0"):
        with pytest.raises(IndexError, match="has 2 outputs, and none is number"):
            several[wrong]  # type: ignore[index]


def test_a_bound_task_does_not_travel_inside_a_value() -> None:
    for part in (node.bind(), pair.bind(1)[0]):
        with pytest.raises(TypeError, match="make it an argument of its own"):
            pickle.dumps([part])


def test_arguments_are_checked_when_they_are_bound() -> None:
    with pytest.raises(TypeError, match=r"^pair\(x.*missing a required argument"):
        pair.bind()  # type: ignore[call-arg]


def test_a_shape_counts_edges_as_often_as_they_are_there() -> None:
    a = node.bind()
    wide = [node.bind(a).named("wide") for _ in range(3)]
    shape = loom.Plan([node.bind(*wide, wide[0])]).explain({"wide": 5.0})
    assert (shape.tasks, shape.edges, shape.depth, shape.width) == (5, 7, 3, 3)
    assert shape.by_name == {"wide": 3, "node": 2}
    assert shape.critical == ("node", "wide", "node")
    assert shape.critical_s == 7.0
    assert str(shape) == (
        "5 tasks (3 wide, 2 node), 7 edges, depth 3, width 3\n"
        "critical path 7 s: node → wide → node\n"
        "2 tasks, 2 of them on the critical path, count as 1 s each: nothing says how long "
        "they take"
    )


def test_a_shape_says_how_many_durations_it_guessed() -> None:
    known = {"node": 2.0}
    aside = node.bind_map(range(3)).named("node")
    last = pair.bind(node.bind(aside, node.bind()))
    more = other.bind_map(range(4))
    guessing = loom.Plan([last, more]).explain(known)
    assert (guessing.critical_s, guessing.guessed) == (5.0, (1, 5))
    assert "5 tasks, 1 of them on the critical path" in str(guessing)
    knowing = loom.Plan([last]).explain({**known, "pair": 1.0})
    assert (knowing.critical_s, knowing.guessed) == (5.0, (0, 0))
    assert "nothing says" not in str(knowing)
    assert loom.Plan([last]).explain().guessed == (0, 0), "the path is told in tasks"


def test_a_shape_is_short_as_text_however_large_the_plan() -> None:
    last = node.bind().named("x" * 100_000)
    for number in range(3000):
        last = node.bind(last).named(f"task {number}")
    shape = loom.Plan([last]).explain()
    assert (len(shape.by_name), len(shape.critical)) == (3001, 3001)
    assert "task 6, and 2,993 more names), 3,000 edges" in str(shape)
    assert str(shape).endswith("task 5 → task 6 → and 2,993 more")
    assert repr(shape) == f"<shape: {shape}>"
    assert len(repr(shape)) < 700


def test_a_duration_that_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="how long 'f' takes is a number of seconds, not '3'"):
        loom.Plan().explain({"f": "3"})  # type: ignore[dict-item]


def test_an_empty_plan_has_a_shape_too() -> None:
    shape = loom.Plan().explain()
    assert (shape.tasks, shape.depth, shape.width, shape.critical) == (0, 0, 0, ())
    assert str(shape) == "no tasks"


def test_without_times_a_critical_path_is_told_in_tasks() -> None:
    shape = loom.Plan([node.bind(node.bind())]).explain()
    assert shape.critical_s is None
    assert str(shape).endswith("critical path 2 tasks: node → node")


@given(st.lists(st.lists(st.integers(0, 30), max_size=4), max_size=30))
def test_any_graph_is_put_in_order(shapes: list[list[int]]) -> None:
    tasks: list[Any] = []
    for inputs in shapes:
        tasks.append(node.bind(*(tasks[i % len(tasks)] for i in inputs if tasks)))
    order = in_order(reversed(tasks))
    assert sorted(map(id, order)) == sorted(map(id, tasks))
    place = {id(task): at for at, task in enumerate(order)}
    for task in tasks:
        assert all(place[id(below)] < place[id(task)] for below, _ in task.takes())
