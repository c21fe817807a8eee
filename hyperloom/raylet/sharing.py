"""Tasks that a node holds ahead and does not get to go back to the control plane.

A node holds more tasks of a short kind than it can run, so that its workers never wait for the
control plane.  How long a kind takes is learned from those that were; when the next ones take
longer, what is held behind them would wait here while other nodes stand idle.  So when nothing of a
queue has begun or ended for `GIVE_BACK_S` although tasks of it run, the rest of it is given back,
and no more of it is held ahead until one of those has ended.

What waits its turn behind tasks of other kinds was asked for, to have one here at all, or has its
inputs here.  It stays, unless another node stands idle that has room for it (`may_go`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.raylet import hunger
from hyperloom.raylet.messages import GiveBack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.raylet.messages import Effect, Kind
    from hyperloom.raylet.state import NodeState, Queue, WorkerState

GIVE_BACK_S = 0.5
MAY_GO_AFTER_S = 0.3


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


def may_go(s: NodeState) -> dict[bytes, float]:
    """Jobs with queues that wait for so long that others may have their tasks, and since when."""
    found: dict[bytes, float] = {}
    for (job, _), queue in s.queues.items():
        if _waits_long(s, queue):
            found[job] = min(queue.since, found.get(job, queue.since))
    return found


def _waits_long(s: NodeState, queue: Queue) -> bool:
    late = s.now >= queue.since + MAY_GO_AFTER_S
    return late and not s.seats(queue.tasks[0].kind.needs, s.free)


def others_have_room(s: NodeState, job: bytes, offers: Sequence[str]) -> list[Effect]:
    """Other nodes stand idle with these offers: what one of them has room for goes."""
    going = []
    for name, queue in s.queues.items():
        if name[0] == job and _waits_long(s, queue):
            kind = queue.tasks[0].kind
            if any(fits(offer, kind) for offer in offers):
                going.append(name)
    return [GiveBack(list(s.queues.pop(name).tasks)) for name in going]


def fits(offer: str, kind: Kind) -> bool:
    """Whether who stands idle with this offer has room for a task: as ``lua/task/_room.lua``."""
    seats, amounts, _ = offer.split(";", 2)
    free = {name: int(n) for name, _, n in (each.rpartition(":") for each in amounts.split(","))}
    if hunger.MARK not in free and not hunger.grants(free, kind.queue):
        return False
    return int(seats) > 0 and all(free.get(name, 0) >= n for name, n in kind.needs.items())
