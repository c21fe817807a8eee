"""Tasks that a node holds ahead and does not get to go back to the control plane.

A node holds more tasks of a short kind than it can run, so that its workers never wait for the
control plane.  How long a kind takes is learned from those that were; when the next ones take
longer, what is held behind them would wait here while other nodes stand idle.  So when nothing of a
queue has begun or ended for `GIVE_BACK_S` although tasks of it run, the rest of it is given back,
and no more of it is held ahead until one of those has ended.

What waits its turn behind tasks of other kinds was asked for, to have one here at all, and what was
taken ahead has its inputs here, or soon (`ahead`).  These stay as long as seats here change hands,
unless another node stands idle that has room for them (`may_go`).

When nothing has moved here for `KEPT_S` they go back, too: other nodes that are never idle may come
to them sooner.  But a task that needs much, among those that need little, must be here when a seat
is left, or what it lacks is not held back for it.  So it is asked for again when something moves,
waits from then on as if it had been here, and stays twice as long, each time (`Turn`).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from hyperloom.raylet import ahead, hunger
from hyperloom.raylet.messages import GiveBack
from hyperloom.raylet.state import Turn
from hyperloom.resources import needs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.raylet.messages import Effect, Held, Kind
    from hyperloom.raylet.state import NodeState, Queue, WorkerState

GIVE_BACK_S = 0.5
MAY_GO_AFTER_S = 0.3


def stands_still(s: NodeState, worker: WorkerState) -> bool:
    """Whether what it runs takes so long that nothing should wait for it here."""
    return s.now >= worker.since + GIVE_BACK_S


def overdue(s: NodeState) -> list[Effect]:
    """Give back what waits here for too long."""
    effects: list[Effect] = []
    for name, queue in list(s.queues.items()):
        if s.seats(queue.tasks[0].kind.needs, s.free):
            continue  # it waits for a worker or a quiet moment: see `placing`
        late = _late(s, queue)
        if late:
            queue.tasks = deque(held for held in queue.tasks if held not in late)
            effects.append(GiveBack(late))
        if not queue.tasks:
            del s.queues[name]
    return effects


def _late(s: NodeState, queue: Queue) -> list[Held]:
    """What others may have: nothing that it waits for has ended or begun for too long."""
    seats = [(worker, worker.seat) for worker in s.busy.values() if worker.seat is not None]
    own = [worker.since for worker, seat in seats if (seat.job, seat.queue) == queue.name]
    moved = max(queue.came, ahead.last_move(s, queue.tasks[0].kind.needs))
    tasks = list(queue.tasks)
    if not own:
        if _is_past(s, moved + ahead.KEPT_S * 2**queue.returns):
            s.turns[queue.name] = Turn(queue.since, queue.returns + 1)
            s.sought[queue.name] = s.now
            return tasks
        del tasks[0]  # one is here for its turn behind others
    late: list[Held] = []
    if own and _is_past(s, max(queue.since, *own) + GIVE_BACK_S):
        late += [held for held in tasks if not held.away]
    fetched = [held for held in tasks if held.away]
    if fetched and _is_past(s, moved + ahead.KEPT_S):
        late += fetched
    return late


def may_come(s: NodeState, name: tuple[bytes, str]) -> bool:
    """Whether one of a queue may come to wait its turn here: not, when such went back just now."""
    return name not in s.turns or s.now < ahead.last_move(s, needs_of(name[1])) + ahead.KEPT_S


def _is_past(s: NodeState, moment: float) -> bool:
    if s.now < moment:
        s.at(moment)
    return s.now >= moment


def may_go(s: NodeState) -> dict[bytes, float]:
    """Jobs with queues that wait for so long that others may have their tasks, and since when."""
    found: dict[bytes, float] = {}
    for (job, _), queue in s.queues.items():
        if _waits_long(s, queue):
            found[job] = min(queue.since, found.get(job, queue.since))
    for held in _come_for_long(s):
        job = held.kind.job
        found[job] = min(held.asked, found.get(job, held.asked))
    return found


def _come_for_long(s: NodeState) -> list[Held]:
    """Tasks without a seat whose inputs are on their way for so long that others may have them."""
    return [held for held in ahead.coming(s) if s.now >= held.asked + MAY_GO_AFTER_S]


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
    effects: list[Effect] = [GiveBack(list(s.queues.pop(name).tasks)) for name in going]
    late = [held for held in _come_for_long(s) if held.kind.job == job]
    leaving = [held for held in late if any(fits(offer, held.kind) for offer in offers)]
    return effects + ahead.give_back(s, leaving)


def fits(offer: str, kind: Kind) -> bool:
    """Whether who stands idle with this offer has room for a task: as ``lua/task/_room.lua``."""
    seats, amounts, _ = offer.split(";", 2)
    free = {name: int(n) for name, _, n in (each.rpartition(":") for each in amounts.split(","))}
    if hunger.MARK not in free and not hunger.grants(free, kind.queue):
        return False
    return int(seats) > 0 and all(free.get(name, 0) >= n for name, n in kind.needs.items())
