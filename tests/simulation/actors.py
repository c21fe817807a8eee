"""A driver's actors: it makes them, calls them, kills them, and lets go of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import specs
from hyperloom.gcs.codes import PROCESS_ID
from hyperloom.ids import object_id
from tests.simulation.workers import KEPT, KILLED_ACTOR

if TYPE_CHECKING:
    from tests.simulation.driver import Driver

# Restarts and retries, as `Driver.kinds` has them of tasks.  They take no CPU: others would starve.
ACTORS = {b"actor-no": (0, 0, ""), b"actor-2.": (2, 0, ""), b"actor-en": (-1, 0, "")}
CALLS = {b"call-no.": (0, 0, ""), b"call-2..": (2, 0, ""), b"call-en.": (-1, 0, ""),
         b"call-big": (0, 0, "")}  # fmt: skip
ACTORS |= {b"actor-s1": (-1, 0, ""), b"actor-s2": (-1, 0, ""), b"actor-sn": (2, 0, "")}
_MOST = 3  # at a time


class Actors:
    """See the module.  What it says, the driver says."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._rng = driver.rng
        self.held: list[bytes] = []
        self._given_up: set[bytes] = set()  # made here; what is held of it since is borrowed
        self._kept: set[bytes] = set()  # those that keep their state

    def creates(self) -> None:
        """One."""
        driver = self._driver
        if len(self.held) == _MOST:
            self.lets_go(self._rng.choice(self.held))
            return
        kind, actor = self._rng.choice(list(ACTORS)), driver.ids.next()
        inputs = driver.some(1)
        driver.books.submitted(actor, ACTORS[kind][0], inputs, b"make")
        record = specs.record(kind, inputs, (), b"make")  # type: ignore[arg-type]
        words = kind, actor, record, b"", 0, 0, b"", 0
        driver.says_of_tasks("actor_create", actor, *words, new=[actor])
        self.held.append(actor)
        if kind in KEPT:
            self._kept.add(actor)

    def calls(self) -> None:
        """Some calls of one, in one word."""
        driver, actor = self._driver, self._rng.choice(self.held)
        args: list[bytes] = []
        new: list[bytes] = []
        for _ in range(self._rng.randint(1, 4)):
            kind, call = self._rng.choice(list(CALLS)), driver.ids.next()
            inputs = driver.some(2) if self._rng.random() < 0.4 else []
            driver.books.submitted(call, CALLS[kind][0], inputs, b"call", actor)
            args += (call, specs.record(kind, inputs, [object_id(actor, 0)], b"call"))  # type: ignore[arg-type]
            new.append(call)
        driver.says_of_tasks("actor_call", new[-1], 1, b"", actor, *args, new=new)
        driver.held += [object_id(call, 0) for call in new]  # type: ignore[arg-type]

    def kills(self) -> None:
        """For good, or so that it starts again."""
        self._ends(self._rng.choice(self.held), restart=int(self._rng.random() < 0.5))

    def restarts(self) -> None:
        """One whose state is kept: it goes on with that."""
        kept = [actor for actor in self.held if actor in self._kept]
        if kept:
            self._ends(self._rng.choice(kept), restart=1)

    def _ends(self, actor: bytes, restart: int) -> None:
        self._driver.books.may_end(actor)
        self._kill(actor, restart, 1)

    def _kill(self, actor: bytes, restart: int, attempt: Any) -> None:
        if isinstance(attempt, int):
            self._driver.tells(
                "actor_kill", actor, restart, attempt, KILLED_ACTOR,
                then=lambda answer: self._kill(actor, restart, answer),
            )  # fmt: skip

    def comes_by(self, actor: bytes) -> None:
        """It has found one: it borrows that, unless it made it and holds it still."""
        if actor not in self.held:
            self.held.append(actor)
            if self._is_borrowed(actor):
                self._driver.says_it_holds(object_id(actor, 0))  # type: ignore[arg-type]

    def lets_go(self, *actors: bytes) -> None:
        """Nobody holds them any more: they end when their calls are answered."""
        made = [actor for actor in actors if not self._is_borrowed(actor)]
        borrowed = [actor for actor in actors if actor not in made]
        for actor in actors:
            if actor not in self._driver.books.detached:
                self._driver.books.may_end(actor)
            self.held.remove(actor)
        self._given_up.update(made)
        names = ([object_id(actor, 0) for actor in some] for some in (made, borrowed))  # type: ignore[arg-type]
        self._driver.says_it_lets_go_of(*names)  # type: ignore[arg-type]

    def _is_borrowed(self, actor: bytes) -> bool:
        return actor[:PROCESS_ID] != self._driver.process or actor in self._given_up
