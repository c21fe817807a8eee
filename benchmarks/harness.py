"""What a row is made of: figures with a promise, contenders that take turns, checked answers."""

from __future__ import annotations

import gc
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.calm import Calmest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

US = "HyperLoom"  # our name among contenders
_TURN = 100  # calls in a row before the next contender


class WrongResult(Exception):
    """A row computed something else than it should have: its time is worth nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table.

    The promise is about the ratio to the contender named `against`, or, when that is empty,
    about the value itself.
    """

    row: str
    what: str
    value: float
    unit: str
    others: Mapping[str, float] = field(default_factory=dict)  # contender -> value, same unit
    against: str = ""
    target: float | None = None
    at_most: bool = False  # the target is an upper bound
    strangers: float | None = None  # share of all CPUs that others used meanwhile

    @property
    def measured(self) -> float:
        """What the target is about."""
        return self.value / self.others[self.against] if self.against else self.value

    @property
    def passed(self) -> bool | None:
        """None when nothing was promised."""
        if self.target is None:
            return None
        return self.measured <= self.target if self.at_most else self.measured >= self.target


@dataclass(slots=True)
class Bench:
    """What a row is given: its scale, its rivals, and where its figures go."""

    scale: str  # "full", "quick", or "tiny" for the test of the rows themselves
    peers: Any  # Peers; None for rows that stand alone
    figures: list[Figure] = field(default_factory=list)
    row: str = ""
    strangers: float | None = None  # of the last turns

    def n(self, full: int, *, tiny: int, quick: int | None = None) -> int:
        """A size by scale."""
        if self.scale == "quick" and quick is not None:
            return quick
        return tiny if self.scale == "tiny" else full

    @property
    def rounds(self) -> int:
        """How often contenders take turns."""
        return self.n(7, quick=3, tiny=1)

    def take_turns(
        self, contenders: Mapping[str, Callable[[], object]], *, rounds: int | None = None
    ) -> dict[str, float]:
        """Median seconds of each contender; one round first, which does not count."""
        taken = self.turns(
            lambda: {name: timed(run) for name, run in contenders.items()}, rounds or self.rounds
        )
        return {name: statistics.median(turn[name] for turn in taken) for name in contenders}

    def turns(self, turn: Callable[[], T], number: int) -> list[T]:
        """Results of the calmest turns, one first that does not count."""
        if self.scale == "tiny":
            return [turn()]
        turn()
        calmest: Calmest[T] = Calmest()
        results = calmest.rounds(number, turn)
        self.strangers = calmest.strangers
        return results

    def rates(
        self,
        what: str,
        unit: str,
        counts: Mapping[str, float],
        contenders: Mapping[str, Callable[[], object]],
        **promise: object,
    ) -> None:
        """A figure of so many things per second, ours beside the others'.

        `counts` says how many things a call of each contender does.
        """
        taken = self.take_turns(contenders)
        rates = {name: counts.get(name, counts[US]) / taken[name] for name in contenders}
        self.figure(what, rates.pop(US), unit, others=rates, **promise)

    def figure(self, what: str, value: float, unit: str, **rest: object) -> None:
        """Write down a figure; see `Figure` for the rest."""
        self.figures.append(
            Figure(
                row=self.row,
                what=what,
                value=value,
                unit=unit,
                strangers=self.strangers,
                **rest,  # type: ignore[arg-type]
            )
        )


def timed(run: Callable[[], object]) -> float:
    """Seconds of one call, with no garbage of earlier ones to collect in it."""
    gc.collect()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def expect(actual: object, wanted: object, what: str) -> None:
    """Check an answer.

    Raises:
        WrongResult: it is another one.
    """
    if actual != wanted:
        raise WrongResult(f"{what}: got {_short(actual)}, not {_short(wanted)}")


def round_trips(
    bench: Bench, contenders: Mapping[str, Callable[[int], object]], turns: int
) -> dict[str, list[float]]:
    """Seconds of each single call of contenders that take turns and give back what they get."""

    def turn(call: Callable[[int], object]) -> list[float]:
        times = []
        for i in range(_TURN):
            start = time.perf_counter()
            answer = call(i)
            times.append(time.perf_counter() - start)
            expect(answer, i, bench.row)
        return times

    taken = bench.turns(lambda: {name: turn(call) for name, call in contenders.items()}, turns)
    return {name: [t for each in taken for t in each[name]] for name in contenders}


def percentile(values: list[float], percent: float) -> float:
    """The value below which so many percent lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
