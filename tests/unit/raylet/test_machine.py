"""The node machine, one decision at a time: deaths, cancellation, time, memory, ends of jobs."""

from __future__ import annotations

from math import inf
from typing import get_args

from hyperloom.raylet import messages as m
from hyperloom.raylet.ends import CALM_S, STILLBORN_MOST
from hyperloom.raylet.machine import HANDLERS
from tests.unit.raylet.scene import FAST_S, JOB, OTHER_JOB, Scene, kind_of, task_id

ONE = kind_of("one")
GRACE_S = 5.0


def batch_scene(tasks: int = 4) -> Scene:
    """One CPU, one worker with so many short tasks: 2, 3, …"""
    scene = Scene(cpus=1)
    scene.claim(ONE)
    scene.ready(1)
    scene.done(1, 1, seconds=FAST_S)
    scene.claim(ONE, tasks)
    assert scene.running(1) == list(range(2, 2 + tasks))
    return scene


def test_every_event_has_a_handler() -> None:
    assert HANDLERS.keys() == set(get_args(m.Event))


# -- deaths -----------------------------------------------------------------------------------


def test_a_death_in_a_batch_tells_apart_what_ended_what_ran_and_what_did_not() -> None:
    scene = batch_scene()
    begun = 1 + 2  # the first of all, and two of the batch
    assert scene.tell(m.WorkerExited(1, begun)) == [
        ("lost", 2, 1, "was there", ""),
        ("lost", 3, 1, "died", ""),
        ("start", 2, JOB),
    ]
    assert scene.ready(2) == [("run", 2, 4, 5)], "these were not begun: no attempt is lost"


def test_a_worker_that_dies_before_it_begins_loses_nothing() -> None:
    scene = Scene(cpus=1)
    scene.claim(ONE, 2)
    scene.ready(1)
    scene.tell(m.WorkerExited(1, 0))
    assert scene.pass_time(1) == [("start", 2, JOB)]
    assert scene.ready(2) == [("run", 2, 1)]


def test_a_node_that_cannot_start_workers_slows_down_and_says_so_in_the_end() -> None:
    scene = Scene(cpus=1)
    scene.claim(ONE, 2)
    starts = [0.0]
    for worker in range(1, STILLBORN_MOST):
        assert scene.tell(m.WorkerExited(worker, 0)) == []
        starts.append(scene.machine.due)
        assert ("start", worker + 1, JOB) in scene.pass_time(scene.machine.due - scene.now)
    assert starts[1:] == sorted(starts[1:])
    assert scene.tell(m.WorkerExited(STILLBORN_MOST, 0)) == [("lost", 1, 3, "died", "")]


def test_a_worker_that_said_it_leaves_gets_nothing_more() -> None:
    scene = batch_scene(1)
    scene.done(1, 2, seconds=FAST_S)
    scene.tell(m.WorkerLeaving(1))
    assert scene.claim(ONE) == [("start", 2, JOB)]
    assert scene.tell(m.WorkerExited(1, 2)) == []


def test_tasks_that_crossed_the_word_of_leaving_run_elsewhere() -> None:
    scene = batch_scene(2)
    scene.tell(m.WorkerLeaving(1))
    assert scene.tell(m.WorkerExited(1, 1)) == [("start", 2, JOB)]
    assert scene.ready(2) == [("run", 2, 2, 3)]


def test_a_worker_that_leaves_and_does_not_end_is_killed() -> None:
    scene = batch_scene(1)
    scene.tell(m.WorkerLeaving(1))
    assert ("kill", 1) in scene.pass_time(GRACE_S)


# -- another in its place ---------------------------------------------------------------------


def test_a_task_that_names_another_in_its_place_leaves_its_worker_free() -> None:
    scene = batch_scene(1)
    told = scene.tell(m.TaskRedirected(1, task_id(2), b"record"))
    assert told == [("redirect", 2, b"record")]
    assert scene.claim(ONE) == [("run", 1, 3)]


def test_a_cancelled_task_that_names_another_is_cancelled() -> None:
    """1. Its worker is told to stop it.  2. It had just ended, by naming another."""
    scene = batch_scene(1)
    scene.tell(m.CancelAsked(task_id(2), force=False))
    told = scene.tell(m.TaskRedirected(1, task_id(2), b"record"))
    assert told == [("failed", 2, "cancelled")]


def test_what_a_lost_node_names_is_not_passed_on() -> None:
    scene = batch_scene(1)
    scene.tell(m.NodeGivenUp())
    assert scene.tell(m.TaskRedirected(1, task_id(2), b"record")) == []


# -- cancellation -----------------------------------------------------------------------------


def test_a_task_that_waits_here_is_cancelled_at_once() -> None:
    scene = Scene(cpus=1)
    scene.claim(ONE, 2)
    assert scene.tell(m.CancelAsked(task_id(2), force=False)) == [("failed", 2, "cancelled")]


def test_a_task_that_runs_is_asked_to_stop_and_then_killed() -> None:
    scene = batch_scene(1)
    assert scene.tell(m.CancelAsked(task_id(2), force=False)) == [("stop", 1, 2, "cancelled")]
    assert scene.tell(m.CancelAsked(task_id(2), force=False)) == [], "it has been asked"
    assert scene.pass_time(GRACE_S) == [("kill", 1)]
    assert scene.tell(m.WorkerExited(1, 2)) == [("failed", 2, "cancelled")]


def test_force_kills_at_once_a_worker_that_has_nothing_else() -> None:
    scene = batch_scene(1)
    assert scene.tell(m.CancelAsked(task_id(2), force=True)) == [("kill", 1)]
    assert scene.tell(m.WorkerExited(1, 2)) == [("failed", 2, "cancelled")]


def test_force_after_a_friendly_word_does_not_wait_any_longer() -> None:
    scene = batch_scene(1)
    scene.tell(m.CancelAsked(task_id(2), force=False))
    assert scene.tell(m.CancelAsked(task_id(2), force=True)) == [("kill", 1)]


def test_force_gives_a_task_that_may_have_ended_a_moment_to_say_so() -> None:
    """Else the next of the batch would die in its place."""
    scene = batch_scene(2)
    told = scene.tell(m.CancelAsked(task_id(2), force=True))
    assert told == [("stop", 1, 2, "cancelled"), ("ask back", 1)]
    scene.done(1, 2, seconds=FAST_S)
    assert scene.pass_time(1) == []


def test_the_patience_with_one_task_is_not_inherited_by_the_next() -> None:
    scene = batch_scene(2)
    scene.tell(m.CancelAsked(task_id(2), force=False))
    scene.done(1, 2, seconds=FAST_S)
    assert ("kill", 1) not in scene.pass_time(2 * GRACE_S)


def test_a_cancelled_task_that_comes_back_unbegun_does_not_run_again() -> None:
    scene = batch_scene(3)
    scene.tell(m.CancelAsked(task_id(4), force=False))
    returned = m.TasksReturned(1, [task_id(3), task_id(4)])
    assert scene.tell(returned)[0] == ("failed", 4, "cancelled")


def test_a_cancelled_task_of_a_dead_worker_is_cancelled_and_not_retried() -> None:
    scene = batch_scene(3)
    scene.tell(m.CancelAsked(task_id(3), force=False))
    effects = scene.tell(m.WorkerExited(1, 2))
    assert effects[:2] == [("lost", 2, 1, "died", ""), ("failed", 3, "cancelled")]


def test_what_is_not_here_may_be_on_its_way_or_back_in_the_queue() -> None:
    scene = Scene()
    asked = scene.tell(m.CancelAsked(task_id(7), force=True))
    assert asked == [("cancel elsewhere", 7, True)]


# -- time, memory -----------------------------------------------------------------------------


def test_a_task_is_stopped_when_its_time_is_over() -> None:
    scene = Scene(cpus=1)
    scene.claim(kind_of("short", timeout_s=0.4, single=True), 2)
    scene.ready(1)
    assert scene.pass_time(0.39) == []
    assert scene.pass_time(0.01) == [("stop", 1, 1, "timeout")]
    assert scene.done(1, 1) == [("run", 1, 2)]
    assert scene.pass_time(0.4 + GRACE_S) == [("stop", 1, 2, "timeout"), ("kill", 1)]
    assert scene.tell(m.WorkerExited(1, 2)) == [("failed", 2, "timeout")]


def test_memory_takes_one_worker_and_then_tasks_run_one_at_a_time() -> None:
    scene = Scene(cpus=2)
    scene.claim(ONE, 2)
    scene.ready(1, 2)
    assert scene.tell(m.MemoryShort(1)) == [("kill", 1)]
    assert scene.tell(m.MemoryShort(1)) == [], "it is dying already"
    assert scene.tell(m.WorkerExited(1, 1)) == [("lost", 1, 1, "died", "oom")]
    assert scene.claim(ONE, 2) == [], "the other one runs"
    assert scene.done(2, 2) == [("run", 2, 3)]
    assert scene.pass_time(CALM_S) == [("start", 3, JOB)]


def test_memory_spares_who_has_nothing() -> None:
    scene = batch_scene(1)
    scene.done(1, 2)
    assert scene.tell(m.MemoryShort(1)) == []
    assert scene.tell(m.MemoryShort(99)) == []


# -- ends -------------------------------------------------------------------------------------


def test_a_job_takes_its_workers_with_it_also_those_that_start() -> None:
    scene = Scene(cpus=2)
    scene.claim(ONE, 3)
    scene.ready(1)
    assert scene.tell(m.JobEnded(JOB)) == [("kill", 1), ("kill", 2)]
    assert scene.ready(2) == [], "it came up before it was killed, and gets nothing"
    assert scene.claim(kind_of("theirs", job=OTHER_JOB))[0][0] == "start"
    scene.tell(m.WorkerExited(1, 1))
    scene.tell(m.WorkerExited(2, 0))
    assert scene.machine.stillborn == 0


def test_a_node_that_was_given_up_ends_all_that_it_runs() -> None:
    scene = Scene(cpus=1)
    scene.claim(ONE, 3)
    scene.ready(1)
    assert scene.tell(m.NodeGivenUp()) == [("kill", 1)]
    assert scene.tell(m.WorkerExited(1, 1)) == []
    assert not scene.machine.queues


def test_a_node_that_was_given_up_ends_workers_that_stand_idle_and_those_that_start() -> None:
    """Whoever buried the node buried its processes: nothing that they say is heard any more."""
    scene = Scene(cpus=2)
    scene.claim(ONE)
    scene.ready(1)
    scene.done(1, 2)
    scene.claim(kind_of("theirs", job=OTHER_JOB))
    assert scene.tell(m.NodeGivenUp()) == [("kill", 1), ("kill", 2)]
    assert scene.ready(2) == []
    assert scene.claim(ONE) == [("start", 3, JOB)]


def test_what_the_control_plane_does_not_know_of_is_forgotten_without_a_word() -> None:
    """And what the worker had besides is lost, or goes back, as when it dies."""
    scene = batch_scene(4)
    scene.claim(ONE, 2)  # these wait
    forgotten = {task_id(number) for number in (3, 4, 6)}
    assert scene.tell(m.TasksDisowned(forgotten)) == [("kill", 1)]
    assert scene.tell(m.WorkerExited(1, 3)) == [
        ("lost", 2, 1, "was there", "ended"),
        ("start", 2, JOB),
    ]
    assert scene.ready(2) == [("run", 2, 5, 7)]


def test_a_task_that_nobody_has_is_nothing_to_be_disowned() -> None:
    scene = batch_scene(1)
    assert scene.tell(m.TasksDisowned({task_id(1), task_id(9)})) == []


def test_a_thread_of_an_ended_task_may_wait_without_anybody_losing_a_cpu() -> None:
    """1. a task's thread waits  2. the task ends  3. the thread goes on."""
    scene = batch_scene(1)
    scene.block(1)
    scene.done(1, 2)
    scene.tell(m.WorkerUnblocked(1))
    assert scene.machine.free == scene.machine.total
    assert scene.claim(ONE) == [("run", 1, 3)]


def test_a_node_at_rest_is_not_ticked() -> None:
    scene = Scene(cpus=2)
    scene.claim(ONE, 2)
    scene.ready(1, 2)
    scene.done(1, 1)
    scene.done(2, 2)
    assert scene.pass_time(60) == []
    assert scene.machine.due == inf


# -- light tasks ------------------------------------------------------------------------------

LIGHT = kind_of("light", "", light=True)


def test_light_tasks_need_no_worker() -> None:
    scene = Scene(cpus=1)
    assert scene.claim(LIGHT, 2) == [("run here", 1, 2)]
    assert scene.tell(m.RanHere([task_id(1), task_id(2)], [])) == []
    assert not scene.machine.here


def test_one_that_turns_out_to_be_a_workers_becomes_a_task_as_others() -> None:
    scene = Scene(cpus=1)
    scene.claim(LIGHT, 2)
    refused = scene.machine.here[task_id(2)]
    assert scene.tell(m.RanHere([task_id(1)], [refused])) == [("start", 1, JOB)]
    assert scene.ready(1) == [("run", 1, 2)]


def test_large_ones_are_a_workers_from_the_beginning() -> None:
    scene = Scene(cpus=1)
    held = m.Held(task_id(1), b"", bytes(m.LIGHT_BYTES + 1), LIGHT)
    assert scene.tell(m.TasksClaimed([held])) == [("start", 1, JOB)]


def test_those_of_workers_have_no_more_workers_than_there_are_cpus() -> None:
    """They ask for nothing; if each had a worker as soon as it can, there would be dozens."""
    scene = Scene(cpus=2, most=10)
    many = [m.Held(task_id(n), b"", bytes(m.LIGHT_BYTES + 1), LIGHT) for n in range(1, 9)]
    assert scene.tell(m.TasksClaimed(many)) == [("start", 1, JOB), ("start", 2, JOB)]
    assert scene.ready(1, 2) == [("run", 1, 1), ("run", 2, 2)]
    assert scene.done(1, 1, seconds=FAST_S) == [
        ("run", 1, 3, 4, 5),
        ("run", 2, 6, 7),
        ("run", 1, 8),
    ]


def test_a_cancelled_one_is_reported_at_once_and_not_again() -> None:
    scene = Scene(cpus=1)
    scene.claim(LIGHT, 2)
    assert scene.tell(m.CancelAsked(task_id(1), force=False)) == [("failed", 1, "cancelled")]
    assert [*scene.machine.here] == [task_id(2)]
    assert scene.tell(m.JobEnded(JOB)) == []
    assert not scene.machine.here
