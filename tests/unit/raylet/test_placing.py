"""Who gets the node's resources: turns, priority, holding back, batches, bounds, offers."""

from __future__ import annotations

import pytest

from hyperloom.raylet import messages as m
from hyperloom.raylet.hunger import HUNGRY_AFTER_S
from hyperloom.raylet.placing import (
    HOLD_AFTER_S,
    HOLD_S,
    PAUSE_S,
    STEAL_AFTER_S,
    UNBOUNDED_AFTER_S,
)
from tests.unit.raylet.scene import FAST_S, JOB, OTHER_JOB, SLOW_S, Scene, kind_of, task_id

ONE = kind_of("one")
TWO = kind_of("two", "CPU:20000")


def busy_scene(cpus: float = 2, **more) -> Scene:
    """A worker for each CPU, each with a long task of one CPU (tasks 1, 2, …)."""
    scene = Scene(cpus, **more)
    scene.claim(ONE, int(cpus))
    scene.ready(*range(1, int(cpus) + 1))
    assert all(scene.running(n) == [n] for n in range(1, int(cpus) + 1))
    return scene


# -- turns ------------------------------------------------------------------------------------


def test_a_large_task_runs_amid_a_stream_of_small_ones() -> None:
    """As soon as it starves, what becomes free is kept for it."""
    scene = busy_scene()
    scene.claim(TWO)  # task 3
    scene.claim(ONE, 10)  # 4 to 13
    assert scene.done(1, 1) == [("run", 1, 4)], "at first nobody minds"
    scene.pass_time(HOLD_AFTER_S)
    assert scene.done(1, 4) == [], "then the CPU is kept"
    assert scene.done(2, 2) == [("run", 2, 3)]
    assert scene.done(2, 3) == [("run", 2, 5), ("run", 1, 6)]


def test_a_stream_of_batches_does_not_starve_another_queue() -> None:
    """Workers that are topped up again and again would keep their seats for ever."""
    scene = Scene(cpus=1)
    fast = kind_of("fast")
    other = kind_of("other", "CPU:5000")
    scene.claim(fast)
    scene.ready(1)
    scene.done(1, 1, seconds=FAST_S)
    assert scene.claim(fast, 900)[0][:2] == ("run", 1)
    scene.claim(other)  # task 902
    scene.now += 0.001
    assert scene.done(1, *scene.running(1)[:-9], seconds=FAST_S)[0][:2] == ("run", 1)
    scene.pass_time(HOLD_AFTER_S)
    scene.now += 0.001
    sent = scene.running(1)
    assert scene.done(1, *sent[:-1], seconds=FAST_S) == [], "it is not topped up"
    assert scene.done(1, sent[-1], seconds=FAST_S) == [("run", 1, 902)]


def test_jobs_take_turns() -> None:
    scene = Scene(cpus=1)
    mine, theirs = kind_of("mine"), kind_of("theirs", job=OTHER_JOB)
    scene.claim(mine, 3)
    scene.ready(1)
    scene.now += 0.001
    assert scene.claim(theirs, 2) == []
    assert scene.pass_time(HOLD_AFTER_S) == [("start", 2, OTHER_JOB)], "before there is room"
    scene.ready(2)
    for worker, task, then in [(1, 1, (1, 2)), (1, 2, (2, 4)), (2, 4, (1, 3)), (1, 3, (2, 5))]:
        scene.now += 0.001
        assert scene.done(worker, task) == [("run", *then)]


def test_a_higher_priority_goes_first_and_is_not_held_up_by_batches() -> None:
    scene = Scene(cpus=1)
    low, high = kind_of("low"), kind_of("high", priority=5)
    scene.claim(low)
    scene.ready(1)
    scene.done(1, 1, seconds=FAST_S)
    scene.claim(low, 500)
    scene.claim(high)
    sent = scene.running(1)
    assert scene.done(1, *sent[:-1], seconds=FAST_S) == [], "no top-up meanwhile"
    assert scene.done(1, sent[-1], seconds=FAST_S) == [("run", 1, 502)]


def test_a_lower_priority_holds_nothing_back_from_a_higher_one() -> None:
    scene = busy_scene()
    high = kind_of("high", priority=1)
    scene.claim(TWO)
    scene.pass_time(HOLD_AFTER_S)
    scene.claim(high, 2)
    assert scene.done(1, 1) == [("run", 1, 4)]


def test_holding_back_pauses_in_case_it_waits_for_those_it_holds_back() -> None:
    """1. a parent holds a GPU  2. a task wants two  3. the parent's child wants one."""
    scene = Scene(cpus=4, GPU=2)
    parent, both = kind_of("parent", "GPU:10000"), kind_of("both", "GPU:20000")
    child = kind_of("child", "GPU:10000")
    scene.claim(parent)
    scene.ready(1)
    scene.block(1)
    scene.claim(both)
    assert scene.pass_time(HOLD_AFTER_S) == [("start", 2, JOB)], "the first one may wait long"
    scene.ready(2)
    assert scene.claim(child) == [], "held back"
    assert scene.pass_time(HOLD_S - 0.1) == []
    assert scene.pass_time(PAUSE_S) == [("run", 2, 3, (1,))]


def test_what_no_node_like_this_has_holds_nothing_back() -> None:
    scene = busy_scene(cpus=1)
    scene.claim(kind_of("huge", "CPU:90000"))
    scene.claim(ONE)
    scene.pass_time(0.4)
    assert scene.done(1, 1) == [("run", 1, 3)]


# -- resources --------------------------------------------------------------------------------


def test_fractions_add_up_exactly() -> None:
    scene = Scene(cpus=1)
    scene.claim(kind_of("tenth", "CPU:1000"), 12)
    for worker in range(1, 11):
        if worker in scene.machine.workers:
            scene.ready(worker)
    while starting := [w for w in scene.machine.workers.values() if w.state == "starting"]:
        scene.ready(starting[0].number)
    assert scene.machine.free == {"CPU": 0}
    assert sum(len(w.sent) for w in scene.machine.workers.values()) == 10


def test_a_task_that_asks_for_nothing_runs_beside_a_full_machine() -> None:
    scene = busy_scene()
    assert scene.claim(kind_of("nothing", "")) == [("start", 3, JOB)]
    assert scene.ready(3) == [("run", 3, 3)]


@pytest.mark.parametrize("shape", ["", "@node:1", "@^group^*^:1"])
def test_short_tasks_that_ask_for_nothing_have_a_worker_for_each_cpu(shape: str) -> None:
    scene = Scene(cpus=2, **{"@node": 1_000, "@^group^*^": 1_000})
    assert scene.claim(kind_of("nothing", shape), 100) == [("start", 1, JOB), ("start", 2, JOB)]
    scene.ready(1, 2)
    for _ in range(40):
        for worker in (1, 2):
            scene.pass_time(UNBOUNDED_AFTER_S / 2)
            effects = scene.done(worker, *scene.running(worker), seconds=0.01)
            assert [effect[0] for effect in effects] == ["run"]


def come_up(scene: Scene) -> int:
    """All workers that are on their way, and those that follow from it; how many."""
    number = 0
    while starting := [w.number for w in scene.machine.workers.values() if w.state == "starting"]:
        scene.ready(*starting)
        number += len(starting)
    return number


def test_tasks_that_ask_for_nothing_and_sleep_get_ever_more_workers() -> None:
    """They may wait for each other: in the end all of them run."""
    scene = Scene(cpus=2, most=100, utmost=100)
    scene.claim(kind_of("sleeps", ""), 50)
    rounds = [come_up(scene)]
    assert scene.machine.may_sleep(scene.now) == [], "they have just begun"
    while scene.machine.queues:
        scene.now += STEAL_AFTER_S
        scene.tell(m.WorkersAsleep(frozenset(scene.machine.may_sleep(scene.now))))
        rounds.append(come_up(scene))
    assert rounds == [2, 4, 8, 16, 20]
    assert scene.machine.may_sleep(scene.now + 1) == [], "nobody waits, so nobody asks"


def test_tasks_that_ask_for_nothing_and_compute_get_more_workers_only_after_long() -> None:
    scene = Scene(cpus=2)
    scene.claim(kind_of("computes", ""), 20)
    assert come_up(scene) == 2
    scene.tell(m.WorkersAsleep(frozenset()))
    assert come_up(scene) == 0
    scene.pass_time(UNBOUNDED_AFTER_S)
    assert come_up(scene) == 2


def test_an_actor_that_asks_for_nothing_has_a_worker_at_once() -> None:
    scene = Scene(cpus=2)
    assert len(scene.claim(kind_of("actor", "", role="actor", single=True), 20)) == 4
    more = scene.ready(1)
    assert more[0] == ("run", 1, 1)
    assert more[1][0] == "start"


def test_gpus_are_given_by_number_and_come_back() -> None:
    scene = Scene(cpus=4, GPU=2)
    half = kind_of("half", "GPU:5000")
    whole = kind_of("whole", "GPU:10000")
    scene.claim(half)
    assert scene.ready(1) == [("run", 1, 1, (0,))]
    scene.claim(whole)
    assert scene.ready(2) == [("run", 2, 2, (1,))]
    scene.claim(half)
    assert scene.ready(3) == [("run", 3, 3, (0,))]
    scene.claim(whole)
    assert scene.done(1, 1) == [], "half of each would do in sum, and does not"
    assert scene.done(3, 3) == [("run", 3, 4, (0,))]


# -- batches ----------------------------------------------------------------------------------


def test_short_tasks_are_shared_out_before_they_are_sent_in_batches() -> None:
    scene = busy_scene()
    scene.done(1, 1, seconds=FAST_S)
    scene.done(2, 2, seconds=FAST_S)
    first, second = scene.claim(ONE, 100)[:2]
    assert len(first) == 52, "half of them, since the other worker is free too"
    assert len(second) == 52


def test_a_long_task_does_not_hold_back_short_ones_sent_with_it() -> None:
    scene = Scene(cpus=1)
    scene.claim(ONE)
    scene.ready(1)
    scene.done(1, 1, seconds=FAST_S)
    scene.claim(ONE, 3)
    assert scene.running(1) == [2, 3, 4]
    assert scene.pass_time(STEAL_AFTER_S) == [("ask back", 1)]
    assert scene.pass_time(10) == [], "once"
    assert scene.tell(m.TasksReturned(1, [task_id(3), task_id(4)])) == []
    assert [task for q in scene.machine.queues.values() for task in q.tasks] != []
    assert scene.done(1, 2, seconds=FAST_S) == [("run", 1, 3, 4)]


def test_what_was_sent_while_its_worker_began_to_wait_is_asked_back() -> None:
    """It would lie behind the one that waits, maybe for it."""
    scene = Scene(cpus=1)
    scene.claim(ONE)
    scene.ready(1)
    scene.done(1, 1, seconds=FAST_S)
    scene.claim(ONE)
    scene.claim(ONE, 2)  # on their way, when the worker says:
    assert scene.block(1) == [("ask back", 1)]
    assert scene.tell(m.TasksReturned(1, [task_id(3), task_id(4)])) == [("start", 2, JOB)]


# -- bounds -----------------------------------------------------------------------------------


def recursion(scene: Scene, depth: int) -> int:
    """Each task submits one and waits for it; how deep that goes."""
    for level in range(1, depth + 1):
        if ("start", level, JOB) not in scene.claim(ONE):
            return level - 1
        assert scene.ready(level) == [("run", level, level)]
        scene.block(level)
    return depth


def test_recursion_goes_on_beyond_the_bound_that_holds_for_others() -> None:
    assert recursion(Scene(cpus=2, most=128, utmost=1000), 300) == 300


def test_beyond_the_bound_only_one_goes_on_at_a_time() -> None:
    scene = Scene(cpus=2, most=4, utmost=10)
    recursion(scene, 4)
    assert scene.claim(ONE, 2) == [("start", 5, JOB)]
    assert scene.ready(5) == [("run", 5, 5)], "no sixth, since one works"


def test_the_utmost_bound_says_that_it_is_the_problem() -> None:
    scene = Scene(cpus=2, most=2, utmost=5)
    assert recursion(scene, 5) == 5
    assert scene.claim(ONE) == [("stuck", 5)]
    assert scene.claim(ONE) == [], "once is enough for a while"
    assert scene.machine.offer(JOB).startswith("0;"), "and nothing more is asked for"


def test_a_worker_of_a_job_at_rest_makes_room_at_the_bound() -> None:
    scene = Scene(cpus=2, most=2, utmost=2)
    scene.claim(ONE, 2)
    scene.ready(1, 2)
    scene.done(1, 1)
    scene.done(2, 2)
    assert scene.claim(kind_of("theirs", job=OTHER_JOB)) == [("end", 1)]
    assert scene.tell(m.WorkerExited(1, 1)) == [("start", 3, OTHER_JOB)]


def test_extra_workers_end_when_they_idle() -> None:
    scene = Scene(cpus=1)
    scene.claim(kind_of("half", "CPU:5000"), 2)
    scene.ready(1, 2)
    scene.done(1, 1)
    scene.done(2, 2)
    assert scene.pass_time(10) == [("end", 1), ("kill", 1)], "killed, as it does not obey"
    scene.tell(m.WorkerExited(1, 1))
    assert scene.machine.due == float("inf"), "a node at rest has nothing to time"


# -- offers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "offer"),
    [
        ([], "20;CPU:20000,GPU:10000;"),
        ([ONE], "9;CPU:10000,GPU:10000;"),
        ([ONE, ONE, ONE], "7;CPU:0,GPU:10000;"),
        ([kind_of("gpu", "GPU:10000")], "9;CPU:20000,GPU:0;"),
    ],
)
def test_an_offer_is_what_is_left(claims: list[m.Kind], offer: str) -> None:
    scene = Scene(cpus=2, GPU=1)
    for kind in claims:
        scene.claim(kind)
    scene.ready(*scene.machine.workers)
    scene.ready(*[n for n, w in scene.machine.workers.items() if w.state == "starting"])
    assert scene.machine.offer(JOB) == offer


def test_short_tasks_are_held_ahead_and_long_ones_are_not() -> None:
    scene = busy_scene(cpus=1)
    scene.claim(ONE)
    scene.done(1, 1, seconds=SLOW_S)
    assert ahead(scene) == 0
    scene.done(1, 2, seconds=FAST_S)
    for number in range(3, 40):
        scene.claim(ONE)
        scene.done(1, number, seconds=FAST_S)
    scene.claim(ONE)
    assert ahead(scene) > 100


def ahead(scene: Scene) -> int:
    extra = scene.machine.offer(JOB).split(";")[2:]
    return sum(int(part.partition("=")[2]) for part in extra if part)


def test_a_queue_that_was_seen_is_asked_for_although_it_does_not_fit() -> None:
    """Else a task of two CPUs would never be heard of, on a node that is never empty."""
    scene = busy_scene()
    scene.tell(m.QueuesSeen(JOB, [TWO.queue]))
    assert scene.machine.offer(JOB) == "8;CPU:0;0|CPU:20000=1"
    scene.claim(TWO)
    assert ";0|CPU:20000" not in scene.machine.offer(JOB), "one is enough"


def test_what_does_not_fit_the_whole_node_is_not_asked_for() -> None:
    scene = busy_scene()
    scene.tell(m.QueuesSeen(JOB, ["0|CPU:990000", "0|licence:10000"]))
    assert scene.machine.offer(JOB) == "8;CPU:0;"


def test_while_tasks_run_the_inputs_of_as_many_others_may_come() -> None:
    """More are not held: they wait here, and others could run them."""
    scene = Scene(2)
    lacking = [scene.held(ONE) for _ in range(4)]
    assert scene.tell(m.TasksLacking(lacking[:2])) == []
    assert scene.machine.offer(JOB) == "20;CPU:20000;"
    scene.tell(m.TasksLacking(lacking[2:]))
    assert scene.machine.offer(JOB) == "18;CPU:0;"
    assert scene.tell(m.InputsHere(task_id(1))) == [("start", 1, JOB)]
    assert scene.machine.offer(JOB).split(";")[1] == "CPU:0"


def test_a_task_is_cancelled_while_its_inputs_come() -> None:
    scene = Scene(2)
    scene.tell(m.TasksLacking([scene.held(ONE), scene.held(ONE)]))
    assert scene.tell(m.CancelAsked(task_id(1), force=False)) == [("failed", 1, "cancelled")]
    assert scene.tell(m.InputsHere(task_id(1))) == []
    scene.tell(m.JobEnded(JOB))
    assert scene.tell(m.InputsHere(task_id(2))) == []


# -- hunger -----------------------------------------------------------------------------------


def test_a_node_that_had_room_for_a_while_takes_what_others_come_first_for() -> None:
    scene = busy_scene()
    scene.done(1, 1)
    assert "~" not in scene.machine.offer(JOB)
    scene.pass_time(HUNGRY_AFTER_S)
    assert ",~:1;" in scene.machine.offer(JOB)
    scene.claim(kind_of("wish", "CPU:10000", wish="ab" * 8))
    assert ",~:1;" in scene.machine.offer(JOB), "that was one of these"
    scene.done(1, 3)
    scene.claim(ONE)
    assert "~" not in scene.machine.offer(JOB), "there is something else to do"
