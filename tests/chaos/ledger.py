"""The actor of row 26, and what decides when it dies.  It imports little: workers import it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import hyperloom as loom
from hyperloom import errors
from tests.cluster.api.gate import Gate

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE_S = 120.0


class Met(NamedTuple):
    """An incarnation that stands at the moment of its death."""

    incarnation: int
    pid: int
    node: str


@dataclass(frozen=True)
class Fate:
    """At which moment of an actor its next death is; there it waits, to be killed or let go."""

    folder: Path

    def arm(self, moment: str, death: int) -> None:
        Gate(self.folder / moment).note(str(death))

    def disarm(self, moment: str) -> None:
        (self.folder / moment).unlink()

    def born(self) -> int:
        """One more incarnation; which one it is."""
        Gate(self.folder / "births").note("one")
        return self.births()

    def births(self) -> int:
        return len(Gate(self.folder / "births").notes())

    def meet(self, moment: str, incarnation: int) -> None:
        for death in Gate(self.folder / moment).notes():
            met = Met(incarnation, os.getpid(), loom.context().node_id)
            Gate(self.folder / f"met-{death}").note(" ".join(map(str, met)))
            Gate(self.folder / f"go-{death}").pass_through(_PATIENCE_S)

    def met(self, death: int) -> Met | None:
        """Who stands there, if anybody does."""
        for line in Gate(self.folder / f"met-{death}").notes():
            incarnation, pid, node = line.split()
            return Met(int(incarnation), int(pid), node)
        return None

    def let_go(self, death: int) -> None:
        Gate(self.folder / f"go-{death}").open()

    @property
    def applied(self) -> Gate:
        """A line for each time that a method ran: who called it, and that call's number."""
        return Gate(self.folder / "applied")


@loom.actor
class Ledger:
    """Counts the calls of each caller."""

    def __init__(self, fate: Fate) -> None:
        self.fate = fate
        self.calls: dict[str, int] = {}
        self.incarnation = fate.born()
        fate.meet("restart", self.incarnation)

    def add(self, caller: str, number: int) -> int:
        self.fate.applied.note(f"{caller} {number}")
        self.fate.meet("call", self.incarnation)
        self.calls[caller] = self.calls.get(caller, 0) + 1
        return self.calls[caller]

    def checkpoint(self) -> dict[str, int]:
        self.fate.meet("checkpoint", self.incarnation)
        return self.calls

    def restore(self, state: dict[str, int]) -> None:
        self.calls = state


class Answer(NamedTuple):
    """What became of a call."""

    number: int
    value: int = 0  # none
    may_have_run: bool = True
    why: str = ""


def answer(number: int, ref: Any) -> Answer:
    try:
        return Answer(number, loom.get(ref, timeout=_PATIENCE_S))
    except (errors.ActorUnavailable, errors.ActorDied) as error:
        return Answer(number, 0, error.may_have_run, f"{type(error).__name__}: {error}")


@loom.task(num_cpus=1)
def calls_until_it_dies(actor: Any, caller: str) -> list[Answer]:
    answers: list[Answer] = []
    while not answers or not answers[-1].why.startswith("ActorDied"):
        number = len(answers)
        answers.append(answer(number, actor.add.remote(caller, number)))
    return answers
