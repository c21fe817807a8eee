"""A node that is to leave: what it decides, and when."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from hyperloom.raylet import messages as m
from hyperloom.raylet import reserving
from hyperloom.raylet.draining import Course, refusal, shared_out, takers, work_left
from hyperloom.resources import CPU, UNIT
from tests.unit.raylet.scene import JOB, Scene, kind_of, task_id

A, B, C = b"A" * 8, b"B" * 8, b"C" * 8


def test_it_waits_for_what_runs_as_long_as_it_was_told() -> None:
    course = Course("token", until=10.0, force=False)
    assert course.looks(1.0, 2) == "wait"
    assert course.looks(9.9, 1) == "wait"
    assert course.looks(10.0, 1) == "move actors"
    assert course.looks(10.1, 1) == "move objects"


def test_without_a_limit_it_waits_until_nothing_is_left() -> None:
    course = Course("token", until=inf, force=False)
    assert course.looks(1e9, 1) == "wait"
    assert course.looks(1e9, 0) == "move actors"


def test_it_leaves_when_no_object_is_left() -> None:
    course = Course("token", until=inf, force=False)
    course.looks(0.0, 0)
    assert course.counted(1.0, 5) == "wait"
    assert course.counted(2.0, 0) == "leave"


def test_it_stays_when_no_object_has_moved_for_a_minute() -> None:
    course = Course("token", until=inf, force=False)
    course.looks(0.0, 0)
    assert course.counted(1.0, 5) == "wait"
    assert course.counted(50.0, 4) == "wait"
    assert course.counted(109.0, 4) == "wait"
    assert course.counted(110.0, 4) == "stay"


def test_or_leaves_without_them_when_it_was_told_to() -> None:
    course = Course("token", until=inf, force=True)
    course.looks(0.0, 0)
    course.counted(1.0, 5)
    assert course.counted(61.0, 5) == "leave"


def test_a_head_never_leaves_so() -> None:
    assert "it is the head" in refusal(2, 0, 0, is_head=True, force=True)


def test_neither_the_last_node_nor_one_with_programs_unless_forced() -> None:
    assert "the last node that takes work" in refusal(0, 1, 0, is_head=False, force=False)
    assert "programs that are connected through it: 2." in refusal(
        1, 1, 2, is_head=False, force=False
    )
    assert not refusal(0, 1, 2, is_head=False, force=True)
    assert not refusal(0, 0, 0, is_head=False, force=False), "nothing would be lost"


def test_objects_go_to_who_has_the_most_room_the_largest_first() -> None:
    sizes = {b"1": 10, b"2": 60, b"3": 30}
    assert shared_out(sizes, {A: 100, B: 70}) == {A: [(b"2", 60)], B: [(b"3", 30), (b"1", 10)]}
    assert shared_out(sizes, {}) == {}


def test_who_leaves_as_well_takes_nothing() -> None:
    store = {"store": {"capacity": 10, "used": 4}}
    leaves = store | {"draining": {"work": 1}}
    assert takers({A: store, B: leaves, C: store}, C) == {A: 6}


def test_what_waits_and_what_comes_is_handed_back_and_nothing_is_offered() -> None:
    one = kind_of("one")
    scene = Scene(1)
    scene.claim(one, 3)
    scene.ready(1)
    assert scene.running(1) == [1]
    back = scene.machine.handle(m.NodeDrains(on=True), 0.0)
    assert [held.task for effect in back for held in effect.tasks] == [task_id(2), task_id(3)]
    assert not scene.machine.offer(JOB)
    (again,) = scene.machine.handle(m.TasksClaimed([scene.held(one)]), 0.0)
    assert again.tasks[0].task == task_id(4)
    scene.done(1, 1)
    assert work_left(scene.machine) == 0
    scene.machine.handle(m.NodeDrains(on=False), 0.0)
    assert scene.machine.offer(JOB), "it stays after all"


def test_tasks_whose_inputs_are_on_their_way_go_back_too() -> None:
    scene = Scene(1)
    scene.tell(m.TasksLacking([scene.held(kind_of("one"))]))
    (back,) = scene.machine.handle(m.NodeDrains(on=True), 0.0)
    assert back.tasks[0].task == task_id(1)
    assert scene.machine.handle(m.InputsHere(task_id(1)), 0.0) == []


def test_bundles_go_when_nothing_runs_in_them() -> None:
    scene, group = Scene(2), b"group..1"
    kept = m.Kept(group + b"0", {CPU: UNIT}, open=False, patience_s=2.0)
    for each in (kept, replace(kept, open=True)):
        scene.tell(m.BundlesTold([each]))
    scene.claim(kind_of("in it", f"@^{group.hex()}^*^CPU:10000").in_group())
    scene.ready(1)
    assert reserving.word(scene.machine, kept.bundle, 1.0) == "H"
    scene.tell(m.NodeDrains(on=True))
    assert reserving.word(scene.machine, kept.bundle, 1.0) == "H", "a task runs in it"
    scene.tell(m.BundlesTold([]))
    assert scene.machine.bundles, "so it is kept until the node has heard that it is lost"
    scene.done(1, 1)
    assert reserving.word(scene.machine, kept.bundle, 1.0) == "L"
    scene.tell(m.BundlesTold([]))
    assert not scene.machine.bundles
    assert scene.machine.free == scene.machine.total == {CPU: 2 * UNIT}
