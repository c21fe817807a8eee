"""A job's run in figures: what a report draws.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import events
from hyperloom.events import Ended
from hyperloom.gcs import codes
from hyperloom.watch import errors
from hyperloom.watch.cut_off import GOES_ON, CutOff, cut_off
from hyperloom.watch.pending import curve
from hyperloom.watch.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hyperloom.watch.story import Event

BINS = 120  # of time
_ERRORS_MOST = 50  # groups of failures


class Box(NamedTuple):
    """How seconds are spread: least, quartiles, most."""

    least: float
    low: float
    median: float
    high: float
    most: float


@dataclass(slots=True)
class Group:
    """What is known of the attempts of one function."""

    name: str
    seconds: list[float] = field(default_factory=list)
    queued: list[float] = field(default_factory=list)  # seconds, of those of which it is known
    fetching: list[float] = field(default_factory=list)  # likewise, of those that fetched
    fetched_bytes: int = 0
    cut_off: list[float] = field(default_factory=list)  # seconds, of those without an end
    running: list[float] = field(default_factory=list)  # seconds so far, of those that run now
    failed: int = 0
    output_bytes: int = 0

    @property
    def total_s(self) -> float:
        """Seconds that workers were busy with it."""
        return sum(self.seconds) + sum(self.cut_off) + sum(self.running)

    def box(self) -> Box | None:
        """Of those that ended.  None: none did."""
        ordered = sorted(self.seconds)
        if not ordered:
            return None
        last = len(ordered) - 1
        return Box(*(ordered[round(last * part)] for part in (0, 0.25, 0.5, 0.75, 1)))


@dataclass(slots=True)
class Figures:
    """See the module.  Times are seconds from the run's beginning, bins parts of its length."""

    began: float
    length_s: float
    groups: list[Group]
    busy: dict[tuple[str, int], list[float]]  # node, pid -> share of each bin that it was busy
    of: dict[tuple[str, int], list[str]]  # the same -> the function that ran longest in it
    ended: list[int]  # attempts that ended in each bin
    pending: list[int]  # the most tasks that were submitted and not over in each bin, about
    errors: list[dict[str, Any]]  # as `hyperloom.watch.errors` has them; the most first
    attempts: int
    cut_off: list[CutOff]  # not among `ended` and `attempts`, but among all that was busy
    running: list[CutOff]  # likewise


def figures(
    told: Iterable[Event], name_of: Callable[[bytes], str], now: Iterable[CutOff] = ()
) -> Figures:
    """The figures of these events and of what runs `now` (`hyperloom.watch.at_work`).

    `name_of` says what a template's function is called.
    """
    told = list(told)
    ran: list[events.Attempt] = []
    fetches: list[events.Fetch] = []
    for event in told:
        if event.kind == codes.RAN:
            ran += events.attempts(event.payload)
            fetches += events.fetches(event.payload)
    over = {(attempt.task, attempt.attempt) for attempt in ran}
    runs = [each for each in now if (each.task, each.attempt) not in over]
    cut = cut_off(told, ran)
    known = {attempt.template for attempt in ran} | {fetch.template for fetch in fetches}
    known |= {each.template for each in (*cut, *runs)}
    names = {template: name_of(template) for template in known}
    begun = [a for a in ran if a.begun and a.ended is not Ended.PASSED_ON]
    shown: list[events.Attempt | CutOff] = [*begun, *cut, *runs]
    began = min((a.begun for a in shown), default=0.0)
    length = max((a.begun + a.seconds for a in shown), default=began) - began
    busy, of = _load(shown, names, began, length or 1.0)
    groups = _groups(ran, [*cut, *runs], names)
    _add_waits(groups, told, fetches, names)
    return Figures(
        began,
        length,
        sorted(groups.values(), key=lambda group: -group.total_s),
        busy,
        of,
        _ended(begun, began, length or 1.0),
        curve(told, began, length or 1.0, BINS),
        errors.of(told, name_of).rows()[:_ERRORS_MOST],
        len(ran),
        cut,
        runs,
    )


def _groups(
    ran: list[events.Attempt], cut: list[CutOff], names: dict[bytes, str]
) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    for attempt in ran:
        name = names[attempt.template]
        group = groups.setdefault(name, Group(name))
        if attempt.begun and attempt.ended is not Ended.PASSED_ON:
            group.seconds.append(attempt.seconds)
        group.failed += attempt.ended in {Ended.FAILED, Ended.PASSED_ON}
        group.output_bytes += attempt.output_bytes
    for each in cut:
        name = names[each.template]
        group = groups.setdefault(name, Group(name))
        (group.running if each.why == GOES_ON else group.cut_off).append(each.seconds)
    return groups


def _add_waits(
    groups: dict[str, Group],
    told: list[Event],
    fetches: list[events.Fetch],
    names: dict[bytes, str],
) -> None:
    for waited in Waits().take(told):
        group = groups[names[waited.ran.template]]
        if waited.queued is not None:
            group.queued.append(waited.queued)
    for fetch in fetches:
        group = groups.setdefault(names[fetch.template], Group(names[fetch.template]))
        group.fetching.append(fetch.seconds)
        group.fetched_bytes += fetch.bytes


def _ended(begun: list[events.Attempt], began: float, length: float) -> list[int]:
    width, ended = length / BINS, [0] * BINS
    for attempt in begun:
        ended[min(BINS - 1, int((attempt.begun - began + attempt.seconds) / width))] += 1
    return ended


def _load(
    shown: list[events.Attempt | CutOff], names: dict[bytes, str], began: float, length: float
) -> tuple[dict[tuple[str, int], list[float]], dict[tuple[str, int], list[str]]]:
    width = length / BINS
    shares: dict[tuple[str, int], list[dict[str, float]]] = {}
    for attempt in shown:
        where = attempt.node.hex(), attempt.pid
        bins = shares.setdefault(where, [{} for _ in range(BINS)])
        start, name = attempt.begun - began, names[attempt.template]
        end = start + attempt.seconds
        for at in range(int(start / width), min(BINS - 1, int(end / width)) + 1):
            part = min(end, (at + 1) * width) - max(start, at * width)
            if at < BINS:
                bins[at][name] = bins[at].get(name, 0.0) + max(0.0, part)
    busy = {
        where: [min(1.0, sum(each.values()) / width) for each in bins]
        for where, bins in shares.items()
    }
    of = {
        where: [max(each, key=each.__getitem__, default="") for each in bins]
        for where, bins in shares.items()
    }
    return busy, of
