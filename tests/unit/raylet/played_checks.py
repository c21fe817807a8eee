"""What must hold in the played world between events, besides its books."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from hyperloom.raylet import ahead
from hyperloom.resources import CPU, UNIT
from tests.unit.raylet.cast import GRACE_S, JOBS, MOST, PREFETCH_BYTES, TOTAL, UTMOST

if TYPE_CHECKING:
    from tests.unit.raylet.played_world import World


def time_brought_its_own(world: World) -> None:
    """What time should have brought."""
    for worker in world.workers.values():
        if not worker.tasks or worker.doomed:
            continue
        waited = world.now - worker.progress
        if len(worker.tasks) > 1 and waited > 0.1 and not worker.leaving:
            assert worker.asked_back, "short tasks wait behind a long one"
        limit = worker.tasks[0].kind.timeout_s
        if limit is not None and waited > limit + 0.1:
            assert {worker.tasks[0].task} & (world.over_time | world.asked_to_stop), "too long"
        stop = worker.tasks[0].task in world.over_time | world.asked_to_stop
        if stop and waited > GRACE_S + (limit or 0) + 0.1:
            assert world.now - world.stop_asked < GRACE_S + 0.1, "it did not stop, and lives"


def nobody_waits_for_nothing(world: World) -> None:
    """What fits has a reason to wait: a worker on its way, the bound, or a moment to come."""
    free, machine = world.free(), world.machine
    workers = world.workers.values()
    coming = any(not w.up or w.doomed or w.leaving or "exit" in w.unread for w in workers)
    working = any(w.tasks and not w.seen_blocked for w in workers)
    full = len(world.workers) >= (MOST if working else UTMOST)
    if coming or full or not world.waiting:
        return
    calm = machine.calm_until > world.now and working
    if calm or machine.start_after > world.now:
        assert machine.due < inf, "nobody will ever look again"
        return
    lit = sum(bool(w.tasks) and w.tasks[0].kind.light and not w.seen_blocked for w in workers)
    for held in world.waiting:
        needs = held.kind.needs
        if held.kind.takes_nothing and (lit >= TOTAL[CPU] // UNIT or machine.due < inf):
            continue  # light tasks have no more workers than CPUs; others get more in time
        fits = all(free.get(name, 0) >= amount for name, amount in needs.items())
        if fits and machine.gpus_of(held.kind.group).fits(needs.get(held.kind.gpu, 0)):
            assert not machine.held_back.keys().isdisjoint(needs), "it fits, and waits"
            assert machine.due < inf, "held back for ever"


def little_is_taken_ahead(world: World) -> None:
    """A node asks for no more than one for each seat, and only while it has memory for them."""
    machine = world.machine
    held = [each for each in [*world.waiting, *world.lacking] if each.away]
    working = sum(bool(w.tasks) and not w.seen_blocked for w in world.workers.values())
    for job in JOBS:
        over: dict[str, int] = {}
        ahead.ask(machine, job, over)
        more = sum(over.values())
        assert not more or more + len(held) <= working, "more than one for each seat"
        if more:
            assert sum(each.away for each in held) < PREFETCH_BYTES
            assert sum(each.away for each in world.lacking) < machine.store_room
