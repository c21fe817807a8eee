"""A driver's plans: maps that travel as ranges, what they take, who takes them; their cancellation.

They are said as the API says them, those who take before those who make, one word after the other;
so a driver may die, or a line be cut, between two parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hyperloom import specs
from hyperloom.gcs import codes
from hyperloom.gcs.cancelling import spans_of
from hyperloom.ids import TASK_BYTES, number_of, object_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.simulation.driver import Driver

MAPPED = (b"2retries", b"endless.", b"no-retry", b"large...")  # kinds of maps
_ITEMS_MOST = 5  # of a range
_DROPPED_AT_ONCE = 2


@dataclass
class Part:
    """Some tasks of a plan that are alike: one, or those of a map."""

    kind: bytes
    tasks: list[bytes]
    wanted: bool
    ranges: list[list[bytes]] = field(default_factory=list)  # of a map: the same tasks
    inside: list[Part] = field(default_factory=list)  # whose outputs it takes, all of each
    outside: list[bytes] = field(default_factory=list)
    takers: bytes = b""  # tasks that take each of its outputs

    @property
    def outputs(self) -> list[bytes]:
        return [object_id(task, 0) for task in self.tasks]  # type: ignore[arg-type]

    @property
    def inputs(self) -> list[bytes]:
        return [oid for part in self.inside for oid in part.outputs] + self.outside

    @property
    def lacks(self) -> int:
        return sum(len(part.tasks) for part in self.inside)


class Plans:
    """See the module.  What it says, the driver says."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._rng = driver.rng
        self._plans: list[list[bytes]] = []  # the tasks of each

    def submits(self) -> None:
        """Something to begin with, a map, and tasks that take all of that; or some of this."""
        rng = self._rng
        parts: list[Part] = []
        if rng.random() < 0.5:
            parts.append(self._tasks(1, [], wanted=rng.random() < 0.3))
        parts.append(self._map(list(parts), wanted=rng.random() < 0.6))
        if rng.random() < 0.7:
            many = rng.randint(1, 2)
            parts.append(self._tasks(many, parts[-1:], wanted=rng.random() < 0.8))
        words: list[tuple[Any, ...]] = []
        for part in reversed(parts):
            for maker in part.inside:
                maker.takers += b"".join(
                    each[0] for each in part.ranges or [[task] for task in part.tasks]
                )
            words.append(_range(part) if part.ranges else _plan(part))
        tasks = [task for part in parts for task in part.tasks]
        for word in words:
            self._driver.says_of_tasks(*word, new=tasks if word is words[-1] else [])
        self._driver.held += [oid for part in parts if part.wanted for oid in part.outputs]
        self._plans.append(tasks)

    def _tasks(self, number: int, inside: list[Part], *, wanted: bool) -> Part:
        kind = self._rng.choice(list(self._driver.kinds))
        tasks = [self._driver.ids.next() for _ in range(number)]
        return self._noted(Part(kind, tasks, wanted, [], inside, self._outside()), [b"call"])

    def _map(self, inside: list[Part], *, wanted: bool) -> Part:
        rng, ids, ranges = self._rng, self._driver.ids, []
        for _ in range(rng.choice([1, 1, 2])):
            number = rng.randint(1, _ITEMS_MOST)
            first = ids.consecutive(number, codes.RANGE_TASKS)
            ranges.append(
                [ids.process + (first + at).to_bytes(TASK_BYTES - len(ids.process), "big")
                 for at in range(number)]
            )  # fmt: skip
        tasks = [task for each in ranges for task in each]
        part = Part(rng.choice(MAPPED), tasks, wanted, ranges, inside, self._outside())
        return self._noted(part, [b"head" + item for item in _items(part)])

    def _outside(self) -> list[bytes]:
        held = self._driver.held
        return self._rng.sample(held, min(len(held), self._rng.randint(0, 2)))

    def _noted(self, part: Part, calls: Sequence[bytes]) -> Part:
        for at, task in enumerate(part.tasks):
            retries = self._driver.kinds[part.kind][0]
            self._driver.books.submitted(task, retries, part.inputs, calls[at % len(calls)])
        return part

    def cancels(self) -> None:
        """All of one, or one task of it, even if the driver has no ref to that."""
        driver, tasks = self._driver, self._rng.choice(self._plans)
        if self._rng.random() < 0.5:
            driver.cancels(self._rng.choice(tasks))
            return
        for task in tasks:
            driver.books.cancelled(task)
        spans = spans_of(driver.process, map(number_of, tasks))  # type: ignore[arg-type]
        driver.tells("task_shut", driver.cancelled, *spans)
        self._drops(1)

    def _drops(self, left: Any) -> None:
        if isinstance(left, int) and left:
            self._driver.tells("task_drop", _DROPPED_AT_ONCE, then=self._drops)

    def __bool__(self) -> bool:
        return bool(self._plans)


def _items(part: Part) -> Iterable[bytes]:
    """Numbers in a row, or any bytes, as the first task's number has it."""
    if _has_numbers(part):
        return [codes.NUMBER + b"%d" % (7 + 3 * at) for at in range(len(part.tasks))]
    return [b"item%d" % at for at in range(len(part.tasks))]


def _has_numbers(part: Part) -> bool:
    return bool(number_of(part.tasks[0]) // codes.RANGE_TASKS % 2)  # type: ignore[arg-type]


def _range(part: Part) -> tuple[Any, ...]:
    """The words of a map, behind who says them."""
    head = specs.record(part.kind, part.inputs, (), b"head")  # type: ignore[arg-type]
    numbers, items, words = _has_numbers(part), list(_items(part)), []
    for each in part.ranges:
        own, items = items[: len(each)], items[len(each) :]
        packed = b"" if numbers else b"".join(len(i).to_bytes(3, "big") + i for i in own)
        words += [each[0], len(each), packed]
    return (
        "task_range", part.tasks[-1], b"", head, part.lacks, b"".join(part.outside), b"",
        part.takers, int(part.wanted), *((7, 3) if numbers else (0, 0)), *words,
    )  # fmt: skip


def _plan(part: Part) -> tuple[Any, ...]:
    tasks: list[Any] = []
    outputs: list[Any] = []
    record = specs.record(part.kind, part.inputs, (), b"call")  # type: ignore[arg-type]
    for task in part.tasks:
        tasks += [task, record, part.lacks, b"".join(part.outside), b""]
        if part.takers or not part.wanted:
            outputs += [object_id(task, 0), part.takers, int(part.wanted)]  # type: ignore[arg-type]
    return ("task_plan", part.tasks[-1], 1, b"", len(part.tasks), *tasks, *outputs)
