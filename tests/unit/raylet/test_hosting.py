"""Actors on a node: what becomes of their calls when they are killed."""

from __future__ import annotations

from hyperloom.raylet import messages as m
from hyperloom.raylet.resting import LIVED_S
from tests.unit.raylet.scene import Scene, kind_of

ACTOR = kind_of("actor", "", role="actor", single=True)
CALL = kind_of("call", "", role="call")


def hosting(scene: Scene, calls: int) -> tuple[m.Held, list[m.Held]]:
    """An actor in worker 1, with calls that it was sent."""
    scene.claim(ACTOR)
    scene.ready(1)
    return opens(scene, 1, calls)


def opens(scene: Scene, worker: int, calls: int) -> tuple[m.Held, list[m.Held]]:
    """Its constructor has ended."""
    actor = scene.machine.workers[worker].sent[0]
    scene.machine.handle(m.ActorOpened(worker), scene.now)
    held = [scene.held(CALL) for _ in range(calls)]
    scene.machine.handle(m.CallsDealt(actor.task, held), scene.now)
    return actor, held


def test_which_calls_of_a_killed_actor_had_begun_is_told_when_its_worker_is_dead() -> None:
    scene = Scene()
    actor, calls = hosting(scene, 3)
    assert scene.tell(m.ActorUnwanted(actor.task, "kill")) == [("kill", 1)]
    scene.done(1, 2)  # it ends before the signal comes
    effects = scene.machine.handle(m.WorkerExited(1, 3), scene.now)
    assert effects == [m.ReportActorLeft(actor, [calls[1]])]
    scene.machine.check()


def test_of_an_actor_whose_job_has_ended_nothing_is_told() -> None:
    scene = Scene()
    actor, _ = hosting(scene, 2)
    scene.tell(m.ActorUnwanted(actor.task, "kill"))
    scene.tell(m.JobEnded(ACTOR.job))
    assert scene.tell(m.WorkerExited(1, 2)) == []


def test_of_what_the_control_plane_does_not_know_nothing_is_told() -> None:
    scene = Scene()
    actor, calls = hosting(scene, 2)
    scene.tell(m.ActorUnwanted(actor.task, "kill"))
    scene.tell(m.TasksDisowned({calls[0].entry}))
    effects = scene.machine.handle(m.WorkerExited(1, 3), scene.now)
    assert effects == [m.ReportActorLeft(actor, [calls[1]])]


def dies(scene: Scene, worker: int) -> list[tuple]:
    """The constructor in this worker kills its process; the control plane gives the actor back."""
    actor = scene.machine.workers[worker].sent[0]
    began = scene.machine.workers[worker].reported + 1
    effects = scene.machine.handle(m.WorkerExited(worker, began), scene.now)
    assert effects == [m.ReportActorLost(actor, worker, [])]
    return scene.tell(m.TasksClaimed([m.Held(actor.entry, b"", b"", ACTOR)]))


def test_an_actor_that_dies_again_and_again_waits_longer_each_time() -> None:
    scene = Scene()
    scene.claim(ACTOR)
    scene.ready(1)
    assert dies(scene, 1) == [("start", 2, ACTOR.job)], "at once"
    scene.ready(2)
    waited = []
    for worker in range(2, 14):
        assert dies(scene, worker) == []
        since, started = scene.now, []
        while not started:
            scene.now = scene.machine.due
            started = scene.tell(m.Tick())
        assert started == [("start", worker + 1, ACTOR.job)]
        scene.ready(worker + 1)
        waited.append(round(scene.now - since, 3))
    assert waited == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 12.8, 12.8, 12.8, 12.8]


def test_one_that_answered_or_lived_for_long_begins_again_at_once() -> None:
    scene = Scene()
    scene.claim(ACTOR)
    scene.ready(1)
    dies(scene, 1)
    scene.ready(2)
    call = opens(scene, 2, calls=1)[1][0]
    scene.machine.handle(m.TasksDone(2, [call.task], 0.1), scene.now)
    assert dies(scene, 2) == [("start", 3, ACTOR.job)]
    scene.ready(3)
    scene.pass_time(LIVED_S)
    assert dies(scene, 3) == [("start", 4, ACTOR.job)]
    scene.ready(4)
    assert dies(scene, 4) == []


def test_one_that_waits_is_not_begun_when_nobody_wants_it_any_more() -> None:
    scene = Scene()
    scene.claim(ACTOR)
    scene.ready(1)
    actor = scene.machine.workers[1].sent[0]
    dies(scene, 1)
    scene.ready(2)
    assert dies(scene, 2) == []
    assert scene.tell(m.ActorUnwanted(actor.task, "kill")) == []
    assert scene.pass_time(100) == []
    assert not scene.machine.fetching


def test_one_that_waits_goes_elsewhere_when_its_node_leaves() -> None:
    scene = Scene()
    scene.claim(ACTOR)
    scene.ready(1)
    dies(scene, 1)
    scene.ready(2)
    assert dies(scene, 2) == []
    assert scene.tell(m.NodeDrains(on=True)) == [("give back", 1)]
