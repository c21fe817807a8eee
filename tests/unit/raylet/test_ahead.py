"""A full node takes tasks ahead whose inputs lie elsewhere: how many, and how they leave again."""

from __future__ import annotations

import pytest

from hyperloom.raylet import messages as m
from hyperloom.raylet.ahead import KEPT_S, LOOK_AGAIN_S
from hyperloom.raylet.sharing import GIVE_BACK_S, MAY_GO_AFTER_S
from tests.unit.raylet.scene import JOB, OTHER_JOB, SLOW_S, Scene, kind_of, task_id

ONE = kind_of("one")
PINNED = kind_of("pinned", "@node:1,CPU:10000")
MIB = 1 << 20


def full_node(cpus: float = 1, mebibytes: int = 100) -> Scene:
    """Each CPU has a long task (1, 2, …)."""
    scene = Scene(cpus, prefetch_bytes=mebibytes * MIB, **{"@node": 1})
    scene.claim(ONE, int(cpus))
    scene.ready(*range(1, int(cpus) + 1))
    return scene


def held(scene: Scene, kind: m.Kind = ONE, mebibytes: int = 20) -> m.Held:
    task = scene.held(kind)
    task.away = mebibytes * MIB
    return task


def lack(scene: Scene, number: int = 1, mebibytes: int = 20) -> list[tuple]:
    return scene.tell(m.TasksLacking([held(scene, ONE, mebibytes) for _ in range(number)]))


def ahead(scene: Scene, job: bytes = JOB) -> dict[str, int]:
    extra = scene.machine.offer(job).split(";")[2:]
    return {name: int(n) for name, _, n in (each.rpartition("=") for each in extra if each)}


def test_one_is_held_for_each_seat_and_fetched_while_that_is_taken() -> None:
    scene = full_node(cpus=2)
    assert ahead(scene) == {}, "nothing is known of the queue"
    lack(scene)
    assert ahead(scene) == {ONE.queue: 1}
    lack(scene)
    assert ahead(scene) == {}
    scene.tell(m.InputsHere(task_id(3)))
    scene.tell(m.InputsHere(task_id(4)))
    assert ahead(scene) == {}, "these wait for their turn"
    assert scene.done(1, 1, seconds=SLOW_S) == [("run", 1, 3)]
    assert ahead(scene) == {ONE.queue: 1}
    assert ahead(scene, OTHER_JOB) == {}


def test_tasks_without_large_inputs_are_not_held() -> None:
    scene = full_node()
    lack(scene, mebibytes=0)
    scene.tell(m.CancelAsked(task_id(2), force=False))
    assert ahead(scene) == {}


def test_a_queue_whose_inputs_are_here_again_draws_no_more() -> None:
    scene = full_node()
    lack(scene)
    for number in range(2, 20):
        scene.tell(m.InputsHere(task_id(number)))
        scene.done(1, number - 1)
        scene.claim(ONE)
    assert ahead(scene) == {}


@pytest.mark.parametrize(("mebibytes", "asked"), [(100, 3), (65, 2), (50, 1), (39, 0), (0, 0)])
def test_what_comes_ahead_is_bounded(mebibytes: int, asked: int) -> None:
    """It holds one of 20 MiB already, of the four that its seats would be good for."""
    scene = full_node(cpus=4, mebibytes=mebibytes)
    lack(scene)
    assert ahead(scene) == ({ONE.queue: asked} if asked else {})


def test_it_is_bounded_by_the_memory_that_is_left_too() -> None:
    scene = full_node(cpus=4)
    lack(scene)
    assert scene.tell(m.RoomSeen(45 * MIB)) == []
    assert ahead(scene) == {ONE.queue: 1}, "that one is still to come"
    assert scene.tell(m.RoomSeen(10 * MIB)) == []
    assert ahead(scene) == {}


def test_when_memory_is_short_what_has_not_come_goes_back() -> None:
    scene = full_node(cpus=4)
    lack(scene, 2)
    scene.tell(m.InputsHere(task_id(5)))
    assert scene.tell(m.RoomSeen(0)) == [("give back", 6)]
    assert scene.machine.waiting() == 1, "what has come stays"
    assert scene.tell(m.InputsHere(task_id(6))) == []


def test_what_has_a_seat_waiting_for_it_stays_when_memory_is_short() -> None:
    scene = Scene(2, prefetch_bytes=100 * MIB)
    lack(scene, 2)
    assert scene.tell(m.RoomSeen(0)) == []


def test_a_task_goes_to_who_stands_idle_also_while_its_inputs_come() -> None:
    scene = full_node()
    lack(scene)
    idle = m.OthersStandIdle(JOB, ["1;CPU:10000;"])
    assert scene.tell(idle) == [], "its turn may come any moment"
    scene.pass_time(MAY_GO_AFTER_S)
    assert scene.machine.may_go(scene.now) == {JOB: 0.0}
    assert scene.tell(m.OthersStandIdle(JOB, ["0;CPU:10000;", "1;CPU:5000;"])) == []
    assert scene.tell(idle) == [("give back", 2)]
    assert scene.machine.may_go(scene.now) == {}
    assert not scene.machine.fetching


def test_what_was_fetched_is_kept_for_longer_than_other_tasks_but_not_for_ever() -> None:
    """And when it went back no other is taken, until something has ended or begun."""
    scene = full_node()
    lack(scene)
    scene.tell(m.InputsHere(task_id(2)))
    assert scene.pass_time(KEPT_S - 2 * GIVE_BACK_S) == [("ask back", 1)][:0]
    assert scene.pass_time(3 * GIVE_BACK_S) == [("give back", 2)]
    assert ahead(scene) == {}
    scene.claim(ONE)
    scene.done(1, 1, seconds=SLOW_S)
    scene.pass_time(1)
    assert ahead(scene) == {ONE.queue: 1}


SPREAD = kind_of("spread", wish="spread")


def test_those_taken_ahead_do_not_wait_for_ever_behind_long_tasks_of_others() -> None:
    """They go back, the one that has its turn here too.

    1. Tasks of hours have all CPUs.  2. Of another queue one is taken ahead for each of these, and
    their inputs come.  3. Other nodes are never idle, but would have had room for them in a moment.
    """
    scene = full_node(cpus=3)
    scene.tell(m.TasksLacking([held(scene, SPREAD) for _ in range(3)]))
    for number in (4, 5, 6):
        scene.tell(m.InputsHere(task_id(number)))
    assert ("give back", 4, 5, 6) not in scene.pass_time(KEPT_S - GIVE_BACK_S)
    assert ("give back", 4, 5, 6) in scene.pass_time(2 * GIVE_BACK_S)
    assert ahead(scene) == {}


def test_none_are_taken_ahead_of_what_lacks_other_things_than_those_that_change_hands() -> None:
    scene = Scene(1, GPU=1, prefetch_bytes=100 * MIB)
    gpu = kind_of("gpu", "GPU:10000")
    scene.claim(gpu)
    scene.claim(ONE)
    scene.ready(1, 2)
    scene.tell(m.TasksLacking([held(scene, gpu)]))
    scene.tell(m.CancelAsked(task_id(3), force=False))
    assert ahead(scene) == {gpu.queue: 1}
    scene.pass_time(KEPT_S)
    scene.claim(ONE)
    scene.done(2, 2)
    assert ahead(scene).get(gpu.queue) is None


def test_tasks_that_were_not_fetched_go_back_before_those_that_were() -> None:
    scene = full_node()
    lack(scene)
    scene.tell(m.InputsHere(task_id(2)))
    scene.claim(ONE, 2)
    assert scene.pass_time(2 * GIVE_BACK_S) == [("give back", 3, 4)]
    assert scene.machine.waiting() == 1


# -- what is on its way is at hand too ------------------------------------------------------------


def test_what_is_fetched_is_at_hand_too() -> None:
    """1. Tasks are short, and some are wanted at hand.  2. Of those that come the inputs lie
    elsewhere.  3. While these are on their way no more are wanted: the queue would be emptied."""
    scene = full_node(mebibytes=0)
    scene.claim(ONE)
    scene.done(1, 1, seconds=0.05)
    assert ahead(scene) == {ONE.queue: 1}
    scene.tell(m.TasksLacking([scene.held(ONE)]))
    assert ahead(scene) == {}


def test_of_what_never_fits_one_is_fetched_for_its_turn() -> None:
    scene = full_node(cpus=2)
    two = kind_of("two", "CPU:20000")
    scene.tell(m.QueuesSeen(JOB, [two.queue]))
    assert ahead(scene) == {two.queue: 1}
    scene.tell(m.TasksLacking([scene.held(two)]))
    assert ahead(scene) == {}


# -- looking at what waits --------------------------------------------------------------------


def unknown(scene: Scene, kind: m.Kind) -> list[str]:
    return scene.machine.unknown(JOB, [kind.queue], scene.now)


@pytest.mark.parametrize("kind", [ONE, PINNED])
def test_the_first_of_a_queue_that_waits_for_a_seat_is_looked_at_now_and_then(kind: m.Kind) -> None:
    scene = full_node()
    assert unknown(scene, kind) == [kind.queue]
    assert unknown(scene, kind) == []
    scene.tell(m.FirstSeen(scene.held(kind)))
    assert kind.queue not in scene.machine.draws
    scene.pass_time(LOOK_AGAIN_S)
    assert unknown(scene, kind) == [kind.queue]
    scene.tell(m.FirstSeen(held(scene, kind)))
    assert ahead(scene) == {kind.queue: 1}
    scene.pass_time(LOOK_AGAIN_S)
    assert unknown(scene, kind) == [], "that is known"


@pytest.mark.parametrize(
    "kind",
    [
        kind_of("elsewhere", "@other:1,CPU:10000"),
        kind_of("large", "CPU:20000"),
        kind_of("fits", "GPU:10000"),
        kind_of("rather", wish="other"),
    ],
)
def test_others_are_not(kind: m.Kind) -> None:
    scene = Scene(1, prefetch_bytes=MIB, GPU=1)
    scene.claim(ONE)
    scene.ready(1)
    assert unknown(scene, kind) == []
    scene.tell(m.FirstSeen(held(scene, kind_of("rather", wish="other"))))
    assert not scene.machine.draws, "another node has the first choice of these"


def test_nor_is_any_when_nothing_is_to_be_fetched_ahead() -> None:
    scene = full_node(mebibytes=0)
    lack(scene)
    scene.tell(m.FirstSeen(held(scene)))
    assert not scene.machine.draws
    assert ahead(scene) == {}


def test_what_is_known_of_queues_ends_with_their_job() -> None:
    scene = full_node()
    unknown(scene, PINNED)
    lack(scene)
    scene.tell(m.JobEnded(JOB))
    assert not scene.machine.draws
    assert not scene.machine.looked_at
