"""Tasks that a node holds ahead and does not get to go back to the control plane.

A node holds more tasks of a short kind than it can run, so that its workers never wait for the
control plane.  How long a kind takes is learned from those that were; when the next ones take
longer, what is held behind them would wait here while other nodes stand idle.  So when nothing of a
queue has begun or ended for `GIVE_BACK_S` although tasks of it run, the rest of it is given back,
and no more of it is held ahead until one of those has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.raylet.messages import GiveBack

if TYPE_CHECKING:
    from hyperloom.raylet.messages import Effect
    from hyperloom.raylet.state import NodeState, WorkerState

GIVE_BACK_S = 0.5


def stands_still(s: NodeState, worker: WorkerState) -> bool:
    """Whether what it runs takes so long that nothing should wait for it here."""
    return s.now >= worker.since + GIVE_BACK_S


def overdue(s: NodeState) -> list[Effect]:
    """Give back what waits behind tasks of its own kind for too long."""
    effects: list[Effect] = []
    for name, queue in list(s.queues.items()):
        seats = [(worker, worker.seat) for worker in s.busy.values() if worker.seat is not None]
        since = [worker.since for worker, seat in seats if (seat.job, seat.queue) == name]
        if not since or s.seats(queue.tasks[0].kind.needs, s.free):
            continue  # it waits its turn, or for a worker or a quiet moment: see `placing`
        due = max(queue.since, *since) + GIVE_BACK_S
        if s.now < due:
            s.at(due)
        else:
            del s.queues[name]
            effects.append(GiveBack(list(queue.tasks)))
    return effects
