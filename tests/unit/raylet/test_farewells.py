"""How actors on a node end: when nobody has them any more, and when their program ends."""

from __future__ import annotations

import pytest

from hyperloom.raylet import messages as m
from hyperloom.raylet.hosting import REST_S
from tests.unit.raylet.scene import JOB, Scene, kind_of, task_id

ACTOR = kind_of("actor", "", role="actor", single=True)
CALL = kind_of("call", role="call")
GRACE_S = 5.0


def hosting(*, farewell: bool = False, calls: int = 0) -> Scene:
    """Worker 1 hosts actor 1, which was sent so many calls."""
    scene = Scene()
    scene.claim(ACTOR)
    scene.ready(1)
    scene.tell(m.ActorOpened(1, farewell))
    if calls:
        scene.tell(m.CallsDealt(task_id(1), [scene.held(CALL) for _ in range(calls)]))
    return scene


def unwanted(scene: Scene, how: str) -> list[tuple]:
    return scene.tell(m.ActorUnwanted(task_id(1), how))  # type: ignore[arg-type]


@pytest.mark.parametrize("farewell", [True, False])
def test_an_idle_one_has_its_time_when_its_program_ends(farewell: bool) -> None:  # noqa: FBT001
    scene = hosting(farewell=farewell)
    assert unwanted(scene, "part") == [("end", 1)]
    assert scene.machine.has_actors(JOB)
    assert scene.pass_time(GRACE_S - 1) == []
    assert scene.pass_time(1) == [("kill", 1)]
    scene.tell(m.WorkerExited(1, 1))
    assert not scene.machine.has_actors(JOB)


def test_one_at_work_ends_at_once_unless_it_has_a_farewell() -> None:
    assert unwanted(hosting(calls=2), "part") == [("kill", 1)]
    assert unwanted(hosting(calls=2, farewell=True), "part") == [("end", 1, "forget")]


def test_one_that_nobody_has_keeps_its_time_when_its_job_ends_but_not_more_than_others() -> None:
    scene = hosting()
    assert unwanted(scene, "rest") == [("end", 1)]
    assert scene.tell(m.JobEnded(JOB)) == [], "it is not killed in its last words"
    assert scene.pass_time(GRACE_S) == [("kill", 1)]
    scene = hosting()
    unwanted(scene, "rest")
    assert scene.pass_time(REST_S - 1) == []
    scene.tell(m.JobEnded(JOB))
    assert scene.pass_time(1) == [("kill", 1)], "nor gets it more than it had"


def test_one_whose_job_ends_without_a_farewell_is_killed() -> None:
    assert hosting(farewell=True).tell(m.JobEnded(JOB)) == [("kill", 1)]
