"""The world around a node's machine, played: workers, messages on their way, and its own books.

What the machine asks for is compared with these books, never with what the machine believes.
Messages lie in channels until a rule delivers them, so that they cross each other.
"""

from __future__ import annotations

from collections import Counter, deque

from hyperloom.raylet import messages as m
from hyperloom.raylet.machine import NodeMachine
from hyperloom.resources import UNIT
from tests.unit.raylet import played_checks, played_groups
from tests.unit.raylet.cast import GRACE_S, MOST, PREFETCH_BYTES, TOTAL, UTMOST, Dead, Worker


class World:
    """Plays, and keeps the books."""

    dead: Dead
    stop_asked = 0.0

    def __init__(self, total: dict[str, int] = TOTAL) -> None:
        self.machine = NodeMachine(
            total=total, most_workers=MOST, utmost_workers=UTMOST, kill_grace_s=GRACE_S,
            prefetch_bytes=PREFETCH_BYTES,
        )  # fmt: skip
        self.now = 0.0
        self.workers: dict[int, Worker] = {}
        self.waiting: list[m.Held] = []  # claimed, with no worker
        self.here: list[m.Held] = []  # to be run by the raylet itself
        self.lacking: list[m.Held] = []  # claimed, and their inputs are on their way
        self.over: Counter[bytes] = Counter()  # entry -> how often it was reported, must be once
        self.outcome: dict[bytes, str] = {}
        self.asked_to_stop: set[bytes] = set()
        self.over_time: set[bytes] = set()
        self.closed: set[bytes] = set()
        self.claimed = 0
        self.passed_on: list[bytes] = []
        self.sacrificed: set[int] = set()
        self.bundles: dict[bytes, tuple[dict[str, int], bool]] = {}  # wanted here; whether open
        self.groups_made = 0
        self.gone: list[int] = []  # groups whose end was not told yet
        self.removed: set[str] = set()

    # -- the machine ------------------------------------------------------------------------

    def tell(self, event: m.Event) -> list[m.Effect]:
        effects = self.machine.handle(event, self.now)
        for effect in effects:
            self.perform(effect)
        self.machine.check()
        self.check()
        return effects

    def perform(self, effect: m.Effect) -> None:  # noqa: PLR0912 - one for each effect
        match effect:
            case m.StartWorker(number, job):
                assert number not in self.workers, "a number is given once"
                assert job not in self.closed, "a worker for a job that is over"
                self.workers[number] = Worker(number, job)
                assert len(self.workers) <= UTMOST
            case m.Run(number, tasks, gpus):
                self.perform_run(self.workers[number], list(tasks), gpus)
            case m.RunHere(tasks):
                for held in tasks:
                    assert held.kind.light
                    self.waiting.remove(held)
                    self.here.append(held)
            case m.GiveBack(tasks):
                for held in tasks:
                    (self.lacking if held in self.lacking else self.waiting).remove(held)
                    self.report(held, "given back")
            case m.AskBack(number):
                worker = self.workers[number]
                assert not worker.asked_back, "asked twice"
                worker.asked_back = True
                worker.control.append(("back", None))
            case m.Stop(number, held, why):
                assert held in self.workers[number].tasks
                assert why == "timeout" or held.task in self.asked_to_stop
                if why == "timeout":
                    self.over_time.add(held.task)
                self.workers[number].control.append(("stop", held.task))
            case m.EndWorker(number):
                assert not self.workers[number].tasks, "only who has nothing to do is told to end"
                self.workers[number].unread.append("exit")
            case m.KillWorker(number):
                self.workers[number].doomed = True
                self.check_kill(self.workers[number])
            case m.ReportLost(held, number, died):
                self.lost(held, number, died=died)
            case m.Redirect(held):
                self.forget(held)
                self.report(held, "redirected")
            case m.ReportFailed(held, _, why):
                assert played_groups.is_right(self, held, why)
                self.forget(held)
                self.report(held, why)
            case m.CancelElsewhere(task):
                assert all(held.task != task for held in self.waiting)
                self.passed_on.append(task)
            case m.WarnStuck(number):
                assert number == len(self.workers) == UTMOST

    def perform_run(self, worker: Worker, tasks: list[m.Held], gpus: tuple[int, ...]) -> None:
        kind = tasks[0].kind
        assert kind.job == worker.job, "a worker serves one job"
        if not worker.tasks:  # it takes a seat
            free = self.free()
            assert all(free[name] >= amount for name, amount in kind.needs.items()), "no room"
            assert not kind.group or kind.group not in self.removed
            worker.gpus = gpus
            self.check_gpus()
        else:
            assert worker.tasks[0].kind.queue == kind.queue, "another shape than its seat"
            assert gpus == worker.gpus
        assert not worker.doomed, "tasks for one that is being killed"
        for held in tasks:
            self.waiting.remove(held)
        assert len(tasks) == 1 or not any(held.kind.single for held in tasks)
        worker.progress = self.now
        worker.tasks += tasks
        worker.unread.append(list(tasks))

    def lost(self, held: m.Held, number: int, *, died: bool) -> None:
        if held in self.waiting:  # the node cannot start workers: somebody must say so
            assert died
            self.waiting.remove(held)
        else:
            assert held in self.dead.begun_tasks, "lost, but it was never begun"
            assert number == self.dead.number
            if died:
                assert held is self.dead.ran, "it did not die of this one"
            self.dead.begun_tasks.remove(held)
        self.report(held, "lost")

    def check_kill(self, worker: Worker) -> None:
        """Nobody is killed but for a task of its own that shall stop, its job, or memory."""
        stop = self.asked_to_stop | self.over_time
        assert (
            worker.job in self.closed
            or worker.leaving
            or "exit" in worker.unread
            or worker.number in self.sacrificed
            or worker.tasks[0].task in stop
        ), "killed for nothing"

    def forget(self, held: m.Held) -> None:
        for place in (self.waiting, self.here, self.lacking):
            if held in place:
                place.remove(held)
                return
        for worker in self.workers.values():
            if held in worker.tasks:
                worker.tasks.remove(held)
                return
        assert held in self.dead.begun_tasks, "reported, but it is nowhere"
        self.dead.begun_tasks.remove(held)

    def report(self, held: m.Held, what: str) -> None:
        self.over[held.entry] += 1
        self.outcome[held.entry] = what

    # -- what may happen --------------------------------------------------------------------

    def claim(self, kind: m.Kind, number: int, *, lacking: bool = False, away: int = 0) -> None:
        ids = range(self.claimed + 1, self.claimed + number + 1)
        new = [m.Held(task.to_bytes(16, "big"), b"", b"", kind, away=away) for task in ids]
        self.claimed += number
        if kind.group in self.removed:
            self.asked_to_stop |= {held.task for held in new}
        (self.lacking if lacking else self.waiting).extend(new)
        self.tell(m.TasksLacking(new) if lacking else m.TasksClaimed(new))

    def inputs_come(self, held: m.Held) -> None:
        self.lacking.remove(held)
        self.waiting.append(held)
        self.tell(m.InputsHere(held.task))

    def run_here(self, refused: int) -> None:
        """The raylet runs what it was to run; the first of them turn out to be a worker's."""
        back, ran, self.here = self.here[:refused], self.here[refused:], []
        self.waiting += back
        for held in ran:
            self.report(held, "done")
        self.tell(m.RanHere([held.task for held in ran], back))

    def come_up(self, worker: Worker) -> None:
        worker.up = True
        self.tell(m.WorkerReady(worker.number))

    def read(self, worker: Worker) -> None:
        while worker.unread and worker.unread[0] != "exit":
            worker.queue += worker.unread.popleft()
        if worker.unread:
            worker.leaving = True

    def begin(self, worker: Worker) -> None:
        worker.running = worker.queue.popleft()
        worker.begun += 1

    def end(self, worker: Worker) -> None:
        worker.ended.append(worker.running)
        worker.running = None

    def report_done(self, worker: Worker) -> None:
        if worker.ended:
            worker.said.append(("done", worker.ended))
            worker.ended = []

    def retry(self, worker: Worker, what: str = "retry") -> None:
        self.report_done(worker)
        worker.said.append((what, worker.running))
        worker.running = None

    def give_back(self, worker: Worker) -> list[m.Held]:
        self.read(worker)
        back, worker.queue = list(worker.queue), deque()
        return back

    def block(self, worker: Worker) -> None:
        self.report_done(worker)
        worker.said.append(("blocked", self.give_back(worker)))
        worker.blocked = True

    def unblock(self, worker: Worker) -> None:
        worker.blocked = False
        worker.said.append(("unblocked", None))

    def obey(self, worker: Worker) -> None:
        what, task = worker.control.popleft()
        if what == "back":
            self.report_done(worker)
            worker.said.append(("back", self.give_back(worker)))
        elif worker.running is not None and worker.running.task == task:
            if worker.blocked:
                self.unblock(worker)
            self.end(worker)

    def leave(self, worker: Worker) -> None:
        self.report_done(worker)
        worker.said.append(("leaving", None))
        worker.leaving = True

    def hear(self, worker: Worker) -> None:
        what, held = worker.said.popleft()
        number, worker.progress = worker.number, self.now
        mine = [t for t in held if t in worker.tasks] if isinstance(held, list) else []
        match what:
            case "done":
                for task in mine:
                    worker.tasks.remove(task)
                    self.report(task, "done")
                self.tell(m.TasksDone(number, [task.task for task in held], 1e-5 * len(held)))
            case "retry":
                if held in worker.tasks:
                    worker.tasks.remove(held)
                    self.report(held, "retry")
                self.tell(m.TaskToRetry(number, held.task))
            case "redirect":
                self.tell(m.TaskRedirected(number, held.task, b"record"))
            case "blocked":
                worker.seen_blocked = True
                self.take_back(worker, mine)
                self.tell(m.WorkerBlocked(number, [task.entry for task in held]))
            case "unblocked":
                worker.seen_blocked = False
                self.tell(m.WorkerUnblocked(number))
            case "back":
                worker.asked_back = False
                self.take_back(worker, mine)
                self.tell(m.TasksReturned(number, [task.entry for task in held]))
            case "leaving":
                self.tell(m.WorkerLeaving(number))

    def take_back(self, worker: Worker, tasks: list[m.Held]) -> None:
        worker.tasks = [task for task in worker.tasks if task not in tasks]
        self.waiting += tasks

    def die(self, worker: Worker) -> None:
        """It is gone; what it said before is heard before its end is."""
        while worker.said:
            self.hear(worker)
        del self.workers[worker.number]
        begun = [task for task in worker.tasks if task in worker.ended or task is worker.running]
        self.waiting += [task for task in worker.tasks if task not in begun]
        # The last that it began: nobody can tell whether that had ended.
        self.dead = Dead(worker.number, begun, begun[-1] if begun else None)
        effects = self.tell(m.WorkerExited(worker.number, worker.begun))
        assert not self.dead.begun_tasks, "begun, but neither lost nor failed"
        assert not any(isinstance(e, m.Run) and e.worker == worker.number for e in effects)

    def cancel(self, task: bytes, *, force: bool) -> None:
        self.asked_to_stop.add(task)
        self.stop_asked = self.now
        self.tell(m.CancelAsked(task, force))

    def run_short(self, worker: Worker) -> None:
        self.sacrificed.add(worker.number)
        self.tell(m.MemoryShort(worker.number))

    def give_up(self) -> None:
        self.sacrificed |= self.workers.keys()
        places = (self.waiting, self.here, self.lacking, *(w.tasks for w in self.workers.values()))
        for place in places:
            for held in place:
                self.report(held, "dropped")
            place.clear()
        self.bundles.clear()
        self.tell(m.NodeGivenUp())
        assert all(worker.doomed for worker in self.workers.values())

    def end_job(self, job: bytes) -> None:
        self.closed.add(job)
        places = (self.waiting, self.here, self.lacking)
        gone = [held for place in places for held in place if held.kind.job == job]
        for place in places:
            place[:] = [held for held in place if held.kind.job != job]
        for worker in self.workers.values():
            if worker.job == job:
                gone += worker.tasks
                worker.tasks = []
                worker.seen_blocked = False
        for held in gone:
            self.report(held, "dropped")
        self.tell(m.JobEnded(job))
        assert all(w.doomed for w in self.workers.values() if w.job == job)

    def pass_time(self, seconds: float) -> None:
        until = self.now + seconds
        while self.machine.due <= until:
            self.now = max(self.now, self.machine.due)
            before = self.machine.due
            self.tell(m.Tick())
            assert self.machine.due > before, "a tick that changes nothing comes again and again"
        self.now = until
        played_checks.time_brought_its_own(self)

    # -- the books --------------------------------------------------------------------------

    def free(self) -> dict[str, int]:
        left = dict(self.machine.total)
        for worker in self.workers.values():
            if worker.tasks:
                kind = self.kind_of(worker)
                for name, amount in kind.needs.items():
                    if name not in kind.cpus or not worker.seen_blocked:
                        left[name] -= amount
        return left

    def kind_of(self, worker: Worker) -> m.Kind:
        """Of what it runs; what it has of a group that is no more is the node's own."""
        kind = worker.tasks[0].kind
        return kind.in_none() if kind.group and kind.cpus[0] not in self.machine.total else kind

    def all_held(self) -> list[m.Held]:
        places = (self.waiting, self.here, self.lacking, *(w.tasks for w in self.workers.values()))
        return [held for place in places for held in place]

    def check_gpus(self) -> None:
        used: Counter[int] = Counter()
        for worker in self.workers.values():
            if worker.tasks or worker.gpus:
                kind = worker.tasks[0].kind if worker.tasks else None
                units = kind.needs.get(kind.gpu, 0) if kind else 0
                used.update({index: min(units, UNIT) for index in worker.gpus if units})
        assert all(units <= UNIT for units in used.values()), "a GPU is given twice"

    def check(self) -> None:
        there = Counter(h.entry for q in self.machine.queues.values() for h in q.tasks)
        assert there == Counter(held.entry for held in self.waiting)
        assert list(self.machine.fetching.values()) == self.lacking
        assert self.machine.workers.keys() == self.workers.keys()
        for number, worker in self.workers.items():
            sent = self.machine.workers[number].sent
            assert list(sent) == worker.tasks, "what a worker has, in its order"
        assert all(times == 1 for times in self.over.values()), "reported twice"
        assert self.machine.here.keys() == {held.task for held in self.here}
        assert len(self.all_held()) + len(self.over) == self.claimed, "a task is nowhere"
        played_checks.nobody_waits_for_nothing(self)
        played_checks.little_is_taken_ahead(self)
