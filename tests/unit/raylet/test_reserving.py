"""What a node does of tasks of placement groups, as stories."""

from __future__ import annotations

from hyperloom.raylet import messages as m
from hyperloom.raylet.messages import ReportFailed
from tests.unit.raylet.scene import Scene, kind_of

GROUP = b"group..1"
IN_IT = kind_of("in it", f"@^{GROUP.hex()}^*^CPU:10000").in_group()


def removed(scene: Scene) -> None:
    scene.tell(m.BundlesTold([], [GROUP]))


def test_a_task_that_comes_after_the_end_of_its_group_fails() -> None:
    scene = Scene(2)
    removed(scene)
    held = scene.held(IN_IT)
    assert scene.machine.handle(m.TasksClaimed([held]), 0.0) == [ReportFailed(held, 0, "removed")]
    assert (scene.machine.waiting(), scene.machine.fetching) == (0, {})


def test_so_does_one_whose_inputs_would_have_to_come() -> None:
    """
    1. A task is given to a node.  2. Its group is removed, and the node hears that first.  3. The
    task arrives, and lacks an input: fetched for what cannot run, it would wait here for ever.
    """
    scene = Scene(2)
    removed(scene)
    held, other = scene.held(IN_IT), scene.held(kind_of("one"))
    effects = scene.machine.handle(m.TasksLacking([held, other]), 0.0)
    assert effects == [ReportFailed(held, 0, "removed")]
    assert list(scene.machine.fetching) == [other.task]
