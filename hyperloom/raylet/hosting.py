"""Actors on this node: a worker that is made one, is sent its calls, and ends.

An actor is a task that does not end: what its worker runs first is the constructor, and that
task stays held as long as the actor lives, with its seat.  Calls are the actor's alone, so they
are sent on as they come; how many come is agreed with the control plane
(`hyperloom.raylet.actors`).

The rule: when the worker dies, the control plane takes back at once all that this actor was dealt,
whether that has arrived here or not.  So calls for an actor that is not here are dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.raylet.ends import drop, kill
from hyperloom.raylet.messages import (
    ActorEnded,
    ActorOpened,
    ActorUnwanted,
    CallsDealt,
    EndWorker,
    OpenActor,
    ReportActorLeft,
    ReportActorLost,
    Run,
)
from hyperloom.raylet.resting import died
from hyperloom.raylet.state import Call, take_out

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperloom.raylet.held import Begun
    from hyperloom.raylet.messages import Effect, Held
    from hyperloom.raylet.state import NodeState, WorkerState

# An actor that ends in peace has so long for what it does then; when its program ends, so long as
# a cancelled task has.
REST_S = 30.0


def opened(s: NodeState, event: ActorOpened) -> list[Effect]:
    """The constructor has ended well."""
    worker = s.workers[event.worker]
    if worker.state != "busy" or worker.killed:
        return []  # it is not wanted any more, and on its way out
    s.stillborn = 0
    s.turn(worker, "hosting")
    worker.hosts, worker.farewell = True, event.farewell
    s.hosts += 1
    s.actors[worker.sent[0].task] = worker
    return [OpenActor(worker.sent[0], worker.number)]


def dealt(s: NodeState, event: CallsDealt) -> list[Effect]:
    """Calls came for an actor."""
    worker = s.actors.get(event.actor)
    if worker is None or not event.calls:
        return []
    if not worker.calls:
        worker.call_since = s.now
    for held in event.calls:
        worker.called += 1
        lane = held.kind.lane
        place = worker.called_in[lane] = worker.called_in.get(lane, 0) + 1
        worker.calls[held.task] = Call(worker.called, held, place)
    return [Run(worker.number, event.calls, worker.gpus)]


def answered(s: NodeState, worker: WorkerState, tasks: Iterable[bytes]) -> None:
    """Calls are over."""
    worker.call_since = s.now
    if s.crashes and worker.sent:
        s.crashes.pop(worker.sent[0].task, None)
    for task in tasks:
        worker.calls.pop(task, None)


def ended(s: NodeState, event: ActorEnded) -> list[Effect]:
    """The actor ended by itself: its worker does so soon."""
    worker = s.workers[event.worker]
    if worker.state == "ending":
        return []
    return _end(s, worker, REST_S)


def unwanted(s: NodeState, event: ActorUnwanted) -> list[Effect]:
    """The actor shall end, or start again."""
    worker = _host_of(s, event.actor)
    if worker is None:
        if event.how != "restart":
            _take_from_queue(s, event.actor)
        return []
    if event.how == "restart":
        return [kill(worker, "restart")]
    if not worker.hosts:
        return [drop(s, worker)]
    if event.how == "kill":
        actor, calls = worker.sent[0], dict(worker.calls)
        effect = drop(s, worker)
        worker.left, worker.calls = actor, calls  # what became of these is known when it is dead
        return [effect]
    return _part(s, worker) if event.how == "part" else _end(s, worker, REST_S)


def _part(s: NodeState, worker: WorkerState) -> list[Effect]:
    """Its program ends: what it has not answered is not wanted, and a call that runs not either.

    But that is not stopped in the middle if it stands between the actor and its farewell.
    """
    if worker.calls and not worker.farewell:
        return [drop(s, worker)]
    return _end(s, worker, s.kill_grace_s, forget=bool(worker.calls))


def _end(
    s: NodeState, worker: WorkerState, grace_s: float, *, forget: bool = False
) -> list[Effect]:
    _rest(s, worker, grace_s)
    return [EndWorker(worker.number, forget)]


def bury(s: NodeState, number: int, begun: Begun) -> list[Effect]:
    """The worker of an actor, or of its constructor, is gone, having begun so much."""
    worker = s.forget(number)
    lost = begun_calls(worker, begun)
    if worker.left is not None:
        return [ReportActorLeft(worker.left, lost)]
    actor = worker.sent[0]
    s.no_actor(worker)
    if begun.tasks <= worker.reported and not worker.killed:
        s.requeue([actor])
        return []
    died(s, worker)
    return [ReportActorLost(actor, number, lost, worker.killed)]


def begun_calls(worker: WorkerState, begun: Begun) -> list[Held]:
    """Calls of its actor that may have run, if it has begun so much."""
    calls = [call.held for call in worker.calls.values() if worker.has_begun(call, begun)]
    return [held for held in calls if held.entry not in worker.disowned]


def _rest(s: NodeState, worker: WorkerState, grace_s: float) -> None:
    """It is no actor any more that anybody calls, and has some time to end by itself."""
    s.no_actor(worker)
    worker.sent.clear()
    if worker.state == "blocked" and worker.seat is not None:
        s.lend(worker, -1)
    s.turn(worker, "ending")
    worker.kill_at = s.now + grace_s
    s.at(worker.kill_at)


def _host_of(s: NodeState, actor: bytes) -> WorkerState | None:
    worker = s.actors.get(actor)
    if worker is None:  # its constructor may be running
        all_of_them = s.workers.values()
        worker = next((w for w in all_of_them if w.sent and w.sent[0].task == actor), None)
    return worker


def _take_from_queue(s: NodeState, actor: bytes) -> None:
    s.fetching.pop(actor, None)
    for name, queue in list(s.queues.items()):
        if take_out(queue.tasks, actor) is not None and not queue.tasks:
            del s.queues[name]
