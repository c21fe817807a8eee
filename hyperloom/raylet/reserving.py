"""What a node keeps for placement groups: taken off what it has for everybody, and offered as such.

A bundle that this node is told to keep is *owed* at first: it is off what is free, which may
fall below nothing as long as tasks have it, and nobody else gets it.  When it is all there the
bundle is *held*, and that is said; when the whole group is held everywhere, the bundle is *open*:
the node has its amounts under the names of `hyperloom.bundles`, and offers them like all else.
What is owed for too long is given up: the group may do better elsewhere.

A group that does not exist any more gives its amounts back at once, and with them those that its
tasks still have, until their workers are gone.

A node that is to leave gives up its bundles, also those that are open, as soon as nothing runs in
them: what waits for the group runs where they go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hyperloom import bundles
from hyperloom.raylet.ends import stop
from hyperloom.raylet.messages import ReportFailed
from hyperloom.resources import GPU

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hyperloom.raylet.messages import BundlesTold, Effect, Held
    from hyperloom.raylet.state import NodeState

REMOVED = "removed"  # why a task fails
GROUP_BYTES = 8
_REMEMBERED = 1000  # groups that are gone, whose tasks may still arrive


@dataclass(slots=True)
class Bundle:
    """One that this node keeps, or is about to."""

    needs: Mapping[str, int]
    give_up_at: float
    held: bool = False
    open: bool = False
    gpus: tuple[int, ...] = ()

    def word(self, now: float) -> str:
        """What is to be said of it, if the node stays; see ``lua/group/sync.lua``."""
        if self.held:
            return "H"
        return "D" if now >= self.give_up_at else "K"


def word(s: NodeState, name: bytes, now: float) -> str:
    """What is to be said of a bundle; see ``lua/group/sync.lua``."""
    leaves = s.draining and not _is_used(s, name[:GROUP_BYTES].hex())
    return "L" if leaves else s.bundles[name].word(now)


def _is_used(s: NodeState, group: str) -> bool:
    return any(w.seat is not None and w.seat.group == group for w in s.workers.values())


def told(s: NodeState, event: BundlesTold) -> list[Effect]:
    """What the node is to keep from now on."""
    effects: list[Effect] = []
    for group in event.gone:
        effects += _remove(s, group)
    kept = {kept.bundle: kept for kept in event.kept}
    for name in [name for name in s.bundles if name not in kept]:
        bundle, group = s.bundles.get(name), name[:GROUP_BYTES]
        if bundle is not None and not bundle.open:
            _let_go(s, name)
        elif bundle is not None and s.draining and not _is_used(s, group.hex()):
            _give_back(s, group)
        # else the node was given up, and is about to hear it
    for name, about in kept.items():
        bundle = s.bundles.get(name)
        if bundle is None:
            bundle = s.bundles[name] = Bundle(about.needs, s.now + about.patience_s)
            _move(s, about.needs, -1)
            s.owed.add(name)
        if about.open and bundle.held and not bundle.open:
            _open(s, name, bundle)
    return effects


def cover(s: NodeState) -> None:
    """See whether what is owed is there by now."""
    for name in sorted(s.owed):
        bundle = s.bundles[name]
        if all(s.free.get(each, 0) >= 0 for each in bundle.needs):
            gpus = s.gpus.take(bundle.needs.get(GPU, 0))
            if gpus is not None:
                bundle.held, bundle.gpus = True, gpus
                s.owed.discard(name)


def room(s: NodeState) -> tuple[dict[str, int], dict[str, int]]:
    """What could be kept for groups: now, and when the tasks that run have ended."""
    if s.draining:
        return {}, {}
    free = {name: amount for name, amount in s.free.items() if not name.startswith("@")}
    soon = dict(free)
    for worker in s.workers.values():
        seat = worker.seat
        if seat is not None and not seat.group and not worker.hosts and seat.role != "actor":
            lent = seat.cpus if worker.state == "blocked" else ()
            for name in free.keys() & seat.needs.keys() - set(lent):
                soon[name] += seat.needs[name]
    for queue in s.queues.values():
        needs = queue.tasks[0].kind.needs
        seats = min(len(queue.tasks), s.seats(needs, free))
        for name in free.keys() & needs.keys() if seats else ():
            free[name] -= seats * needs[name]
    return free, soon


def turned_away(s: NodeState, tasks: Sequence[Held]) -> tuple[Sequence[Held], list[Effect]]:
    """Tasks that came for a group after its end; and those of the others."""
    late = [held for held in tasks if held.kind.group in s.gone]
    if not late:
        return tasks, []
    rest = [held for held in tasks if held.kind.group not in s.gone]
    return rest, [ReportFailed(held, 0, REMOVED) for held in late]


def forget(s: NodeState) -> None:
    """The node was given up: it keeps nothing, and its workers end."""
    for group in {name[:GROUP_BYTES] for name in s.bundles}:
        _give_back(s, group)


def _move(s: NodeState, units: Mapping[str, int], times: int) -> None:
    for name, amount in units.items():
        s.total[name] = s.total.get(name, 0) + times * amount
        s.free[name] = s.free.get(name, 0) + times * amount


def _open(s: NodeState, name: bytes, bundle: Bundle) -> None:
    group = name[:GROUP_BYTES].hex()
    bundle.open = True
    _move(s, bundles.kept(bundle.needs, group, int(name[GROUP_BYTES:])), 1)
    s.gpus_of(group).give(bundle.gpus, bundle.needs.get(GPU, 0))


def _let_go(s: NodeState, name: bytes) -> None:
    """Nothing ever ran in it."""
    bundle = s.bundles.pop(name)
    s.owed.discard(name)
    _move(s, bundle.needs, 1)
    s.gpus.give(bundle.gpus, bundle.needs.get(GPU, 0))


def _remove(s: NodeState, name: bytes) -> list[Effect]:
    group = name.hex()
    s.gone[group] = None
    if len(s.gone) > _REMEMBERED:
        del s.gone[next(iter(s.gone))]
    effects = _evict(s, group)
    _give_back(s, name)
    return effects


def _give_back(s: NodeState, name: bytes) -> None:
    group = name.hex()
    for worker in s.workers.values():
        if worker.seat is not None and worker.seat.group == group:
            worker.seat = worker.seat.in_none()
    for bundle in [each for each in s.bundles if each.startswith(name)]:
        if s.bundles[bundle].open:
            del s.bundles[bundle]
        else:
            _let_go(s, bundle)
    for each in [each for each in s.total if bundles.group_of([each]) == group]:
        amount, free = s.total.pop(each), s.free.pop(each)
        _, bundle_of, resource = bundles.parts_of(each) or ("", "", "")
        if bundle_of == bundles.ANY and resource:
            s.total[resource] += amount
            s.free[resource] += free
    s.gpus_of(group).give_all_to(s.gpus)
    s.group_gpus.pop(group, None)


def _evict(s: NodeState, group: str) -> list[Effect]:
    """What waits for the group here fails, what runs in it is stopped."""
    out: list[Held] = []
    for books in (s.here, s.fetching):
        out += [held for held in books.values() if held.kind.group == group]
        for held in out:
            books.pop(held.task, None)
    for name, queue in list(s.queues.items()):
        if queue.tasks[0].kind.group == group:
            out += s.queues.pop(name).tasks
    for queue_name in [each for each in s.sought if bundles.mark_of(group) in each[1]]:
        del s.sought[queue_name]
    effects: list[Effect] = [ReportFailed(held, 0, REMOVED) for held in out]
    for worker in list(s.workers.values()):
        for held in [held for held in worker.sent if held.kind.group == group]:
            if held.kind.role == "actor":  # its end is said, and comes back to its worker
                effects.append(ReportFailed(held, worker.number, REMOVED))
            else:
                effects += stop(s, worker, held, REMOVED, force=True)
    return effects
