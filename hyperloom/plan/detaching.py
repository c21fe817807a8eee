"""What is written down of a plan, so that others can take it up; above all of a detached one.

The rule: a detached plan belongs to nobody who could die: it is a process of its own, though none
that runs.  Its id begins the ids of its tasks, so it holds its results as any process holds what it
made, and releasing it is that process's burial.  As long as it is there, it owns its job
(``lua/owner/add.lua``), which therefore outlives its driver.

What one must know to take a plan up is a record of a few runs; `hyperloom.plan.recorded` has to do
with that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct, json, msgpack

from hyperloom.gcs import codes, keys
from hyperloom.ids import (
    PROCESS_BYTES,
    ObjectID,
    ProcessID,
    index_of,
    number_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hyperloom.core.session import Session


# Of a plan of so many tasks each function has templates of its own, so that the counts of these
# (`keys.COUNTS`) are the plan's.  Of a smaller one, who wants to know looks at each task.
COUNTED_FROM = 20_000


def counted(tasks: int) -> bool:
    """Whether a plan of so many is counted by itself."""
    return tasks >= COUNTED_FROM


class Run(NamedTuple):
    """Results whose task numbers, and whose numbers among its outputs, go up evenly."""

    task: int
    output: int
    task_step: int
    output_step: int
    number: int


class Span(NamedTuple):
    """Numbers in a row: of tasks."""

    first: int
    last: int


class Lists(NamedTuple):
    """So many wanted things in a row have each a list of so many results; -1: one, and no list."""

    size: int
    number: int


class Record(Struct, array_like=True, frozen=True):
    """What one must know to take up a plan again.  Fields are only ever added at the end."""

    tasks: tuple[Span, ...]
    results: tuple[Run, ...]
    lists: tuple[Lists, ...]
    others: dict[int, bytes] = {}  # results that the plan did not make, by their place
    plan: bytes = b""  # the plan as it was submitted, an object; or
    lacks: str = ""  # why it was not kept
    again: tuple[tuple[bytes, tuple[Span, ...]], ...] = ()  # processes that ran parts of it again
    process: bytes = b""  # of a plan that is not detached: whose tasks these are

    @property
    def number(self) -> int:
        """How many tasks it was submitted with."""
        return sum(span.last - span.first + 1 for span in self.tasks)

    @property
    def counted(self) -> bool:
        """Whether its tasks, those that were run again too, are counted by themselves."""
        return counted(self.number)


class About(Struct, frozen=True):
    """What people want to know of a plan."""

    label: str
    tasks: int
    results: int
    program: str
    pid: int
    at: float  # when it was submitted, in seconds since 1970


decoded = msgpack.Decoder(Record).decode
_read = json.Decoder(About).decode


def runs_of(places: Iterable[tuple[int, int]]) -> tuple[Run, ...]:
    """Pairs of a task's and an output's number, written as few runs: a million may be one."""
    runs: list[Run] = []
    first = first_output = task_step = output_step = number = 0
    for task, output in places:
        if number == 1:
            task_step, output_step = task - first, output - first_output
        if (
            number
            and task == first + number * task_step
            and output == first_output + number * output_step
        ):
            number += 1
            continue
        if number:
            runs.append(Run(first, first_output, task_step, output_step, number))
        first, first_output, task_step, output_step, number = task, output, 0, 0, 1
    if number:
        runs.append(Run(first, first_output, task_step, output_step, number))
    return tuple(runs)


def places_in(runs: Iterable[Run]) -> Iterator[tuple[int, int]]:
    """The pairs again."""
    for run in runs:
        for at in range(run.number):
            yield run.task + at * run.task_step, run.output + at * run.output_step


def record_of(
    process: ProcessID,
    spans: tuple[Span, ...],
    results: Sequence[Any],
    plan: bytes = b"",
    lacks: str = "",
) -> Record:
    """Of the plan that is this process; results are refs, and lists of refs."""
    flat: list[bytes] = []
    lists: list[Lists] = []
    for result in results:
        several = result if isinstance(result, list) else [result]
        flat += [ref.binary() for ref in several]
        size = len(several) if isinstance(result, list) else -1
        number = lists.pop().number if lists and lists[-1].size == size else 0
        lists.append(Lists(size, number + 1))
    places = ((number_of(oid), index_of(ObjectID(oid))) for oid in flat)
    others = {at: oid for at, oid in enumerate(flat) if oid[:PROCESS_BYTES] != process}
    return Record(spans, runs_of(places), tuple(lists), others, plan, lacks)


def spans_of(numbers: Sequence[int]) -> tuple[Span, ...]:
    """The numbers, in order, as few spans."""
    runs = _in_a_row(sorted(numbers))
    return tuple(Span(run.task, run.task + run.number - 1) for run in runs)


def _in_a_row(numbers: Sequence[int]) -> Iterator[Run]:
    for run in runs_of((number, 0) for number in numbers):
        if run.task_step <= 1:
            yield run
        else:
            yield from (Run(number, 0, 0, 0, 1) for number, _ in places_in([run]))


def detached(session: Session, job: bytes) -> dict[ProcessID, About]:
    """The detached plans of a job, oldest first."""
    return listed_of(session.outbox.call("owner_list", namespace=keys.job_namespace(job)))


def all_plans(session: Session, job: bytes) -> dict[ProcessID, About]:
    """Those, and the ones that living processes of the job have, oldest first."""
    flat = session.outbox.call("plan_list", namespace=keys.job_namespace(job))
    living = {ProcessID(flat[at]): _read(flat[at + 1]) for at in range(1, len(flat), 3)}
    return dict(sorted({**detached(session, job), **living}.items(), key=lambda each: each[1].at))


def listed_of(reply: Sequence[bytes]) -> dict[ProcessID, About]:
    """The plans in an answer of ``owner_list``, oldest first."""
    found = {
        ProcessID(reply[at]): _read(reply[at + 1][1:])
        for at in range(0, len(reply), 2)
        if reply[at + 1][:1] == codes.DETACHED
    }
    return dict(sorted(found.items(), key=lambda each: each[1].at))
