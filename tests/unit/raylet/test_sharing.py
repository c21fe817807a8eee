"""What a node holds ahead goes back when it does not get to it."""

from __future__ import annotations

from hyperloom.raylet import messages as m
from hyperloom.raylet.sharing import GIVE_BACK_S
from tests.unit.raylet.scene import FAST_S, JOB, Scene, kind_of

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
    """It was asked for, to have a turn here at all; given back it would never have one."""
    scene = Scene(cpus=2)
    scene.claim(ONE, 2)
    scene.ready(1, 2)
    scene.claim(kind_of("two", "CPU:20000"))
    assert not any(effect[0] == "give back" for effect in scene.pass_time(5))
    assert scene.machine.waiting() == 1
