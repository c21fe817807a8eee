"""What one node knows: its free resources, the tasks that wait, the workers and what they have.

Plain data with the few operations that keep it consistent.  The rules are elsewhere: who gets
a seat in `placing`, how things end in `ends`, what time brings in `ticks`; `machine` is the
one door to all of them.

A worker has a *seat*: the resources of one task, for as long as it has tasks of that shape.
Tasks that are sent to it in a batch follow one another in the same seat.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Literal, NamedTuple

from hyperloom.raylet.gpus import Gpus
from hyperloom.raylet.pace import Pace
from hyperloom.resources import CPU, GPU, UNIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hyperloom.raylet.ahead import Draw
    from hyperloom.raylet.held import Begun
    from hyperloom.raylet.messages import Held, Kind
    from hyperloom.raylet.reserving import Bundle
    from hyperloom.raylet.resting import Crashes

# `ending`: told to end, or said that it will; it gets nothing more.
# `hosting`: an actor lives in it, which has its seat as long as it lives.
Doing = Literal["starting", "idle", "busy", "blocked", "hosting", "ending"]


class Call(NamedTuple):
    """A call that an actor was sent and has not answered."""

    number: int  # of those that this actor was sent, from 1 on
    held: Held
    place: int  # among those of its concurrency group, likewise


class Stopping(NamedTuple):
    """A task that shall stop: why, and how long it may take from when it is known to run."""

    why: str
    grace_s: float


@dataclass(slots=True)
class WorkerState:
    """What is known of one worker.  `state` is changed by `NodeState.turn` only."""

    number: int
    job: bytes
    state: Doing = "starting"
    sent: deque[Held] = field(default_factory=deque)  # not reported yet, in order
    reported: int = 0  # tasks that came back from it in any way, of those that it began
    seat: Kind | None = None  # whose resources it has
    gpus: tuple[int, ...] = ()
    since: float = 0.0  # last progress
    asked_back: bool = False  # was asked for what it has not begun, and has not answered
    deadline: float = inf  # of the task that it runs
    stopping: dict[bytes, Stopping] = field(default_factory=dict)  # tasks that shall stop
    kill_at: float = inf  # if the first of `sent` has not stopped by then
    killed: str = ""  # why we killed it
    disowned: set[bytes] = field(default_factory=set)  # entries of which nobody is to hear
    hosts: bool = False  # an actor lives, or lived, in it; the first of `sent` is its constructor
    farewell: bool = False  # the actor wants to do something at its end
    calls: dict[bytes, Call] = field(default_factory=dict)  # the actor's, in the order they came
    called: int = 0  # calls that the actor was sent so far;
    called_in: dict[str, int] = field(default_factory=dict)  # by group, as their firsts came
    call_since: float = 0.0  # when the last one was answered, or the first one came
    left: Held | None = None  # the actor, when it was killed and its `calls` are to be told of

    def has(self) -> list[Held]:
        """All that it was given and has not reported."""
        return [*self.sent, *[call.held for call in self.calls.values()]]

    def has_begun(self, call: Call, begun: Begun) -> bool:
        """Whether a call may have run, of a worker that has begun so much."""
        if call.number < begun.tasks - self.reported:  # the constructor is the first
            return True
        group = list(self.called_in).index(call.held.kind.lane)
        return group < len(begun.in_groups) and call.place <= begun.in_groups[group]

    def owns(self) -> list[Held]:
        """Of these, those that the control plane gave this node."""
        return [held for held in self.has() if held.entry not in self.disowned]


@dataclass(slots=True)
class Queue:
    """Tasks of one job, priority and shape that have no seat yet.  Never empty for long."""

    name: tuple[bytes, str]  # job, "priority|shape"
    priority: int
    came: float
    since: float  # when it was last served, or when it began to wait
    returns: int = 0  # times that its tasks went back since then, as nothing moved here
    tasks: deque[Held] = field(default_factory=deque)


class Turn(NamedTuple):
    """A queue whose tasks went back although they have not had their turn here."""

    since: float  # when it began to wait for it
    returns: int  # times that they went back


@dataclass(slots=True)
class NodeState:
    """See the module."""

    total: dict[str, int]  # less what is kept for placement groups; that has names of its own
    most_workers: int  # beyond so many, a worker is started only when all others wait
    utmost_workers: int = 1000  # beyond so many none is started
    kill_grace_s: float = 5.0
    prefetch_bytes: int = 0  # for inputs of tasks that are held without a seat; see `ahead`
    free: dict[str, int] = field(init=False)
    here: dict[bytes, Held] = field(default_factory=dict)  # light tasks, by id
    queues: dict[tuple[bytes, str], Queue] = field(default_factory=dict)
    fetching: dict[bytes, Held] = field(default_factory=dict)  # tasks whose inputs are on their way
    crashes: dict[bytes, Crashes] = field(default_factory=dict)  # by actor; see `resting`
    workers: dict[int, WorkerState] = field(default_factory=dict)
    busy: dict[int, WorkerState] = field(default_factory=dict)  # those of `workers` that are
    idle: dict[bytes, list[int]] = field(default_factory=dict)  # by job, the latest last
    asleep: set[int] = field(default_factory=set)  # busy workers that used no CPU lately
    actors: dict[bytes, WorkerState] = field(default_factory=dict)  # those that live here
    hosts: int = 0  # workers that are no use but to their actors
    sought: dict[tuple[bytes, str], float] = field(default_factory=dict)  # queue -> last seen
    passed_by: dict[tuple[bytes, str], float] = field(default_factory=dict)  # since when: `hunger`
    turns: dict[tuple[bytes, str], Turn] = field(default_factory=dict)  # queues; see `sharing`
    draws: dict[tuple[bytes, str], Draw] = field(default_factory=dict)  # queues; see `ahead`
    looked_at: dict[tuple[bytes, str], float] = field(default_factory=dict)  # when, see `ahead`
    store_room: float = inf  # memory for objects that may be taken for what is fetched ahead
    held_back: dict[str, int] = field(default_factory=dict)  # resource -> priority it is kept for
    pace: Pace = field(default_factory=Pace)
    gpus: Gpus = field(init=False)
    cpus: int = field(init=False)  # whole ones, whoever has them
    bundles: dict[bytes, Bundle] = field(default_factory=dict)  # see `reserving`
    owed: set[bytes] = field(default_factory=set)  # those of them that are not held yet
    group_gpus: dict[str, Gpus] = field(default_factory=dict)
    gone: dict[str, None] = field(default_factory=dict)  # groups that are, the latest last
    hungry: bool = False  # see `hunger`
    draining: bool = False  # it takes nothing, and hands back what was not begun
    room_since: float | None = None
    born: int = 0
    stillborn: int = 0  # workers in a row that ended without having begun anything
    start_after: float = 0.0  # no worker is started before
    calm_until: float = 0.0  # memory was short: one at a time until then
    warned_at: float = -inf
    now: float = 0.0
    due: float = inf  # when time itself is the next event; see `ticks`

    def __post_init__(self) -> None:
        """All is free."""
        self.total = dict(self.total)
        self.free = dict(self.total)
        self.gpus = Gpus(self.total.get(GPU, 0) // UNIT)
        self.cpus = self.total.get(CPU, 0) // UNIT

    # -- time -------------------------------------------------------------------------------

    def at(self, moment: float) -> None:
        """Something is due then, at the latest."""
        self.due = min(self.due, moment)

    # -- workers ----------------------------------------------------------------------------

    def turn(self, worker: WorkerState, state: Doing) -> None:
        """The worker does something else from now on."""
        number = worker.number
        if worker.state == "busy":
            del self.busy[number]
        elif worker.state == "idle":
            self.idle[worker.job].remove(number)
        worker.state = state
        if state == "busy":
            self.busy[number] = worker
            self.asleep.discard(number)
        elif state == "idle":
            self.idle.setdefault(worker.job, []).append(number)

    def turn_to_end(self, worker: WorkerState) -> None:
        """It ends by itself; if it does not, it is killed."""
        self.turn(worker, "ending")
        worker.kill_at = self.now + self.kill_grace_s
        self.at(worker.kill_at)

    def forget(self, number: int) -> WorkerState:
        """The worker is gone, and its seat is free."""
        worker = self.workers.pop(number)
        self.hosts -= worker.hosts
        self.leave_seat(worker)
        self.turn(worker, "ending")
        return worker

    def count(self, state: Doing) -> int:
        """How many workers do this."""
        if state == "busy":
            return len(self.busy)
        return sum(worker.state == state for worker in self.workers.values())

    def no_actor(self, worker: WorkerState) -> None:
        """Nobody calls the actor that lives in it any more."""
        worker.calls.clear()
        if worker.sent:
            self.actors.pop(worker.sent[0].task, None)

    def residents(self, job: bytes) -> list[bytes]:
        """The job's actors that live here and take calls."""
        return [actor for actor, worker in self.actors.items() if worker.job == job]

    def has_actors(self, job: bytes) -> bool:
        """Whether a worker is left in which an actor of the job lives, or ends."""
        return any(worker.hosts and worker.job == job for worker in self.workers.values())

    def ordinary(self) -> int:
        """How many workers are there for tasks."""
        return len(self.workers) - self.hosts

    # -- seats ------------------------------------------------------------------------------

    def seats(self, needs: Mapping[str, int], free: Mapping[str, int]) -> int:
        """How many tasks with these needs would fit."""
        fit = self.utmost_workers
        for name, amount in needs.items():
            fit = min(fit, free.get(name, 0) // amount)
        return max(0, fit)

    def take_seat(self, worker: WorkerState, kind: Kind) -> bool:
        """Give it the resources of one such task; False: there is no GPU left whole enough."""
        gpus = self.gpus_of(kind.group).take(kind.needs.get(kind.gpu, 0))
        if gpus is None:
            return False
        worker.seat, worker.gpus = kind, gpus
        for name, amount in kind.needs.items():
            self.free[name] -= amount
        return True

    def leave_seat(self, worker: WorkerState) -> None:
        """Its resources are free again."""
        seat = worker.seat
        if seat is not None:
            for name, amount in seat.needs.items():
                if name not in seat.cpus or worker.state != "blocked":
                    self.free[name] += amount
            self.gpus_of(seat.group).give(worker.gpus, seat.needs.get(seat.gpu, 0))
            worker.seat, worker.gpus = None, ()

    def lend(self, worker: WorkerState, times: int) -> None:
        """While it waits its CPUs are others'."""
        seat = worker.seat
        assert seat is not None, "who waits runs a task"
        for name in seat.needs.keys() & set(seat.cpus):
            self.free[name] += times * seat.needs[name]

    def gpus_of(self, group: str) -> Gpus:
        """Those of a placement group, or everybody's."""
        return self.group_gpus.setdefault(group, Gpus()) if group else self.gpus

    # -- tasks ------------------------------------------------------------------------------

    def queue_of(self, kind: Kind) -> Queue:
        """Where tasks of this kind wait."""
        name = (kind.job, kind.queue)
        queue = self.queues.get(name)
        if queue is None:
            turn = self.turns.pop(name, None) or Turn(self.now, 0)
            queue = self.queues[name] = Queue(name, kind.priority, self.now, *turn)
            self.sought[name] = self.now
            self.passed_by.pop(name, None)
        return queue

    def requeue(self, tasks: Iterable[Held]) -> None:
        """Nothing was tried: they wait again, before the others and in the same order."""
        for held in reversed(list(tasks)):
            self.queue_of(held.kind).tasks.appendleft(held)

    def not_begun(self) -> Iterator[Held]:
        """Tasks that are here and do not run: no seat, no inputs yet, or behind another."""
        for queue in self.queues.values():
            yield from queue.tasks
        yield from self.fetching.values()
        for worker in self.workers.values():
            yield from islice(worker.sent, 1, None)

    def waiting(self) -> int:
        """Tasks without a seat."""
        return sum([len(queue.tasks) for queue in self.queues.values()])

    def light_seats(self) -> int:
        """How many workers run light tasks that were not for the raylet."""
        return sum(worker.sent[0].kind.light for worker in self.busy.values())

    def at_work(self) -> bool:
        """Whether anything runs or waits."""
        calls = any(worker.calls for worker in self.actors.values())
        return bool(self.busy or self.queues or calls)

    # -- what must hold ---------------------------------------------------------------------

    def check(self) -> None:
        """Assert what must hold between events.  For tests and ``LOOM_CHECK=1``."""
        taken: dict[str, int] = {}
        for number, worker in self.workers.items():
            self._check_worker(number, worker)
            for name, amount in (worker.seat.needs if worker.seat else {}).items():
                if worker.state != "blocked" or (worker.seat and name not in worker.seat.cpus):
                    taken[name] = taken.get(name, 0) + amount
        for name, amount in self.total.items():
            assert self.free[name] == amount - taken.get(name, 0), f"{name} went astray"
        assert len(self.busy) == sum(w.state == "busy" for w in self.workers.values())
        assert sum(map(len, self.idle.values())) == self.count("idle")
        assert self.ordinary() <= self.utmost_workers, "too many workers"
        assert self.hosts == sum(w.hosts for w in self.workers.values())
        assert all(self.workers.get(w.number) is w and w.hosts for w in self.actors.values())
        assert self.owed <= self.bundles.keys()
        assert all(queue.tasks for queue in self.queues.values()), "an empty queue is kept"
        firsts = [queue.tasks[0] for queue in self.queues.values()]
        stuck = [h for h in (*firsts, *self.fetching.values()) if h.kind.group in self.gone]
        assert not stuck, "what was to run in a group that is no more waits for it"

    def _check_worker(self, number: int, worker: WorkerState) -> None:
        assert worker.number == number
        assert (number in self.busy) == (worker.state == "busy")
        if worker.state in {"starting", "idle"}:
            assert not worker.sent, "a worker that has nothing to do has tasks"
            assert worker.seat is None, "a worker that has nothing to do has a seat"
            assert not worker.stopping, "it has nothing, so there is nothing to stop"
        assert worker.hosts or not worker.calls, "calls of no actor"
        if worker.state == "hosting":
            assert worker.hosts
            assert self.actors.get(worker.sent[0].task) is worker, "an actor that nobody finds"
        if worker.state in {"busy", "blocked", "hosting"}:
            assert worker.sent, "a worker does something, but has no task"
            assert worker.seat is not None, "a worker runs a task without a seat"
        tasks = {held.task for held in worker.sent}
        assert worker.stopping.keys() <= tasks, "what is over need not stop"


def take_out(tasks: deque[Held], task: bytes) -> Held | None:
    """Remove a task, named by its id or its entry."""
    for held in tasks:
        if held.entry.startswith(task):
            tasks.remove(held)
            return held
    return None
