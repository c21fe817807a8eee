"""What a node holds ahead goes back when it does not get to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hyperloom.raylet import messages as m
from hyperloom.raylet.ahead import KEPT_S
from hyperloom.raylet.sharing import GIVE_BACK_S, MAY_GO_AFTER_S, fits
from hyperloom.resources import UNIT
from tests.unit.raylet.scene import FAST_S, JOB, OTHER_JOB, Scene, kind_of, task_id

ONE = kind_of("one")


def node_that_holds(number: int) -> Scene:
    """One CPU; tasks were short so far, and so it has some more."""
    scene = Scene(cpus=1)
    scene.claim(ONE)
    scene.ready(1)
    scene.done(1, 1, seconds=FAST_S)
    scene.claim(ONE, number)
    return scene


def ahead(scene: Scene) -> str:
    return scene.machine.offer(JOB).split(";")[2]


def test_tasks_behind_one_that_turns_out_to_be_long_are_given_back() -> None:
    scene = node_that_holds(500)
    (first, *batch), asked = scene.running(1), []
    for effect in scene.pass_time(0.1):
        asked += effect if effect[0] == "ask back" else ()
    assert asked == ["ask back", 1]
    entries = [number.to_bytes(16, "big") for number in batch]
    scene.tell(m.TasksReturned(1, entries))
    given = [effect for effect in scene.pass_time(GIVE_BACK_S + 0.1) if effect[0] == "give back"]
    assert [sorted(effect[1:]) for effect in given] == [[n for n in range(2, 502) if n != first]]
    assert ahead(scene) == "", "no more are wanted"
    scene.done(1, first)
    assert scene.machine.waiting() == 0


def test_while_they_go_on_all_stay() -> None:
    scene = node_that_holds(300)
    for _ in range(20):
        scene.done(1, *scene.running(1), seconds=FAST_S)
        assert not any(effect[0] == "give back" for effect in scene.pass_time(GIVE_BACK_S / 2))
        if not scene.running(1):
            break


def test_what_waits_its_turn_behind_others_stays() -> None:
    """It was asked for, to have a turn here at all: it must be here when a seat is left."""
    scene = Scene(cpus=2)
    scene.claim(ONE, 2)
    scene.ready(1, 2)
    scene.claim(kind_of("two", "CPU:20000"))
    assert not any(effect[0] == "give back" for effect in scene.pass_time(5))
    assert scene.machine.waiting() == 1
    assert scene.machine.may_go(5.0) == {JOB: 0.0}, "but it may go, if others have room"
    idle = ["2;CPU:10000;", "0;CPU:40000;"]
    assert scene.tell(m.OthersStandIdle(JOB, idle)) == [], "who has too little does not help"


def test_it_goes_when_another_node_stands_idle_that_has_room() -> None:
    scene = Scene(cpus=1)
    scene.claim(kind_of("long"))
    scene.ready(1)
    scene.claim(ONE, 2)
    idle = m.OthersStandIdle(JOB, ["1;CPU:10000;"])
    scene.pass_time(MAY_GO_AFTER_S / 2)
    assert scene.machine.may_go(scene.now) == {}
    assert scene.tell(idle) == [], "its turn may come any moment"
    scene.pass_time(MAY_GO_AFTER_S)
    assert scene.tell(m.OthersStandIdle(OTHER_JOB, idle.offers)) == []
    assert scene.tell(idle) == [("give back", 2, 3)]
    assert scene.machine.may_go(scene.now) == {}


def test_it_goes_as_well_when_nothing_moves_for_long() -> None:
    """Others that are never idle may come to it sooner.  When something moves it may come again.

    1. Tasks of hours have all CPUs.  2. One of another queue is taken, to have its turn here.
    3. On another node one task of that queue ends, and the next begins, without end.
    """
    scene = Scene(cpus=2)
    scene.claim(ONE, 2)
    scene.ready(1, 2)
    two = kind_of("two", "CPU:20000")
    scene.claim(two)
    assert ("give back", 3) not in scene.pass_time(KEPT_S - GIVE_BACK_S)
    assert ("give back", 3) in scene.pass_time(2 * GIVE_BACK_S)
    scene.tell(m.Tick())
    scene.tell(m.QueuesSeen(JOB, [two.queue]))
    assert ahead(scene) == ""
    scene.done(1, 1)
    scene.claim(ONE)
    assert ahead(scene) == f"{two.queue}=1"
    scene.claim(two)
    scene.pass_time(MAY_GO_AFTER_S)
    assert scene.machine.may_go(scene.now) == {JOB: 0.0}, "it waits since it came first"


def test_a_large_task_has_its_turn_although_it_went_back_between_small_ones() -> None:
    """Small ones of 40 s have both CPUs, and end 20 s apart: longer than it is kept first."""
    scene, two, ends = Scene(cpus=2), kind_of("two", "CPU:20000"), {1: 40, 2: 60}
    scene.claim(ONE, 2)
    scene.ready(1, 2)
    scene.claim(two)
    went_back = 0
    for second in range(1, 400):
        went_back += scene.pass_time(1).count(("give back", 3))
        if not scene.machine.queues:
            scene.tell(m.QueuesSeen(JOB, [two.queue]))
        for worker in [worker for worker, end in ends.items() if end == second]:
            scene.done(worker, *scene.running(worker))
            del ends[worker]
        if any(worker.seat is two for worker in scene.machine.busy.values()):
            assert went_back > 1
            return
        if two.queue in ahead(scene):
            scene.tell(m.TasksClaimed([m.Held(task_id(3), b"", b"", two)]))
        elif f"CPU:{UNIT}" in scene.machine.offer(JOB):
            scene.claim(ONE)
            ends |= {number: second + 40 for number in scene.machine.busy if number not in ends}
    pytest.fail("it never had its turn")


@pytest.mark.parametrize(
    ("offer", "goes"),
    [("1;@ab:1,CPU:10000;", True), ("1;CPU:10000,~:1;", True), ("1;@cd:1,CPU:10000;", False)],
)
def test_what_wishes_for_a_node_goes_there_or_to_a_hungry_one(offer: str, *, goes: bool) -> None:
    assert fits(offer, kind_of("rather", wish="ab")) is goes
    assert fits(offer, kind_of("spread", wish="spread"))


def test_what_another_node_left_does_not_feed() -> None:
    """A hungry node stays so until it is given what may as well run here."""
    scene = Scene(cpus=2)
    scene.tell(m.Tick())
    scene.pass_time(1)
    assert scene.machine.hungry
    scene.tell(m.TasksClaimed([replace(scene.held(ONE), moved=True)]))
    assert scene.machine.hungry
    scene.claim(ONE)
    assert not scene.machine.hungry
