"""Tasks that a full node takes ahead, so that their inputs are here when their turn comes.

What a task lacks is fetched before it gets a seat, beside what runs.  But a node that is full
claims nothing, and would begin to fetch only when a seat is free.  So it learns which queues
*draw*: whose tasks lack large inputs here, as it saw of those that it was given, or of the one that
stands first.  Of such a queue it holds a task for each seat that is taken, as long as all that
comes for them is within what is set aside, and memory has room for it.

A task owes nothing to the node that fetches for it.  It goes to any other that stands idle
(`sharing`), also while its inputs come.  If nothing that it waits for has begun or ended for
`KEPT_S`, whatever runs there, it goes back, and nothing is drawn until something has: others, that
are not idle either, may come to it sooner.  And when memory gets short, what has not come yet goes
back.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from hyperloom.raylet import hunger
from hyperloom.raylet.messages import GiveBack
from hyperloom.resources import needs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hyperloom.raylet.messages import Effect, Held
    from hyperloom.raylet.state import NodeState, WorkerState

WORTH_BYTES = 1 << 20  # less than this is fetched in no time
KEPT_S = 10.0
LOOK_AGAIN_S = 2.0  # a queue whose first task lacked nothing is looked at again after this
LOOKS_MOST = 4  # queues of a job at a time
_WEIGHT = 0.3  # of the newest task


@dataclass(slots=True)
class Draw:
    """A queue whose tasks lack large inputs here: how large, on average."""

    needs: Mapping[str, int]
    bytes: float


def learn(s: NodeState, tasks: Iterable[Held]) -> None:
    """These were given to this node; or one stands first in its queue."""
    for held in tasks:
        name = (held.kind.job, held.kind.queue)
        draw = s.draws.get(name)
        if draw is not None:
            draw.bytes += _WEIGHT * (held.away - draw.bytes)
            if draw.bytes < WORTH_BYTES:
                del s.draws[name]
        elif held.away >= WORTH_BYTES and hunger.first(s, held.kind.queue):
            s.draws[name] = Draw(held.kind.needs, held.away)


def ask(s: NodeState, job: bytes, over: dict[str, int]) -> None:
    """Of a job's queues that draw, more are wanted at hand than `over` has."""
    if not s.draws:
        return
    here = [each for queue in s.queues.values() for each in queue.tasks if each.away]
    come = [each for each in s.fetching.values() if each.away]
    seats = len(s.busy) - len(here) - len(come)
    to_come = sum(each.away for each in come)
    has_come = sum(each.away for each in here)
    room = min(s.prefetch_bytes - has_come, s.store_room) - to_come
    for (of, name), draw in s.draws.items():
        has = over.get(name, 0)  # less than none: tasks of it wait here
        most = min(seats, int(room // draw.bytes), s.seats(draw.needs, s.total) + min(0, has))
        if of == job and most > max(0, has) and s.now < last_move(s, draw.needs) + KEPT_S:
            over[name] = most
            seats -= most
            room -= most * draw.bytes


def last_move(s: NodeState, needs: Mapping[str, int]) -> float:
    """When something that has what these wait for last began or ended a task here."""
    lacking = [name for name, amount in needs.items() if s.free.get(name, 0) < amount] or needs
    seats = [(worker.since, worker.seat) for worker in s.busy.values() if worker.seat is not None]
    moves = [since for since, seat in seats if any(name in seat.needs for name in lacking)]
    return max(moves, default=-inf)


def unknown(s: NodeState, job: bytes, queues: Iterable[str]) -> list[str]:
    """Of these that wait for a seat, some of which nobody knows whether they draw: look at them."""
    short = {each.seat.queue for each in s.busy.values() if each.seat and _is_short(s, each)}
    waiting = [name for name in queues if name not in short and _waits(s, (job, name))]
    found = waiting[:LOOKS_MOST]
    s.looked_at |= {(job, name): s.now for name in found}
    return found


def _is_short(s: NodeState, worker: WorkerState) -> bool:
    """Whether tasks like those that it runs are held ahead in any case."""
    return worker.seat is not None and s.pace.ahead(worker.seat.template) > 0


def _waits(s: NodeState, name: tuple[bytes, str]) -> bool:
    if s.now < s.looked_at.get(name, -inf) + LOOK_AGAIN_S or not hunger.first(s, name[1]):
        return False
    if name in s.draws or name in s.queues:
        return False
    needs = needs_of(name[1])
    return not s.seats(needs, s.free) and s.seats(needs, s.total) > 0


def coming(s: NodeState) -> list[Held]:
    """Tasks whose inputs are on their way although there is no seat for them."""
    tasks = s.fetching.values()
    return [held for held in tasks if held.away and not s.seats(held.kind.needs, s.free)]


def heed(s: NodeState, room: int) -> list[Effect]:
    """So many bytes of memory may be taken; none: it is short."""
    s.store_room = room
    return give_back(s, coming(s)) if room <= 0 else []


def give_back(s: NodeState, tasks: Iterable[Held]) -> list[Effect]:
    """Of those whose inputs are on their way, these are for others."""
    by_job: dict[bytes, list[Held]] = {}
    for held in tasks:
        by_job.setdefault(held.kind.job, []).append(s.fetching.pop(held.task))
    return [GiveBack(each) for each in by_job.values()]


def end_job(s: NodeState, job: bytes) -> None:
    """Its queues are no more."""
    for books in (s.draws, s.looked_at):
        for name in [name for name in books if name[0] == job]:
            del books[name]
