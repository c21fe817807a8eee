"""Plays a `World` at random: processes act, the raylet hears of it, or not yet.

`play` takes any `random.Random`; with a number for its seed the history is the same each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.raylet import messages as m
from tests.unit.raylet import played_groups
from tests.unit.raylet.cast import JOBS, KINDS, TOTAL
from tests.unit.raylet.played_world import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

OUTCOMES = {
    "done",
    "retry",
    "redirected",
    "lost",
    "cancelled",
    "timeout",
    "dropped",
    "removed",
    "given back",
}


def play(random: Random, steps: int, tell: Callable[..., None] = lambda *_: None) -> None:
    """A history of so many steps, and then its end; `tell` is given what happens."""
    player = Player(random, tell)
    for _ in range(steps):
        player.step()
    play_out(player.world)


class Player:
    """Chooses what happens next."""

    def __init__(self, random: Random, tell: Callable[..., None]) -> None:
        self.random = random
        self.tell = tell
        self.world = World()
        ways = [(weight, getattr(self, name)) for name, weight in WEIGHTS.items()]
        self.ways = [way for weight, way in ways for _ in range(weight)]

    def step(self) -> None:
        self.random.choice(self.ways)()

    def some(self, what: str, predicate: Callable) -> list:
        workers = [worker for worker in self.world.workers.values() if predicate(worker)]
        if not workers:
            return []
        worker = self.random.choice(workers)
        self.tell(what, worker)
        return [worker]

    # -- what workers do, not heard of yet ---------------------------------------------------

    def worker_goes_on(self) -> None:
        for worker in self.some("goes on", lambda w: w.queue and not w.running and not w.leaving):
            self.world.begin(worker)
            return
        for worker in self.some("reads", lambda w: w.up and w.unread and not w.running):
            self.world.read(worker)

    def task_ends(self) -> None:
        for worker in self.some("ends", lambda w: w.running and not w.blocked):
            self.world.end(worker)

    def worker_reports(self) -> None:
        for worker in self.some("reports", lambda w: w.ended):
            self.world.report_done(worker)

    def task_fails_and_is_retried(self) -> None:
        for worker in self.some("retries", lambda w: w.running and not w.blocked):
            self.world.retry(worker)

    def task_names_another(self) -> None:
        for worker in self.some("redirects", lambda w: w.running and not w.blocked):
            self.world.retry(worker, "redirect")

    def task_waits(self) -> None:
        for worker in self.some("waits", lambda w: w.running and not w.blocked):
            self.world.block(worker)

    def task_goes_on(self) -> None:
        for worker in self.some("goes on", lambda w: w.blocked):
            self.world.unblock(worker)

    def worker_obeys(self) -> None:
        for worker in self.some("obeys", lambda w: w.up and w.control):
            self.world.obey(worker)

    def worker_leaves(self) -> None:
        for worker in self.some("leaves", lambda w: w.up and not w.running and not w.leaving):
            self.world.leave(worker)

    # -- what the raylet hears ---------------------------------------------------------------

    def tasks_come(self) -> None:
        few = self.random.random() < 0.7  # then batches and top-ups are likely
        kind = self.random.choice(KINDS[:3] if few else KINDS)
        if kind.job not in self.world.closed:
            number = self.random.randint(1, 6)
            lacking = self.random.random() < 0.2
            self.tell("claim", kind.name, kind.job, number, lacking)
            away = self.random.choice([0, 1000, 20 << 20, 50 << 20]) if lacking else 0
            self.world.claim(kind, number, lacking=lacking, away=away)

    def tasks_of_a_group_come(self) -> None:
        kind = played_groups.kind(self.world, self.random)
        if kind.job not in self.world.closed:
            lacking = self.random.random() < 0.2
            self.tell("claim in group", kind.queue, kind.job, lacking)
            self.world.claim(kind, self.random.randint(1, 3), lacking=lacking)

    def bundles_are_told(self) -> None:
        self.tell("bundles", self.world.bundles)
        played_groups.play(self.world, self.random)

    def inputs_come(self) -> None:
        if self.world.lacking:
            held = self.random.choice(self.world.lacking)
            self.tell("inputs come", held)
            self.world.inputs_come(held)

    def light_tasks_are_run(self) -> None:
        if self.world.here:
            refused = self.random.choice([0, 0, 1, len(self.world.here)])
            self.tell("run here", len(self.world.here), refused)
            self.world.run_here(refused)

    def worker_comes_up(self) -> None:
        for worker in self.some("comes up", lambda w: not w.up):
            self.world.come_up(worker)

    def worker_is_heard(self) -> None:
        for worker in self.some("is heard", lambda w: w.said):
            self.world.hear(worker)

    def worker_dies(self) -> None:
        for worker in self.some("dies", lambda _: True):
            self.world.die(worker)

    def worker_dies_as_expected(self) -> None:
        for worker in self.some("dies", lambda w: w.doomed or w.leaving):
            self.world.die(worker)

    def somebody_cancels(self) -> None:
        newest = self.world.claimed
        if newest:
            task = self.random.randint(max(1, newest - 15), newest)
            force = self.random.random() < 0.5
            self.tell("cancel", task, force)
            self.world.cancel(task.to_bytes(16, "big"), force=force)

    def memory_is_short(self) -> None:
        for worker in self.some("takes too much", lambda _: True):
            self.world.run_short(worker)

    def some_sleep(self) -> None:
        asked = self.world.machine.may_sleep(self.world.now)
        sleep = self.random.sample(asked, self.random.randint(0, len(asked)))
        self.tell("sleep", sleep)
        self.world.tell(m.WorkersAsleep(frozenset(sleep)))

    def a_queue_is_seen(self) -> None:
        kind = self.random.choice(KINDS)
        if kind.job not in self.world.closed:
            self.world.tell(m.QueuesSeen(kind.job, [kind.queue]))

    def the_first_of_a_queue_is_seen(self) -> None:
        kind = self.random.choice(KINDS)
        asked = self.world.machine.unknown(kind.job, [kind.queue], self.world.now)
        if kind.job not in self.world.closed and asked:
            self.tell("first of", kind.queue, "is seen")
            away = self.random.choice([0, 30 << 20])
            self.world.tell(m.FirstSeen(m.Held(bytes(16), b"", b"", kind, away=away)))

    def memory_for_objects_is_seen(self) -> None:
        room = self.random.choice([-1, 10 << 20, 1 << 30])
        self.tell("room", room)
        self.world.tell(m.RoomSeen(room))

    def others_stand_idle(self) -> None:
        job = self.random.choice(JOBS)
        offers = ["2;CPU:20000,GPU:5000,licence:0;", "0;CPU:0;", "1;CPU:10000,~:1;0|CPU:10000=3"]
        if job not in self.world.closed:
            offers = self.random.sample(offers, self.random.randint(0, 3))
            self.tell("others stand idle", job, offers)
            self.world.tell(m.OthersStandIdle(job, offers))

    def time_passes(self) -> None:
        seconds = self.random.choice([0.001, 0.02, 0.3, 1.0, 10.0])
        self.tell("time", seconds)
        self.world.pass_time(seconds)

    def a_job_ends(self) -> None:
        job = self.random.choice(JOBS)
        if self.world.claimed > 40 and job not in self.world.closed:
            self.tell("job ends", job)
            self.world.end_job(job)

    def the_node_is_given_up(self) -> None:
        if self.world.claimed > 20:
            self.tell("given up")
            self.world.give_up()


WEIGHTS = {
    "worker_goes_on": 30,
    "task_ends": 8,
    "worker_reports": 4,
    "task_fails_and_is_retried": 2,
    "task_names_another": 2,
    "task_waits": 5,
    "task_goes_on": 4,
    "worker_obeys": 5,
    "worker_leaves": 1,
    "tasks_come": 10,
    "tasks_of_a_group_come": 3,
    "bundles_are_told": 8,
    "light_tasks_are_run": 6,
    "inputs_come": 6,
    "worker_comes_up": 9,
    "worker_is_heard": 14,
    "worker_dies": 2,
    "worker_dies_as_expected": 2,
    "somebody_cancels": 3,
    "memory_is_short": 1,
    "some_sleep": 2,
    "a_queue_is_seen": 1,
    "the_first_of_a_queue_is_seen": 2,
    "memory_for_objects_is_seen": 1,
    "others_stand_idle": 2,
    "time_passes": 5,
    "a_job_ends": 1,
    "the_node_is_given_up": 1,
}


def play_out(world: World) -> None:
    """No more surprises: all must come to an end."""
    played_groups.end(world)
    while world.lacking:
        world.inputs_come(world.lacking[0])
    for _ in range(3000):
        if not any((world.waiting, world.here, *(w.tasks for w in world.workers.values()))):
            break
        if not _play_on(world):
            world.pass_time(0.5)
    assert not world.waiting, "some tasks wait for ever"
    for worker in list(world.workers.values()):
        world.die(worker)
    assert world.machine.free == world.machine.total == TOTAL
    assert sum(world.over.values()) == world.claimed
    assert set(world.outcome.values()) <= OUTCOMES


def _play_on(world: World) -> bool:
    """One thing of all that can happen without harm; False: only time can help."""
    if world.here:
        world.run_here(0)
        return True
    for worker in list(world.workers.values()):
        if worker.doomed or (worker.leaving and not worker.said):
            world.die(worker)
        elif not worker.up:
            world.come_up(worker)
        elif worker.said:
            world.hear(worker)
        elif worker.control:
            world.obey(worker)
        elif worker.running and not worker.blocked:
            world.end(worker)
        elif worker.queue:
            world.begin(worker)
        elif worker.unread and not worker.running:
            world.read(worker)
        elif worker.ended:
            world.report_done(worker)
        else:
            continue
        return True
    blocked = [worker for worker in world.workers.values() if worker.blocked]
    if blocked:
        # They may wait for each other's children: only when nothing else moves can the
        # youngest go on.
        world.unblock(blocked[-1])
    return bool(blocked)
