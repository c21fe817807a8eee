"""The node's decisions, without its I/O.

`NodeMachine` is a pure state machine: :meth:`NodeMachine.handle` takes one event and the time
and returns the effects to perform.  It knows no socket, process, file, thread, clock or
random number.

Life of a worker::

    StartWorker--> starting --WorkerReady--> idle --Run--> busy --TasksDone--> idle
                                                            |  ^
                                               WorkerBlocked|  |WorkerUnblocked
                                                            v  |
                                                          blocked       WorkerExited from any

Life of a task here: it waits in a queue, is sent to a worker, and leaves by `TasksDone` (the
agent reports the result), `TaskToRetry`, one `ReportLost` or one `ReportFailed`.

A worker has a *seat*: the resources of one task, for as long as it has tasks of that shape.
Tasks that are sent to it in a batch follow one another in the same seat.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from hyperloom.raylet.gpus import Gpus
from hyperloom.raylet.messages import (
    AskBack,
    CancelAsked,
    Effect,
    EndWorker,
    Event,
    Held,
    JobEnded,
    KillWorker,
    MemoryShort,
    ReportFailed,
    ReportLost,
    Run,
    StartWorker,
    Stop,
    TasksClaimed,
    TasksDone,
    TasksReturned,
    TaskToRetry,
    Tick,
    WorkerBlocked,
    WorkerExited,
    WorkerLeaving,
    WorkerReady,
    WorkerUnblocked,
)
from hyperloom.raylet.pace import Pace
from hyperloom.resources import CPU, GPU, UNIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hyperloom.raylet.messages import Kind

IDLE_S = 2.0  # an idle worker beyond one for each CPU ends after this
STEAL_AFTER_S = 0.02  # a worker that made no progress for so long is asked for what it waits on


@dataclass(slots=True)
class WorkerState:
    """What is known of one worker."""

    job: bytes
    state: str = "starting"  # starting, idle, busy, blocked
    sent: deque[Held] = field(default_factory=deque)  # not reported yet, in order
    reported: int = 0  # tasks that came back from it in any way, of those that it began
    seat: Kind | None = None  # whose resources it has
    gpus: tuple[int, ...] = ()
    since: float = 0.0  # last progress
    asked_back: bool = False
    leaving: bool = False
    deadline: float | None = None  # of the task that it runs
    stopping: str = ""  # why its task is being stopped
    kill_at: float | None = None


@dataclass(slots=True)
class NodeMachine:
    """What one node knows.  Change it through :meth:`handle` only."""

    total: Mapping[str, int]
    most_workers: int
    kill_grace_s: float = 5.0
    free: dict[str, int] = field(init=False)
    queues: dict[tuple[bytes, str], deque[Held]] = field(default_factory=dict)
    workers: dict[int, WorkerState] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)
    gpus: Gpus = field(init=False)
    born: int = 0
    now: float = 0.0

    def __post_init__(self) -> None:
        """All is free."""
        self.free = dict(self.total)
        self.gpus = Gpus(self.total.get(GPU, 0) // UNIT)

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take in one event; return what is to be done about it, in order."""
        self.now = now
        effects: list[Effect] = []
        match event:
            case TasksClaimed(tasks):
                for task in tasks:
                    self._queue_of(task.kind).append(task)
            case TasksDone(worker, done, seconds):
                self._done(self.workers[worker], done, seconds)
            case WorkerReady(worker):
                self.workers[worker].state = "idle"
                self.workers[worker].since = now
            case TaskToRetry(worker, task):
                self._off(self.workers[worker], task)
            case WorkerBlocked(worker, unbegun):
                self._blocked(self.workers[worker], unbegun)
            case WorkerUnblocked(worker):
                self._unblocked(self.workers[worker])
            case TasksReturned(worker, unbegun):
                self.workers[worker].asked_back = False
                self._returned(self.workers[worker], unbegun)
            case WorkerLeaving(worker):
                self.workers[worker].leaving = True
            case WorkerExited(worker, begun):
                effects += self._bury(worker, begun)
            case CancelAsked(task, force):
                effects += self._cancel(task, force=force)
            case MemoryShort(worker):
                effects += self._sacrifice(worker)
            case JobEnded(job):
                effects += self._end_job(job)
            case Tick():
                effects += self._tick()
            case _:
                assert_never(event)
        return effects + self._place()

    # -- offers -----------------------------------------------------------------------------

    def offer(self, job: bytes) -> str:
        """What the node has room for, in the form of ``lua/task/_offer.lua``."""
        free = dict(self.free)
        waiting = 0
        over: dict[str, int] = {}
        for (of, queue), tasks in self.queues.items():
            if not tasks:
                continue
            kind = tasks[0].kind
            waiting += len(tasks)
            seats = min(len(tasks), self._seats(kind.needs, free))
            for name, amount in kind.needs.items():
                free[name] -= seats * amount
            if of == job:
                over[queue] = -len(tasks) + seats
        for worker in self.workers.values():
            if worker.seat is not None and worker.job == job and worker.state == "busy":
                queue = worker.seat.queue
                ahead = 2 * self.pace.ahead(worker.seat.template)
                over[queue] = over.get(queue, 0) + ahead - len(worker.sent) + 1
        seats_left = max(0, self.most_workers - self._busy() - waiting)
        amounts = ",".join([f"{name}:{max(0, amount)}" for name, amount in free.items()])
        extra = ";".join([f"{queue}={n}" for queue, n in over.items() if n > 0])
        return f"{seats_left};{amounts};{extra}"

    def _seats(self, needs: Mapping[str, int], free: Mapping[str, int]) -> int:
        fit = self.most_workers
        for name, amount in needs.items():
            fit = min(fit, free.get(name, 0) // amount)
        return max(0, fit)

    def _busy(self) -> int:
        return sum(worker.state == "busy" for worker in self.workers.values())

    # -- placing ----------------------------------------------------------------------------

    def _queue_of(self, kind: Kind) -> deque[Held]:
        name = (kind.job, kind.queue)
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = deque()
        return queue

    def _place(self) -> list[Effect]:
        effects: list[Effect] = []
        for name in self._waiting_queues():
            queue = self.queues[name]
            while queue and (effect := self._place_first(queue)):
                effects.append(effect)
        effects += self._top_up()
        return effects

    def _waiting_queues(self) -> list[tuple[bytes, str]]:
        names = [name for name, queue in self.queues.items() if queue]
        if len(names) > 1:
            names.sort(key=lambda name: -self.queues[name][0].kind.priority)
        return names

    def _place_first(self, queue: deque[Held]) -> Effect | None:
        """Give the queue's first task a seat, or start a worker for it; None: not now."""
        kind = queue[0].kind
        if self._seats(kind.needs, self.free) == 0:
            return None
        number = self._idle_worker(kind.job)
        if number is None:
            return self._start_worker(kind.job, len(queue))
        gpus = self.gpus.take(kind.needs.get(GPU, 0))
        if gpus is None:
            return None
        worker = self.workers[number]
        worker.state, worker.seat, worker.gpus = "busy", kind, gpus
        worker.since = self.now
        for name, amount in kind.needs.items():
            self.free[name] -= amount
        return self._send(number, worker, queue)

    def _idle_worker(self, job: bytes) -> int | None:
        return next(
            (n for n, w in self.workers.items() if w.state == "idle" and w.job == job), None
        )

    def _start_worker(self, job: bytes, waiting: int) -> Effect | None:
        starting = sum(w.state == "starting" and w.job == job for w in self.workers.values())
        if starting >= min(waiting, self._startable(job)):
            return None
        if len(self.workers) >= self.most_workers:
            return self._replace_idle()
        self.born += 1
        self.workers[self.born] = WorkerState(job, since=self.now)
        return StartWorker(self.born, job)

    def _startable(self, job: bytes) -> int:
        """How many tasks that wait could have a seat at the same time."""
        free = dict(self.free)
        number = 0
        for (of, _), queue in self.queues.items():
            if of == job and queue:
                seats = min(len(queue), self._seats(queue[0].kind.needs, free))
                number += seats
                for name, amount in queue[0].kind.needs.items():
                    free[name] -= seats * amount
        return number

    def _replace_idle(self) -> Effect | None:
        """Too many workers, but some serve jobs that have nothing to do."""
        for number, worker in self.workers.items():
            if worker.state == "idle" and not worker.leaving:
                worker.state, worker.leaving = "busy", True
                return EndWorker(number)
        return None

    def _send(self, number: int, worker: WorkerState, queue: deque[Held]) -> Effect:
        first = queue[0].kind
        most = 1 if first.single else self.pace.batch(first.template)
        if most > 1:
            # Leave their share to the others that could run these.
            others = self._seats(first.needs, self.free) + 1
            most = max(1, min(most, -(-len(queue) // others)))
        tasks = [queue.popleft()]
        while len(tasks) < most and queue and queue[0].kind is first:
            tasks.append(queue.popleft())
        if not worker.sent and first.timeout_s is not None:
            worker.deadline = self.now + first.timeout_s
        worker.sent += tasks
        return Run(number, tasks, worker.gpus)

    def _top_up(self) -> list[Effect]:
        """Send more to busy workers before they run out, if their tasks are short."""
        effects: list[Effect] = []
        for number, worker in self.workers.items():
            seat = worker.seat
            if worker.state != "busy" or seat is None or worker.leaving or worker.stopping:
                continue
            queue = self.queues.get((seat.job, seat.queue))
            if not queue or queue[0].kind.single or not worker.sent or worker.sent[0].kind.single:
                continue
            batch = self.pace.batch(queue[0].kind.template)
            if batch > 1 and len(worker.sent) <= batch:
                effects.append(self._send(number, worker, queue))
        return effects

    # -- what workers say -------------------------------------------------------------------

    def _done(self, worker: WorkerState, tasks: Sequence[bytes], seconds: float) -> None:
        worker.since = self.now
        if worker.sent:
            self.pace.took(worker.sent[0].kind.template, len(tasks), seconds)
        for task in tasks:
            self._off(worker, task)

    def _off(self, worker: WorkerState, task: bytes) -> None:
        """A task that the worker began is over."""
        worker.reported += 1
        worker.deadline = worker.kill_at = None
        worker.stopping = ""
        sent = worker.sent
        if sent and sent[0].entry.startswith(task):
            sent.popleft()
        else:
            self._remove(sent, task)
        if sent and sent[0].kind.timeout_s is not None:
            worker.deadline = self.now + sent[0].kind.timeout_s
        if not sent and worker.state == "busy":
            self._leave_seat(worker)
            worker.state = "idle" if not worker.leaving else "busy"

    def _remove(self, sent: deque[Held], task: bytes) -> Held | None:
        for held in sent:
            if held.entry.startswith(task):
                sent.remove(held)
                return held
        return None

    def _leave_seat(self, worker: WorkerState) -> None:
        seat = worker.seat
        if seat is not None:
            for name, amount in seat.needs.items():
                if name != CPU or worker.state != "blocked":
                    self.free[name] += amount
            self.gpus.give(worker.gpus, seat.needs.get(GPU, 0))
            worker.seat, worker.gpus = None, ()

    def _blocked(self, worker: WorkerState, unbegun: Iterable[bytes]) -> None:
        self._returned(worker, unbegun)
        if worker.state == "busy" and worker.seat is not None:
            worker.state = "blocked"
            self.free[CPU] = self.free.get(CPU, 0) + worker.seat.needs.get(CPU, 0)

    def _unblocked(self, worker: WorkerState) -> None:
        # It takes its CPU back even if another has it by now: it would be odd to stop the
        # one or the other, and for a moment the machine is shared.
        if worker.state == "blocked" and worker.seat is not None:
            worker.state = "busy"
            worker.since = self.now
            self.free[CPU] -= worker.seat.needs.get(CPU, 0)

    def _returned(self, worker: WorkerState, unbegun: Iterable[bytes]) -> None:
        for entry in reversed(list(unbegun)):
            held = self._remove(worker.sent, entry)
            if held is not None:
                self._queue_of(held.kind).appendleft(held)
        if not worker.sent and worker.state == "busy" and not worker.leaving:
            self._leave_seat(worker)
            worker.state = "idle"

    # -- ends -------------------------------------------------------------------------------

    def _bury(self, number: int, begun: int) -> list[Effect]:
        worker = self.workers.pop(number)
        self._leave_seat(worker)
        effects: list[Effect] = []
        # In the order of `sent`: tasks that had ended but were not reported yet, the one that
        # ran, those that were not begun.
        ran = begun - worker.reported
        for position, held in enumerate(worker.sent):
            if position == ran - 1 and worker.stopping:
                effects.append(ReportFailed(held, number, worker.stopping))
            elif position < ran:
                effects.append(ReportLost(held, number, died=position == ran - 1))
        for held in reversed(list(worker.sent)[max(0, ran) :]):
            self._queue_of(held.kind).appendleft(held)
        return effects

    def _cancel(self, task: bytes, *, force: bool) -> list[Effect]:
        for queue in self.queues.values():
            held = self._remove(queue, task)
            if held is not None:
                return [ReportFailed(held, 0, "cancelled")]
        for number, worker in self.workers.items():
            for held in worker.sent:
                if held.entry.startswith(task):
                    return self._stop(number, worker, held, "cancelled", force=force)
        return []  # it has ended meanwhile

    def _stop(
        self, number: int, worker: WorkerState, held: Held, why: str, *, force: bool
    ) -> list[Effect]:
        if held is worker.sent[0]:
            worker.stopping = why
            worker.kill_at = self.now + self.kill_grace_s
            if force:
                worker.kill_at = None
                return [KillWorker(number)]
        return [Stop(number, held, why)]

    def _sacrifice(self, number: int) -> list[Effect]:
        worker = self.workers.get(number)
        if worker is None or not worker.sent:
            return []
        worker.stopping = "oom"
        return [KillWorker(number)]

    def _end_job(self, job: bytes) -> list[Effect]:
        for name in [name for name in self.queues if name[0] == job]:
            del self.queues[name]
        effects: list[Effect] = []
        for number, worker in self.workers.items():
            if worker.job == job:
                worker.sent.clear()
                effects.append(KillWorker(number))
        return effects

    # -- time -------------------------------------------------------------------------------

    def _tick(self) -> list[Effect]:
        effects: list[Effect] = []
        spare = sum(w.state == "idle" for w in self.workers.values()) - self._keep()
        for number, worker in self.workers.items():
            if worker.deadline is not None and self.now >= worker.deadline and worker.sent:
                worker.deadline = None
                effects += self._stop(number, worker, worker.sent[0], "timeout", force=False)
            elif worker.kill_at is not None and self.now >= worker.kill_at:
                worker.kill_at = None
                effects.append(KillWorker(number))
            elif worker.state == "idle" and spare > 0 and self.now - worker.since > IDLE_S:
                spare -= 1
                worker.state, worker.leaving = "busy", True
                effects.append(EndWorker(number))
            elif self._should_share(worker):
                worker.asked_back = True
                effects.append(AskBack(number))
        return effects

    def _keep(self) -> int:
        return max(1, self.total.get(CPU, 0) // UNIT)

    def _should_share(self, worker: WorkerState) -> bool:
        """It has tasks that it does not get to, and somebody else could run them."""
        return (
            worker.state == "busy"
            and len(worker.sent) > 1
            and not worker.asked_back
            and worker.seat is not None
            and self.now - worker.since > STEAL_AFTER_S
            and self._seats(worker.seat.needs, self.free) > 0
        )

    def check(self) -> None:
        """Assert what must hold between events.  For tests and ``LOOM_CHECK=1``."""
        taken: dict[str, int] = {}
        for worker in self.workers.values():
            assert worker.state in {"starting", "idle", "busy", "blocked"}
            if worker.state in {"starting", "idle"}:
                assert not worker.sent, "a worker that has nothing to do has tasks"
                assert worker.seat is None, "a worker that has nothing to do has a seat"
            for name, amount in (worker.seat.needs if worker.seat else {}).items():
                if name != CPU or worker.state != "blocked":
                    taken[name] = taken.get(name, 0) + amount
        for name, amount in self.total.items():
            assert self.free[name] == amount - taken.get(name, 0), f"{name} went astray"
