"""What time brings: deadlines, patience that ends, workers that idle for long.

The rule: nothing ticks for its own sake.  Whoever sets something that time will end says when
(`NodeState.at`); the agent sends a `Tick` then.  A tick looks at everything and says when the
next one is due, so that a node at rest has none.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from hyperloom.raylet import resting
from hyperloom.raylet.ends import ask_back, kill, stop
from hyperloom.raylet.placing import IDLE_S, STEAL_AFTER_S, end, forget_sought, keep
from hyperloom.raylet.sharing import overdue

if TYPE_CHECKING:
    from hyperloom.raylet.messages import Effect
    from hyperloom.raylet.state import NodeState, WorkerState

NEVER = inf


def tick(s: NodeState) -> list[Effect]:
    """Do what is due; `s.due` says when to come again."""
    s.due = inf
    forget_sought(s)
    effects: list[Effect] = []
    for worker in s.workers.values():
        if s.now >= worker.deadline:
            worker.deadline = inf
            effects += stop(s, worker, worker.sent[0], "timeout")
        if s.now >= worker.kill_at:
            effects.append(kill(worker, _why(worker)))
        if worker.state in {"busy", "blocked"} and len(worker.sent) > 1:
            effects += _share(s, worker)
        s.at(min(worker.deadline, worker.kill_at))
    effects += _end_idle(s)
    effects += overdue(s)
    resting.wake(s)
    for moment in (s.calm_until, s.start_after):
        if moment > s.now:
            s.at(moment)
    return effects


def _why(worker: WorkerState) -> str:
    if not worker.sent or worker.sent[0].task not in worker.stopping:
        return "ended"  # it was to end by itself
    return worker.stopping[worker.sent[0].task].why


def _share(s: NodeState, worker: WorkerState) -> list[Effect]:
    """It has tasks that it does not get to: others may, and what it has done is wanted."""
    if worker.asked_back:
        return []
    due = worker.since + STEAL_AFTER_S
    if s.now >= due or worker.state == "blocked":
        return [ask_back(worker)]
    s.at(due)
    return []


def _end_idle(s: NodeState) -> list[Effect]:
    idle = [s.workers[number] for numbers in s.idle.values() for number in numbers]
    spare = len(idle) - keep(s)
    if spare <= 0:
        return []
    effects: list[Effect] = []
    for worker in sorted(idle, key=lambda worker: worker.since)[:spare]:
        if s.now >= worker.since + IDLE_S:
            effects.append(end(s, worker))
        else:
            s.at(worker.since + IDLE_S)
    return effects
