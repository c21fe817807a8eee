"""How things end: workers, tasks that are not wanted any more, jobs.

The rule: a task that a worker began is never run again behind the control plane's back.  It is
reported lost (and the control plane counts the attempt) or failed.  Only what was certainly
not begun goes back into the queue: a worker counts what it begins in shared memory, where the
count outlives it.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from hyperloom.raylet import ahead
from hyperloom.raylet.messages import (
    AskBack,
    CancelElsewhere,
    KillWorker,
    ReportFailed,
    ReportLost,
    Stop,
)
from hyperloom.raylet.state import Stopping, take_out

if TYPE_CHECKING:
    from hyperloom.raylet.messages import Effect, Held
    from hyperloom.raylet.state import NodeState, WorkerState

FORCE_S = 0.05  # a task that is stopped by force may still report by itself, if it has ended
CALM_S = 1.0  # after memory was short, tasks run one at a time for so long
STILLBORN_MOST = 3  # workers in a row that begin nothing, until a task is made to answer for it
STILLBORN_PAUSE_S = 0.1  # before the next start; doubled each time


def bury(s: NodeState, number: int, begun: int) -> list[Effect]:
    """A worker is gone, having begun so many tasks in all."""
    told_to_end = s.workers[number].state == "ending"
    worker = s.forget(number)
    ran = begun - worker.reported
    sent = list(worker.sent)
    worker.sent.clear()
    effects: list[Effect] = []
    unbegun: list[Held] = []
    # In the order of `sent`: tasks that had ended but were not reported yet, the one that
    # ran, those that were not begun.
    for position, held in enumerate(sent):
        if held.entry in worker.disowned:
            continue
        if held.task in worker.stopping:
            effects.append(ReportFailed(held, number, worker.stopping[held.task].why))
        elif position >= ran:
            unbegun.append(held)
        else:
            died = position == ran - 1 and worker.killed in {"", "oom"}
            effects.append(ReportLost(held, number, died, worker.killed))
    s.requeue(unbegun)
    if begun == 0 and not worker.killed and not told_to_end:
        effects += _stillborn(s, worker)
    return effects


def _stillborn(s: NodeState, worker: WorkerState) -> list[Effect]:
    """Workers cannot be started, or end at once: slow down, and in the end let tasks say so."""
    s.stillborn += 1
    s.start_after = s.now + STILLBORN_PAUSE_S * 2 ** min(s.stillborn - 1, 5)
    s.at(s.start_after)
    if s.stillborn < STILLBORN_MOST:
        return []
    queue = next((queue for name, queue in s.queues.items() if name[0] == worker.job), None)
    if queue is None:
        return []
    held = queue.tasks.popleft()
    if not queue.tasks:
        del s.queues[queue.name]
    return [ReportLost(held, worker.number, died=True)]


def cancel(s: NodeState, task: bytes, *, force: bool) -> list[Effect]:
    """Somebody does not want a task any more."""
    held = s.here.pop(task, None) or s.fetching.pop(task, None)
    if held is not None:
        return [ReportFailed(held, 0, "cancelled")]
    for queue in s.queues.values():
        held = take_out(queue.tasks, task)
        if held is not None:
            if not queue.tasks:
                del s.queues[queue.name]
            return [ReportFailed(held, 0, "cancelled")]
    for worker in s.workers.values():
        if task in worker.calls:  # its actor shall not suffer for it
            return [Stop(worker.number, worker.calls[task].held, "cancelled")]
        for held in worker.sent:
            if held.task == task:
                return stop(s, worker, held, "cancelled", force=force)
    # It has ended; or it is on its way to us, or back to the queue: whoever knows may tell.
    return [CancelElsewhere(task, force)]


def stop(
    s: NodeState, worker: WorkerState, held: Held, why: str, *, force: bool = False
) -> list[Effect]:
    """Ask the worker to stop a task; if it does not in time, the worker is killed."""
    known = worker.stopping.get(held.task)
    if known is not None and not force:
        return []
    why = known.why if known else why
    worker.stopping[held.task] = Stopping(why, FORCE_S if force else s.kill_grace_s)
    effects: list[Effect] = [] if known else [Stop(worker.number, held, why)]
    if held is worker.sent[0]:
        if force and len(worker.sent) == 1:
            return [kill(worker, why)]
        watch_first(s, worker)
    # Of several, the first may have ended without a report yet; the answer brings it.
    if len(worker.sent) > 1 and not worker.asked_back:
        effects.append(ask_back(worker))
    return effects


def watch_first(s: NodeState, worker: WorkerState) -> None:
    """If the task that runs shall stop, it has so long from now."""
    stopping = worker.stopping.get(worker.sent[0].task) if worker.sent else None
    worker.kill_at = inf if stopping is None else s.now + stopping.grace_s
    s.at(worker.kill_at)


def kill(worker: WorkerState, why: str) -> Effect:
    """End the worker now."""
    worker.kill_at = worker.deadline = inf
    worker.killed = worker.killed or why
    return KillWorker(worker.number)


def ask_back(worker: WorkerState) -> Effect:
    """Ask the worker to report what has ended and to return what it has not begun."""
    worker.asked_back = True
    return AskBack(worker.number)


def sacrifice(s: NodeState, number: int) -> list[Effect]:
    """The machine is about to run out of memory: this worker's task goes."""
    worker = s.workers.get(number)
    if worker is None or not worker.sent or worker.killed:
        return []
    s.calm_until = s.now + CALM_S
    s.at(s.calm_until)
    return [kill(worker, "oom")]


def end_job(s: NodeState, job: bytes) -> list[Effect]:
    """Nothing of the job is wanted any more."""
    for name in [name for name in s.queues if name[0] == job]:
        del s.queues[name]
    for name in [name for name in s.sought if name[0] == job]:
        del s.sought[name]
        s.passed_by.pop(name, None)
    ahead.end_job(s, job)
    for books in (s.here, s.fetching):
        for task in [task for task, held in books.items() if held.kind.job == job]:
            del books[task]
    theirs = [worker for worker in s.workers.values() if worker.job == job]
    return [drop(s, worker) for worker in theirs if not _rests(s, worker)]


def _rests(s: NodeState, worker: WorkerState) -> bool:
    """Whether its actor ends in peace; it may, for as long as when a program ends."""
    if not worker.hosts or worker.state != "ending" or worker.killed:
        return False
    worker.kill_at = min(worker.kill_at, s.now + s.kill_grace_s)
    s.at(worker.kill_at)
    return True


def give_up(s: NodeState) -> list[Effect]:
    """The cluster gave this node up: all that it held runs elsewhere, and must not here.

    Its workers are buried with it, idle ones too: what one of them said later would be refused.
    """
    s.here.clear()
    s.queues.clear()
    s.sought.clear()
    s.passed_by.clear()
    s.fetching.clear()
    return [drop(s, worker) for worker in s.workers.values()]


def disown(s: NodeState, entries: set[bytes]) -> list[Effect]:
    """The control plane is in a state in which this node does not have these tasks.

    It may give them to anybody, to this node too.  So they are forgotten without a word, and what
    runs one of them ends; what else that had is lost or goes back, as when it dies.
    """
    for books in (s.here, s.fetching):
        for task in [task for task, held in books.items() if held.entry in entries]:
            del books[task]
    for name, queue in list(s.queues.items()):
        for held in [held for held in queue.tasks if held.entry in entries]:
            queue.tasks.remove(held)
        if not queue.tasks:
            del s.queues[name]
    effects: list[Effect] = []
    for worker in list(s.workers.values()):
        theirs = entries & {held.entry for held in worker.has()}
        if not theirs:
            continue
        if worker.left is not None:
            worker.disowned |= theirs
        elif worker.sent[0].kind.role == "actor" and worker.sent[0].entry in theirs:
            effects.append(drop(s, worker))
        else:
            worker.disowned |= theirs
            effects.append(kill(worker, "restart" if worker.hosts else "ended"))
    return effects


def drop(s: NodeState, worker: WorkerState) -> Effect:
    """Nothing that the worker does is wanted any more."""
    s.no_actor(worker)
    worker.left = None
    worker.sent.clear()
    worker.stopping.clear()
    s.leave_seat(worker)
    s.turn(worker, "ending")
    return kill(worker, "ended")
