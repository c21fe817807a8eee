"""Tasks that are over, as their events tell; there may be a million of them.

The rules: each event is taken once, however often somebody asks; of a task that is not shown
nothing is made but what finding it needs: which end of which kind was its last.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import events, ids
from hyperloom.events import Ended
from hyperloom.gcs import codes
from hyperloom.watch.following import Following

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.story import Event

_STATE = {Ended.DONE.value: "DONE", Ended.FAILED.value: "FAILED", Ended.PASSED_ON.value: "FAILED"}
_SLACK = 1000  # between two sorts
_OPEN_MOST = 64  # events that are taken apart at a time
_BLOCK = 256  # tasks, whose ids differ in the last byte


class End(NamedTuple):
    """The last end of a task."""

    state: str
    task: bytes
    row: Callable[[], dict[str, Any]]  # of a table


class Kind(NamedTuple):
    """What is told of how tasks ended, and of which function they are."""

    state: str
    name: str


class Block(NamedTuple):
    """The last ends of tasks whose ids begin alike, by their last byte."""

    kinds: array[int]  # place of a `Kind`; 0: none is known
    numbers: array[int]  # which of all ends that were told


class Over:
    """Each task of a job that is over once, with its last end; of the latest ends so many.

    More is kept until it is an eighth too many.
    """

    def __init__(self, job: bytes, most: int | None = None) -> None:
        self._job = job
        self._most = most
        self._following = Following(job)
        self._told = 0  # attempts, and ends without one
        self._firsts: list[int] = []  # number of the first of each event
        self._events: list[Event] = []
        self._open: dict[int, events.Ran | Unattempted | None] = {}  # some, by their first
        self._blocks: dict[bytes, Block] = {}
        self._kinds = [Kind("", "")]
        self._counts = [0]  # tasks of each kind
        self._places: dict[tuple[str, bytes], int] = {}  # by state and template

    # -- what it takes ----------------------------------------------------------------------

    def catch_up(self, cluster: Cluster) -> None:
        """Read on."""
        for event in self._following.read_on(cluster):
            self.take(event, lambda template: cluster.name(self._job, template))

    def take(self, event: Event, name_of: Callable[[bytes], str]) -> None:
        """One more; `name_of` tells the name of a template."""
        told = self._told
        if event.kind == codes.RAN:
            self._ran(events.ran(event.payload), name_of)
        elif (ended := unattempted(event)) is not None:
            for task, template in ended.templates.items():
                self._ended(task, self._place(ended.state, template, name_of), self._told)
                self._told += 1
        if self._told > told:
            self._firsts.append(told)
            self._events.append(event)
            most = self._most
            if most is not None and self._told - self._firsts[0] > most + most // 8:
                self._forget(self._told - most)

    def _ran(self, told: events.Ran, name_of: Callable[[bytes], str]) -> None:
        for run in told.runs:
            templates = ids.cut(run.each_template(), ids.TEMPLATE_BYTES)
            cancelled = {at for at, e in run.errors.items() if events.Error(*e).is_cancelled}
            for at, (task, _, ended) in enumerate(run.ends()):
                if ended in _STATE:
                    state = "CANCELLED" if at in cancelled else _STATE[ended]
                    place = self._places.get((state, templates[at]))
                    place = place or self._place(state, templates[at], name_of)
                    self._ended(task, place, self._told + at)
            self._told += len(run)

    def _place(self, state: str, template: bytes, name_of: Callable[[bytes], str]) -> int:
        place = self._places.get((state, template))
        if place is None:
            place = self._places[state, template] = len(self._kinds)
            self._kinds.append(Kind(state, name_of(template)))
            self._counts.append(0)
        return place

    def _ended(self, task: bytes, place: int, number: int) -> None:
        """Once more, if its result was lost and made again."""
        block = self._blocks.get(task[:-1])
        if block is None:
            block = Block(array("I", [0]) * _BLOCK, array("Q", [0]) * _BLOCK)
            self._blocks[task[:-1]] = block
        at = task[-1]
        before = block.kinds[at]
        if before:
            self._counts[before] -= 1
        self._counts[place] += 1
        block.kinds[at], block.numbers[at] = place, number

    def _forget(self, number: int) -> None:
        """Events all of whose ends are older than one."""
        gone = bisect_right(self._firsts, number) - 1
        del self._firsts[:gone], self._events[:gone]
        oldest = self._firsts[0]
        for name, block in list(self._blocks.items()):
            for at, kind in enumerate(block.kinds):
                if kind and block.numbers[at] < oldest:
                    self._counts[kind] -= 1
                    block.kinds[at] = 0
            if not any(block.kinds):
                del self._blocks[name]

    # -- what it tells ----------------------------------------------------------------------

    def number(self, alive: AbstractSet[bytes] = frozenset()) -> int:
        """How many there are that are not `alive` again."""
        return sum(self._counts) - self._again(alive).total()

    def look(
        self,
        states: AbstractSet[str],
        wanted: Callable[[str], bool] | None = None,
        alive: AbstractSet[bytes] = frozenset(),
        most: int | None = None,
    ) -> tuple[Iterator[End], int]:
        """Of each state the first so many in the order of their ids, and how many others there are.

        Of functions whose names are `wanted`; but for those that are `alive` again.
        """
        again = self._again(alive)
        found: dict[int, str] = {}
        number: Counter[str] = Counter()
        for place, kind in enumerate(self._kinds):
            left = self._counts[place] - again[place]
            if left and kind.state in states and (wanted is None or wanted(kind.name)):
                found[place] = kind.state
                number[kind.state] += left
        shown = {state: n if most is None else min(n, most) for state, n in number.items()}
        return self._ends(found, shown, alive), number.total() - sum(shown.values())

    def _again(self, alive: AbstractSet[bytes]) -> Counter[int]:
        """How many of each kind are alive."""
        blocks = ((self._blocks.get(task[:-1]), task[-1]) for task in alive)
        kinds = Counter(block.kinds[at] for block, at in blocks if block is not None)
        del kinds[0]
        return kinds

    def _ends(
        self, found: dict[int, str], left: dict[str, int], alive: AbstractSet[bytes]
    ) -> Iterator[End]:
        for name in sorted(self._blocks):
            found = {place: state for place, state in found.items() if left[state]}
            if not found:
                return
            block = self._blocks[name]
            if found.keys().isdisjoint(block.kinds):
                continue
            for at, place in enumerate(block.kinds):
                state = found.get(place)
                task = name + bytes((at,)) if state is not None else b""
                if state is not None and left[state] and task not in alive:
                    left[state] -= 1
                    yield End(state, task, partial(self._row, task, place, block.numbers[at]))

    def _row(self, task: bytes, place: int, number: int) -> dict[str, Any]:
        at = bisect_right(self._firsts, number) - 1
        first = self._firsts[at]
        if first not in self._open:
            if len(self._open) >= _OPEN_MOST:
                self._open.clear()
            event = self._events[at]
            ran = event.kind == codes.RAN
            self._open[first] = events.ran(event.payload) if ran else unattempted(event)
        state, name = self._kinds[place]
        told = self._open[first]
        if isinstance(told, events.Ran):
            return _attempted(told, number - first, name, state)
        more = {"node": told.node, "error": told.error} if told is not None else {}
        return blank_row(task, name, state, **more)


def _attempted(told: events.Ran, number: int, name: str, state: str) -> dict[str, Any]:
    for run in told.runs:
        if number < len(run):
            break
        number -= len(run)
    ran = events.attempt(told.node, run, number)
    return blank_row(
        ran.task,
        name,
        state,
        attempt=ran.attempt,
        node=ran.node.hex(),
        pid=ran.pid,
        began=ran.begun or None,
        seconds=round(ran.seconds, 6),
        bytes=ran.output_bytes,
        error=ran.error.text if ran.error else None,
    )


class Unattempted(NamedTuple):
    """Tasks of whose ends no attempt tells, with their templates."""

    state: str
    templates: dict[bytes, bytes]
    node: str | None = None
    error: str | None = None


def unattempted(event: Event) -> Unattempted | None:
    """What an event tells of such tasks; None: nothing."""
    match event.kind:
        case codes.CANCELLED:
            return Unattempted("CANCELLED", events.cancelled(event.payload))
        case codes.CALLS_LOST:
            lost = events.calls_lost(event.payload)
            return Unattempted("FAILED", lost.templates, error=lost.error.text)
        case codes.NODE_FAILED:
            at, templates = events.failed_with_node(event.payload)
            return Unattempted("FAILED", templates, at.hex(), "its node was lost")
        case codes.ACTOR_ENDED:
            over = events.actor_ended(event.payload)
            state = "DONE" if over.in_peace else "FAILED"
            return Unattempted(state, {over.actor: over.template}, error=over.error.text)
        case _:
            return None


def blank_row(task: bytes, name: str, state: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A row of a table of tasks; what is not said is not known."""
    blank = dict.fromkeys(("attempt", "node", "pid", "began", "seconds", "bytes", "error"))
    return {
        "id": task.hex(), "short": ids.short(task), "name": name, "state": state, **blank, **more
    }  # fmt: skip


class First:
    """The first of very many in the order of their keys; the others are counted."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[Any, Any]] = []
        self._last: Any = None  # key of the last one that matters, when there are enough
        self.of = 0

    def add(self, key: Any, each: Any) -> None:  # noqa: ANN401 - whatever can be sorted
        """One more."""
        self.of += 1
        if self._last is None or key < self._last:
            self._kept.append((key, each))
            if len(self._kept) > 2 * self._most + _SLACK:
                self._settle()

    def others(self, number: int) -> None:
        """So many more, none of which is among the first."""
        self.of += number

    def all(self) -> list[Any]:
        """The first of them."""
        self._settle()
        return [each for _, each in self._kept]

    def _settle(self) -> None:
        self._kept.sort(key=itemgetter(0))
        del self._kept[self._most :]
        if self._most and len(self._kept) == self._most:
            self._last = self._kept[-1][0]
