"""A plan that belongs to nobody who could die: how it is submitted, and how it is taken up again.

The rule: a detached plan is a process of its own, though none that runs.  Its id begins the ids of
its tasks, so it holds its results as any process holds what it made, and releasing it is that
process's burial.  As long as it is there, it owns its job (``lua/owner/add.lua``), which therefore
outlives its driver.

It becomes detached with one word, said when all of it was accepted; who dies before that has
submitted nothing that lasts.
"""

from __future__ import annotations

import os
import sys
import time
from array import array
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct, json, msgpack

from hyperloom import errors
from hyperloom.core.following import follow
from hyperloom.gcs import codes, keys
from hyperloom.ids import (
    PROCESS_BYTES,
    ObjectID,
    ProcessID,
    index_of,
    new_process_id,
    number_of,
    object_id,
    task_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hyperloom.core.session import Session

_AT_ONCE = 500  # objects in one slice of a burial


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


class About(Struct, frozen=True):
    """What people want to know of a detached plan."""

    label: str
    tasks: int
    results: int
    program: str
    pid: int
    at: float  # when it was submitted, in seconds since 1970


_decode = msgpack.Decoder(Record).decode
_read = json.Decoder(About).decode


def runs_of(places: Iterable[tuple[int, int]]) -> tuple[Run, ...]:
    """Pairs of a task's and an output's number, written as few runs: a million may be one."""
    runs: list[Run] = []
    for task, output in places:
        if runs:
            run = runs[-1]
            if run.number == 1:
                run = run._replace(task_step=task - run.task, output_step=output - run.output)
            last = run.number
            if (task, output) == (
                run.task + last * run.task_step, run.output + last * run.output_step
            ):  # fmt: skip
                runs[-1] = run._replace(number=last + 1)
                continue
        runs.append(Run(task, output, 0, 0, 1))
    return tuple(runs)


def places_in(runs: Iterable[Run]) -> Iterator[tuple[int, int]]:
    """The pairs again."""
    for run in runs:
        for at in range(run.number):
            yield run.task + at * run.task_step, run.output + at * run.output_step


def record_of(plan: ProcessID, numbers: Sequence[int], results: Sequence[Any]) -> Record:
    """Of a plan with tasks of these numbers; results are refs, and lists of refs."""
    flat: list[bytes] = []
    lists: list[Lists] = []
    for result in results:
        several = result if isinstance(result, list) else [result]
        flat += [ref.binary() for ref in several]
        size = len(several) if isinstance(result, list) else -1
        number = lists.pop().number if lists and lists[-1].size == size else 0
        lists.append(Lists(size, number + 1))
    places = ((number_of(oid), index_of(ObjectID(oid))) for oid in flat)
    others = {at: oid for at, oid in enumerate(flat) if oid[:PROCESS_BYTES] != plan}
    return Record(spans_of(numbers), runs_of(places), tuple(lists), others)


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


def new_plan(session: Session) -> ProcessID:
    """The id of a plan that is going to be detached.

    Raises:
        ValueError: the session is inline, or its node is embedded: nothing would outlive it.
    """
    if session.home.ends_with_driver:
        raise ValueError(
            "detach=True cannot be here: the node is one that ends with its driver. Start one that "
            "outlives it (loom start --head, or loom start --address to join a cluster), and "
            "connect to that. Nothing was submitted"
        )
    plan = new_process_id(session.job)
    follow(session, plan)
    return plan


def detach(
    session: Session, plan: ProcessID, numbers: Sequence[int], results: Sequence[Any], label: str
) -> None:
    """The plan, which was accepted, belongs to nobody from now on.

    Said again, with other results, it holds these too.
    """
    record = record_of(plan, numbers, results)
    wanted = sum(run.number for run in record.results)
    program = " ".join(sys.argv[:1])
    about = About(label, len(numbers), wanted, program, os.getpid(), time.time())
    said = codes.DETACHED + json.encode(about)
    others = b"".join(record.others.values())
    session.outbox.call("owner_add", plan, said, msgpack.encode(record), others)


def detached(session: Session, job: bytes) -> dict[ProcessID, About]:
    """The detached plans of a job, oldest first."""
    return listed(session.outbox.call("owner_list", namespace=keys.job_namespace(job)))


def listed(reply: Sequence[bytes]) -> dict[ProcessID, About]:
    """The plans in an answer of ``owner_list``, oldest first."""
    found = {
        ProcessID(reply[at]): _read(reply[at + 1][1:])
        for at in range(0, len(reply), 2)
        if reply[at + 1][:1] == codes.DETACHED
    }
    return dict(sorted(found.items(), key=lambda each: each[1].at))


def taken_up(session: Session, plan: ProcessID) -> tuple[list[Any], array[int]]:
    """The results of a plan, in their order, and the numbers of its tasks.

    Raises:
        errors.NotFound: there is no such plan in the job.
    """
    text = session.outbox.call("owner_record", plan)
    if text is None:
        raise errors.NotFound(f"job {session.job.hex()} has no detached plan {plan.hex()}")
    record = _decode(text)
    follow(session, plan)
    oids = _oids(plan, record)
    results: list[Any] = []
    for size, number in record.lists:
        for _ in range(number):
            if size >= 0:
                results.append([session.adopt(oid) for oid in islice(oids, size)])
            else:
                results.append(session.adopt(next(oids)))
    numbers = array("Q")
    for span in record.tasks:
        numbers.extend(range(span.first, span.last + 1))
    return results, numbers


def _oids(plan: ProcessID, record: Record) -> Iterator[bytes]:
    for at, (task, index) in enumerate(places_in(record.results)):
        yield record.others.get(at) or object_id(task_id(plan, task), index)


def release(session: Session, plan: ProcessID) -> None:
    """Nobody wants the plan's results any more; what still runs, runs on as long as the job."""
    at = 1
    while at:
        at = session.outbox.call("process_bury", plan, at, _AT_ONCE)
