"""Actors on a node: what becomes of their calls when they are killed."""

from __future__ import annotations

from hyperloom.raylet import messages as m
from tests.unit.raylet.scene import Scene, kind_of

ACTOR = kind_of("actor", "", role="actor", single=True)
CALL = kind_of("call", "", role="call")


def hosting(scene: Scene, calls: int) -> tuple[m.Held, list[m.Held]]:
    """An actor in worker 1, with calls that it was sent."""
    scene.claim(ACTOR)
    scene.ready(1)
    actor = scene.machine.workers[1].sent[0]
    scene.machine.handle(m.ActorOpened(1), scene.now)
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
