"""Which object is fetched next, from which node, and what follows when that fails.

`PullMachine` is pure: :meth:`PullMachine.handle` takes one event and the time, and returns what
is to be done.  It knows no socket, file, thread or clock.

Life of a pull::

    Wanted ──► waiting ──Locate──► locating ──Located, Move──► moving ──Moved──► done (Here)
                  ▲                                              │
                  └────────── resting ◄── Failed, no other ──────┤
                                                                 └─ Failed, another: Move again

However many want an object, it is pulled once.  Pulls begin in the order in which they were
wanted, as long as so many bytes and so many objects are on their way; one may always be, however
large.

A source that is busy, broken or without the object is not asked again before all others were; then
the pull rests, each time longer, and asks anew where the object lies.  It is given up when the
control plane knows no place of it, when no node that has it is a member of the cluster any more, or
when all that should have it say that they do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING, Literal, assert_never

if TYPE_CHECKING:
    from collections.abc import Sequence

Why = Literal["absent", "busy", "broken", "full"]

_REST_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_FULL_MOST = 8  # times in a row that there is no room here for an object, until it is given up


# -- events: something happened ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """Somebody here wants an object of about this size."""

    oid: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Located:
    """The nodes where it lies, the latest last, and those of them that are members."""

    oid: bytes
    nodes: Sequence[bytes]
    members: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Moved:
    """It is here now."""

    oid: bytes
    node: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not come from that node."""

    oid: bytes
    node: bytes
    why: Why
    text: str = ""


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Nobody here wants it any more."""

    oid: bytes


@dataclass(frozen=True, slots=True)
class Tick:
    """The moment has come that the machine named."""


Event = Wanted | Located | Moved | Failed | Unwanted | Tick


# -- effects: please do this ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Locate:
    """Ask where it lies.  Answered by `Located`."""

    oid: bytes


@dataclass(frozen=True, slots=True)
class Move:
    """Fetch it from there.  Answered by `Moved` or `Failed`."""

    oid: bytes
    node: bytes


@dataclass(frozen=True, slots=True)
class Here:
    """Tell who wants it that it is here."""

    oid: bytes


@dataclass(frozen=True, slots=True)
class GaveUp:
    """Tell who wants it that it cannot be had; `nodes` are where it should have been."""

    oid: bytes
    why: Literal["gone", "nodes", "absent", "full"]
    nodes: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Forget:
    """What has come of it so far is not wanted."""

    oid: bytes


Effect = Locate | Move | Here | GaveUp | Forget


@dataclass(slots=True)
class Pull:
    """One object that is wanted."""

    oid: bytes
    size: int
    number: int  # among all that were ever wanted, in their order
    state: Literal["waiting", "locating", "moving", "resting"] = "waiting"
    nodes: Sequence[bytes] = ()  # where it lies
    members: Sequence[bytes] = ()  # those of them that can be asked
    failed: dict[bytes, Why] = field(default_factory=dict)  # in this round
    rounds: int = 0  # rests so far
    full: int = 0  # times in a row without room
    rest_until: float = inf
    wanted: bool = True  # False: it moves, and nobody wants it any more


@dataclass(slots=True)
class PullMachine:
    """What one node fetches.  Change it through :meth:`handle` only.

    Tens of thousands may be wanted at a time: no event looks at all of them.
    """

    bytes_most: int
    moves_most: int
    pulls: dict[bytes, Pull] = field(default_factory=dict)
    due: float = inf  # when time itself is the next event
    _line: list[tuple[int, bytes]] = field(default_factory=list)  # a heap: who waits, and who did
    _under_way: dict[bytes, Pull] = field(default_factory=dict)  # is located, or moves
    _resting: dict[bytes, Pull] = field(default_factory=dict)
    _wanted: int = 0

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take in one event; return what is to be done about it, in order."""
        match event:
            case Wanted(oid, size):
                effects = self._want(oid, size)
            case Located():
                effects = self._located(event, now)
            case Moved(oid):
                effects = self._end(oid, Here(oid))
            case Failed():
                effects = self._failed(event, now)
            case Unwanted(oid):
                effects = self._drop(oid)
            case Tick():
                effects = self._wake(now)
            case _:
                assert_never(event)
        return effects + self._begin()

    def _want(self, oid: bytes, size: int) -> list[Effect]:
        pull = self.pulls.get(oid)
        if pull is None:
            self._wanted += 1
            pull = self.pulls[oid] = Pull(oid, size, self._wanted)
            self._wait(pull)
        pull.wanted = True
        return []

    def _wait(self, pull: Pull) -> None:
        pull.state = "waiting"
        heappush(self._line, (pull.number, pull.oid))

    def _begin(self) -> list[Effect]:
        effects: list[Effect] = []
        while self._line:
            number, oid = self._line[0]
            pull = self.pulls.get(oid)
            if pull is not None and pull.number == number:
                if self._under_way and not self._has_room(pull):
                    break  # in order: a large one is not passed over for ever
                pull.state = "locating"
                self._under_way[oid] = pull
                effects.append(Locate(oid))
            heappop(self._line)
        return effects

    def _has_room(self, pull: Pull) -> bool:
        size = pull.size + sum(other.size for other in self._under_way.values())
        return len(self._under_way) < self.moves_most and size <= self.bytes_most

    def _located(self, event: Located, now: float) -> list[Effect]:
        pull = self.pulls.get(event.oid)
        if pull is None or pull.state != "locating":
            return []
        if not event.nodes:
            return self._end(pull.oid, GaveUp(pull.oid, "gone"))
        if not event.members:
            return self._end(pull.oid, GaveUp(pull.oid, "nodes", event.nodes))
        pull.nodes, pull.members, pull.failed = event.nodes, event.members, {}
        return self._move(pull, now)

    def _move(self, pull: Pull, now: float) -> list[Effect]:
        """From the member that has it for the shortest time: it has served the fewest."""
        for node in reversed(pull.members):
            if node not in pull.failed:
                pull.state = "moving"
                return [Move(pull.oid, node)]
        if all(why == "absent" for why in pull.failed.values()):
            return self._end(pull.oid, GaveUp(pull.oid, "absent", pull.nodes))
        pull.state = "resting"
        self._resting[pull.oid] = self._under_way.pop(pull.oid)
        pull.rest_until = now + _REST_S[min(pull.rounds, len(_REST_S) - 1)]
        pull.rounds += 1
        self.due = min(self.due, pull.rest_until)
        return []

    def _failed(self, event: Failed, now: float) -> list[Effect]:
        pull = self.pulls.get(event.oid)
        if pull is None or pull.state != "moving":
            return []
        if not pull.wanted:
            return self._end(pull.oid, None)
        pull.failed[event.node] = event.why
        if event.why == "full":
            pull.full += 1
            if pull.full >= _FULL_MOST:
                return self._end(pull.oid, GaveUp(pull.oid, "full", pull.nodes))
            pull.failed.update(dict.fromkeys(pull.members, event.why))  # others change nothing
        return self._move(pull, now)

    def _drop(self, oid: bytes) -> list[Effect]:
        pull = self.pulls.get(oid)
        if pull is None:
            return []
        if pull.state == "moving":
            pull.wanted = False  # what moves is heard of; then it ends
            return []
        return self._end(oid, None)

    def _end(self, oid: bytes, effect: Effect | None) -> list[Effect]:
        if self.pulls.pop(oid, None) is None:
            return []
        self._under_way.pop(oid, None)
        self._resting.pop(oid, None)
        done: list[Effect] = [] if isinstance(effect, Here) else [Forget(oid)]
        return [*done, effect] if effect is not None else done

    def _wake(self, now: float) -> list[Effect]:
        self.due = inf
        for pull in list(self._resting.values()):
            if now >= pull.rest_until:
                pull.rest_until = inf
                del self._resting[pull.oid]
                self._wait(pull)
            self.due = min(self.due, pull.rest_until)
        return []

    def check(self) -> None:
        """Assert what must hold between events.  For tests and ``LOOM_CHECK=1``."""
        under_way = [p for p in self.pulls.values() if p.state in {"locating", "moving"}]
        assert sorted(self._under_way) == sorted(pull.oid for pull in under_way)
        assert len(under_way) <= self.moves_most
        assert len(under_way) <= 1 or sum(p.size for p in under_way) <= self.bytes_most
        line = set(self._line)
        for oid, pull in self.pulls.items():
            assert pull.oid == oid
            assert (pull.state == "resting") == (pull.rest_until < inf) == (oid in self._resting)
            assert pull.state != "waiting" or (pull.number, oid) in line
            assert pull.rest_until >= self.due
        waiting = any(pull.state == "waiting" for pull in self.pulls.values())
        assert not waiting or under_way, "something waits, and nothing moves"
