"""The node's decisions, without its I/O.

`NodeMachine` is a pure state machine: :meth:`NodeMachine.handle` takes one event and the time
and returns the effects to perform.  It knows no socket, process, file, thread, clock or
random number.

Life of a worker::

    StartWorker--> starting --WorkerReady--> idle --Run--> busy --TasksDone--> idle
                                               |            |  ^
                                      EndWorker|   Blocked  |  | Unblocked
                                               v            v  |
                                            ending         blocked     WorkerExited from any

A light task is run by the raylet itself (`RunHere`), and is a task as others only if that refuses.

A worker in which an actor is made turns from busy to *hosting*, and is that until it ends
(`hosting`).

Life of a task here: it waits in a queue (after its inputs were fetched, if they lie on other
nodes), is sent to a worker, and leaves by `TasksDone` (the agent reports the result),
`TaskToRetry`, `TaskRedirected`, one `ReportLost` or one `ReportFailed`.

This file is what each event means; what follows from the new state is in `placing` (who gets
seats, what is asked for), `hosting` (actors), `ends` (deaths, cancellation), `ticks` (time).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperloom.raylet import (
    ahead,
    ends,
    hosting,
    hunger,
    placing,
    reserving,
    resting,
    sharing,
    ticks,
)
from hyperloom.raylet import messages as m
from hyperloom.raylet.state import NodeState, take_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hyperloom.raylet.messages import Effect, Event
    from hyperloom.raylet.state import WorkerState


@dataclass(slots=True)
class NodeMachine(NodeState):
    """What one node knows.  Change it through :meth:`handle` only."""

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take in one event; return what is to be done about it, in order."""
        self.now = now
        effects = HANDLERS[type(event)](self, event)
        then = placing.hand_back if self.draining else placing.place
        effects = (effects or []) + then(self)
        if self.owed:
            reserving.cover(self)
        hunger.look(self)
        return effects

    def may_sleep(self, now: float) -> list[int]:
        """Workers of which it matters whether they sleep, see `WorkersAsleep`."""
        self.now = now
        return placing.may_sleep(self)

    def may_go(self, now: float) -> dict[bytes, float]:
        """Jobs of which tasks wait here for so long that others may have them; since when."""
        self.now = now
        return sharing.may_go(self)

    def unknown(self, job: bytes, queues: Sequence[str], now: float) -> list[str]:
        """Of queues that wait, those of which the first task is to be looked at: `FirstSeen`."""
        self.now = now
        return ahead.unknown(self, job, queues)

    def offer(self, job: bytes) -> str:
        """What the node has room for, in the form of ``lua/task/_offer.lua``."""
        return placing.offer(self, job)


def _claimed(s: NodeState, event: m.TasksClaimed) -> list[Effect]:
    here = []
    tasks, effects = reserving.turned_away(s, event.tasks) if s.gone else (event.tasks, [])
    if s.hungry or s.room_since is not None:
        for kind in {held.kind.queue: held.kind for held in tasks if not held.moved}.values():
            hunger.fed(s, kind)
    if s.draws:
        ahead.learn(s, tasks)
    for held in tasks:
        if held.is_light:
            s.here[held.task] = held
            here.append(held)
        elif not s.crashes or not resting.take(s, held):
            s.queue_of(held.kind).tasks.append(held)
    return [*effects, m.RunHere(here)] if here else effects


def _ran_here(s: NodeState, event: m.RanHere) -> None:
    for task in event.done:
        s.here.pop(task, None)
    for held in event.refused:
        if s.here.pop(held.task, None) is held:  # else its job has ended meanwhile
            s.queue_of(held.kind).tasks.append(held)


def _lacking(s: NodeState, event: m.TasksLacking) -> list[Effect]:
    tasks, effects = reserving.turned_away(s, event.tasks) if s.gone else (event.tasks, [])
    for held in tasks:
        s.fetching[held.task], held.asked = held, s.now
    if s.prefetch_bytes:
        ahead.learn(s, tasks)
    return effects


def _inputs_here(s: NodeState, event: m.InputsHere) -> None:
    held = s.fetching.pop(event.task, None)  # else it was cancelled, or its job has ended
    if held is not None and not event.handed_on and not resting.take(s, held):
        s.queue_of(held.kind).tasks.append(held)


def _ready(s: NodeState, event: m.WorkerReady) -> None:
    worker = s.workers[event.worker]
    if worker.state == "starting":  # else its job has ended meanwhile
        s.turn(worker, "idle")
        _rests(s, worker)


def _done(s: NodeState, event: m.TasksDone) -> None:
    worker = s.workers[event.worker]
    if worker.hosts:
        hosting.answered(s, worker, event.tasks)
        return
    worker.since = s.now
    s.stillborn = 0
    if worker.sent:
        s.pace.took(worker.sent[0].kind.template, len(event.tasks), event.seconds)
    for task in event.tasks:
        _off(worker, task)
    _left(s, worker)


def _to_retry(s: NodeState, event: m.TaskToRetry) -> None:
    worker = s.workers[event.worker]
    worker.since = s.now
    _off(worker, event.task)
    _left(s, worker)


def _redirected(s: NodeState, event: m.TaskRedirected) -> list[Effect]:
    worker = s.workers[event.worker]
    worker.since = s.now
    stopping = worker.stopping.get(event.task)
    held = _off(worker, event.task)
    _left(s, worker)
    if held is None:  # its job has ended, or the node was given up
        return []
    if stopping is not None:
        return [m.ReportFailed(held, worker.number, stopping.why)]
    return [m.Redirect(held, worker.number, event.record, event.row)]


def _off(worker: WorkerState, task: bytes) -> m.Held | None:
    """A task that the worker began is over."""
    worker.reported += 1
    if worker.stopping:
        worker.stopping.pop(task, None)
    sent = worker.sent
    if sent and sent[0].entry.startswith(task):
        return sent.popleft()
    return take_out(sent, task)


def _left(s: NodeState, worker: WorkerState) -> None:
    """Some tasks of the worker are over or returned: look at what is first now."""
    worker.deadline = worker.kill_at = ticks.NEVER
    if worker.sent:
        limit_s = worker.sent[0].kind.timeout_s
        if limit_s is not None:
            worker.deadline = s.now + limit_s
            s.at(worker.deadline)
        if worker.stopping:
            ends.watch_first(s, worker)
        return
    s.leave_seat(worker)
    if worker.killed:
        s.turn(worker, "ending")
    elif worker.state in {"busy", "blocked"}:
        s.turn(worker, "idle")
        _rests(s, worker)


def _rests(s: NodeState, worker: WorkerState) -> None:
    worker.since = s.now
    s.at(s.now + placing.IDLE_S)


def _blocked(s: NodeState, event: m.WorkerBlocked) -> list[Effect]:
    worker = s.workers[event.worker]
    effects = _return(s, worker, event.unbegun)
    if worker.state in {"busy", "hosting"} and worker.seat is not None:
        s.turn(worker, "blocked")
        s.lend(worker, 1)
        # 1. we sent tasks  2. the worker said what it had not begun  3. the tasks arrived:
        # they lie behind the one that waits, maybe for one of them.
        if len(worker.sent) > 1 and not worker.asked_back:
            effects.append(ends.ask_back(worker))
    return effects


def _unblocked(s: NodeState, event: m.WorkerUnblocked) -> None:
    # It takes its CPU back even if another has it by now: it would be odd to stop the one or
    # the other, and for a moment the machine is shared.
    worker = s.workers[event.worker]
    if worker.state == "blocked" and worker.seat is not None:
        s.turn(worker, "hosting" if worker.hosts else "busy")
        worker.since = s.now
        s.lend(worker, -1)


def _returned(s: NodeState, event: m.TasksReturned) -> list[Effect]:
    worker = s.workers[event.worker]
    worker.asked_back = False
    effects = _return(s, worker, event.unbegun)
    if len(worker.sent) > 1:
        s.at(s.now + placing.STEAL_AFTER_S)
    return effects


def _return(s: NodeState, worker: WorkerState, unbegun: Iterable[bytes]) -> list[Effect]:
    effects: list[Effect] = []
    back = []
    for entry in unbegun:
        held = take_out(worker.sent, entry)
        if held is None:
            continue
        stopping = worker.stopping.pop(held.task, None)
        if stopping is None:
            back.append(held)
        else:
            effects.append(m.ReportFailed(held, worker.number, stopping.why))
    if back or effects:
        s.requeue(back)
        _left(s, worker)
    return effects


def _leaving(s: NodeState, event: m.WorkerLeaving) -> None:
    s.turn_to_end(s.workers[event.worker])


def _exited(s: NodeState, event: m.WorkerExited) -> list[Effect]:
    worker = s.workers[event.worker]
    if worker.left or (worker.sent and worker.sent[0].kind.role == "actor"):
        return hosting.bury(s, event.worker, m.Begun(event.begun, event.in_groups))
    return ends.bury(s, event.worker, event.begun)


def _cancel_asked(s: NodeState, event: m.CancelAsked) -> list[Effect]:
    return ends.cancel(s, event.task, force=event.force)


def _memory_short(s: NodeState, event: m.MemoryShort) -> list[Effect]:
    return ends.sacrifice(s, event.worker)


def _asleep(s: NodeState, event: m.WorkersAsleep) -> None:
    s.asleep = set(event.workers)


def _job_ended(s: NodeState, event: m.JobEnded) -> list[Effect]:
    return ends.end_job(s, event.job)


def _given_up(s: NodeState, _: m.NodeGivenUp) -> list[Effect]:
    effects = ends.give_up(s)
    reserving.forget(s)
    return effects


def _disowned(s: NodeState, event: m.TasksDisowned) -> list[Effect]:
    return ends.disown(s, event.entries)


def _drains(s: NodeState, event: m.NodeDrains) -> list[Effect]:
    s.draining = event.on
    if not event.on:
        return []
    s.requeue(s.fetching.values())
    s.fetching.clear()
    behind = [w for w in s.workers.values() if len(w.sent) > 1 and not w.asked_back]
    return [ends.ask_back(worker) for worker in behind]


def _queues_seen(s: NodeState, event: m.QueuesSeen) -> None:
    for queue in event.queues:
        hunger.seen(s, event.job, queue)


def _others_idle(s: NodeState, event: m.OthersStandIdle) -> list[Effect]:
    return sharing.others_have_room(s, event.job, event.offers)


def _first_seen(s: NodeState, event: m.FirstSeen) -> None:
    if s.prefetch_bytes:
        ahead.learn(s, [event.task])


def _room_seen(s: NodeState, event: m.RoomSeen) -> list[Effect]:
    return ahead.heed(s, event.bytes)


def _tick(s: NodeState, _: m.Tick) -> list[Effect]:
    return ticks.tick(s)


# A test compares the keys with `Event`: no event is forgotten.
HANDLERS: dict[type, Callable[[NodeState, Any], list[Effect] | None]] = {
    m.TasksClaimed: _claimed,
    m.RanHere: _ran_here,
    m.CallsDealt: hosting.dealt,
    m.ActorOpened: hosting.opened,
    m.ActorEnded: hosting.ended,
    m.ActorUnwanted: hosting.unwanted,
    m.TasksLacking: _lacking,
    m.InputsHere: _inputs_here,
    m.TasksDone: _done,
    m.WorkerReady: _ready,
    m.TaskToRetry: _to_retry,
    m.TaskRedirected: _redirected,
    m.WorkerBlocked: _blocked,
    m.WorkerUnblocked: _unblocked,
    m.TasksReturned: _returned,
    m.WorkerLeaving: _leaving,
    m.WorkerExited: _exited,
    m.CancelAsked: _cancel_asked,
    m.MemoryShort: _memory_short,
    m.WorkersAsleep: _asleep,
    m.JobEnded: _job_ended,
    m.NodeGivenUp: _given_up,
    m.TasksDisowned: _disowned,
    m.NodeDrains: _drains,
    m.QueuesSeen: _queues_seen,
    m.OthersStandIdle: _others_idle,
    m.FirstSeen: _first_seen,
    m.RoomSeen: _room_seen,
    m.BundlesTold: reserving.told,
    m.Tick: _tick,
}
