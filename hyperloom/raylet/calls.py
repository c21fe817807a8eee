"""Calls on their way from the control plane to the actors of one job on this node.

The rule: each actor gets its calls in the order in which they were dealt, also when a template has
to be fetched first; and each once.  Messages are numbered by how many calls the actor was dealt
so far, in this incarnation: one that does not go beyond what is known was taken already, or
was listed when the node looked at what it holds (`Desk.reconcile`).

How many come is granted in advance, in all since the actor opened; it is granted anew when
half of it is used, so that a busy actor never waits for us and an idle one costs nothing.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from hyperloom.raylet.messages import CallsDealt, Held
from hyperloom.specs import join_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from hyperloom.raylet.messages import Event, Kind

_AHEAD = 256  # calls that an actor has here beyond those that it may run at the same time


@dataclass(slots=True)
class _Actor:
    """One that is open here."""

    attempt: int
    window: int
    granted: int = 0
    taken: int = 0  # number of the last call that came
    over: int = 0  # calls that it has answered
    missing: int = 0  # calls that were dealt, and did not come before this node looks
    behind: bool = False  # the server knows of fewer calls than have come
    coming: deque[tuple[bytes, bytes, bytes]] = field(default_factory=deque)


class Templates(Protocol):
    """Who knows the templates of a job (`hyperloom.raylet.desk`)."""

    def kind(self, template: bytes) -> Kind | None:
        """What is known of it."""

    def learn(self, template: bytes, then: Callable[[], None]) -> None:
        """Fetch it."""

    def grant(self, actor: bytes, attempt: int, granted: int, then: Callable[[Any], None]) -> None:
        """Say ``actor_open``."""


class Calls:
    """See the module.  `handle` takes events for the machine."""

    def __init__(self, desk: Templates, handle: Callable[[Event], None]) -> None:
        self._desk = desk
        self._handle = handle
        self._actors: dict[bytes, _Actor] = {}

    def opened(self, actor: bytes, attempt: int, concurrency: int, *, paused: bool = False) -> int:
        """The actor takes calls; how many are granted at first: `paused`, none before `go_on`."""
        window = _AHEAD + concurrency
        granted = 0 if paused else window
        self._actors[actor] = _Actor(attempt, window, granted=granted)
        return granted

    def gone(self, actor: bytes) -> None:
        """It takes none any more."""
        self._actors.pop(actor, None)

    def answered(self, actor: bytes, number: int) -> None:
        """It has answered so many more."""
        state = self._actors.get(actor)
        if state is None:
            return
        state.over += number
        if state.granted == 0:
            return  # see `pause`
        if 2 * (state.granted - state.taken) <= state.window:
            self._grant(actor, state, state.over + state.window)

    def _grant(self, actor: bytes, state: _Actor, granted: int) -> None:
        if granted == state.granted:
            return
        state.granted = granted

        def told(dealt: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(dealt, int) and granted == 0:
                state.missing += max(0, dealt - state.taken)
                state.behind = state.behind or dealt < state.taken
                state.taken = max(state.taken, dealt)

        self._desk.grant(actor, state.attempt, granted, told)

    # -- taking -----------------------------------------------------------------------------

    def dealt(self, actor: bytes, attempt: bytes, number: bytes, parts: Sequence[bytes]) -> None:
        """A message came."""
        state = self._actors.get(actor)
        if state is None or state.attempt != int(attempt) or int(number) <= state.taken:
            return  # it was taken back, with the incarnation for which it was; or is known
        state.taken = int(number)
        self.take(actor, parts)

    def take(self, actor: bytes, parts: Sequence[bytes]) -> bool:
        """Calls that the actor has not had; False: it is not here."""
        state = self._actors.get(actor)
        if state is None:
            return False
        state.coming += zip(parts[::3], parts[1::3], parts[2::3], strict=True)
        self._pass_on(actor)
        return True

    def _pass_on(self, actor: bytes) -> None:
        state = self._actors.get(actor)
        calls: list[Held] = []
        while state is not None and state.coming:
            entry, record, inputs = state.coming[0]
            kind = self._desk.kind(record[:8])
            if kind is None:
                if not calls:
                    self._desk.learn(record[:8], lambda: self._pass_on(actor))
                break
            state.coming.popleft()
            calls.append(Held(entry, record, inputs, kind))
        if calls:
            self._handle(CallsDealt(actor, calls))
            self._pass_on(actor)

    # -- after a broken connection ----------------------------------------------------------

    def pause(self) -> None:
        """No more for now: this node will look at what it holds."""
        for actor, state in self._actors.items():
            self._grant(actor, state, 0)

    def go_on(self) -> None:
        """It has looked."""
        for actor, state in self._actors.items():
            state.missing = 0
            self._grant(actor, state, state.over + state.window)

    def on_their_way(self) -> set[bytes]:
        """Entries of calls that came and were not passed on."""
        return {entry for state in self._actors.values() for entry, _, _ in state.coming}

    def not_among(self, entries: Container[bytes]) -> list[bytes]:
        """The actors here that are not."""
        here = self._actors.items()
        return [actor for actor, state in here if join_entry(actor, state.attempt) not in entries]

    def behind(self, listed: Iterable[bytes]) -> list[bytes]:
        """The actors of which the server knows less than has happened.

        `listed`: whose the calls are that it says are here and that are not.  If these are more
        than did not come, some were answered, and the server has forgotten it.
        """
        counts = Counter(listed)
        here = self._actors.items()
        return [actor for actor, s in here if s.behind or counts[actor] > s.missing]
