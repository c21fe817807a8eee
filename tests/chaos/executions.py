"""Tasks that write down each of their executions, whoever dies; and what follows from that."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import hyperloom as loom
from tests.chaos.oracle import plus_one

if TYPE_CHECKING:
    from tests.cluster.api.gate import Gate


HEAVY_BYTES = 150 << 10


class Execution(NamedTuple):
    """One beginning of a task."""

    task: str
    at: float  # by the machine's monotonic clock
    pid: int
    node: str


def note(notes: str) -> None:
    """That it began, says a task before anything else can happen."""
    context = loom.context()
    line = f"{context.task_id} {time.monotonic():.6f} {os.getpid()} {context.node_id}\n"
    descriptor = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())
    os.close(descriptor)


@loom.task(max_retries=-1)
def noted(x: int, notes: str, takes_s: float) -> int:
    """One more."""
    note(notes)
    time.sleep(takes_s)  # the task takes its time
    return x + 1


class Heavy(int):
    """A number that goes through shared memory: it has so many bytes with it, all like its last."""

    def __new__(cls, number: int) -> Self:
        self = super().__new__(cls, number)
        self.bytes = bytes([number % 256]) * HEAVY_BYTES
        return self

    def __eq__(self, other: object) -> bool:
        return int(self) == other and self.bytes == bytes([self % 256]) * HEAVY_BYTES

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__


@loom.task(max_retries=-1)
def heavy(x: int, notes: str, takes_s: float) -> Heavy:
    """The same, with a large result; and if it is given one, that is whole."""
    note(notes)
    time.sleep(takes_s)  # the task takes its time
    assert x == int(x), "what it was given is not what was returned"
    return Heavy(x + 1)


@loom.task(max_retries=-1)
def dies_midway(x: int, notes: str, takes_s: float, at: int) -> int:
    """The same, but each worker is killed in the middle of the `at`-th that it runs."""
    note(notes)
    _ran.append(x)
    time.sleep(takes_s / 2)  # the task takes its time
    if len(_ran) == at:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(takes_s / 2)  # the task takes its time
    return x + 1


_ran: list[int] = []  # by this worker


@loom.task(max_retries=-1)
def asks(x: int, notes: str) -> int:
    """The same, and waits for another one, before which nothing stands in line."""
    note(notes)
    return int(loom.get(plus_one.options(num_cpus=0).remote(x)))


@loom.task(max_retries=-1)
def weighs(x: int, notes: str, takes_s: float, large: bytes) -> int:
    """The same, given a large value."""
    note(notes)
    time.sleep(takes_s)  # the task takes its time
    return x + len(large[:1])


@loom.task(num_cpus=0, max_retries=-1)
def stays(x: int, notes: str, gate: Gate) -> int:
    """The same, when it is let."""
    note(notes)
    gate.pass_through(60)
    return x + 1


@loom.task(num_cpus=0.1, max_retries=0)
def lasts(beats: str, until: str, for_s: float = 60) -> int:
    """Goes on until there is such a file; until then it writes to the other all the time."""
    note(beats)
    deadline = time.monotonic() + for_s
    while not Path(until).exists() and time.monotonic() < deadline:
        Path(beats).touch()
        time.sleep(0.005)  # the task takes its time
    return os.getpid()


def read(notes: Path) -> list[Execution]:
    """All of them, in the order of their beginnings."""
    rows = [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []
    found = [Execution(task, float(at), int(pid), node) for task, at, pid, node in rows]
    return sorted(found, key=lambda each: each.at)


def again_for_each(executions: list[Execution]) -> dict[int, int]:
    """Worker -> how many of the tasks that it began were begun anew after its death."""
    of_task: dict[str, list[Execution]] = defaultdict(list)
    for each in executions:
        of_task[each.task].append(each)
    counts = dict.fromkeys((each.pid for each in executions), 0)
    for tries in of_task.values():
        for lost in tries[:-1]:
            counts[lost.pid] += 1
    return counts


def longest_change_s(executions: list[Execution]) -> float | None:
    """From the last that a worker of a node's only slot began to the first of its successor.

    None: it had one worker only.
    """
    return max((b.at - a.at for a, b in pairwise(executions) if a.pid != b.pid), default=None)


def rerun_after_s(executions: list[Execution], node: str, death: float) -> float | None:
    """From a node's death to the last beginning elsewhere of what it had begun; None: nothing."""
    there = {each.task for each in executions if each.node == node}
    again = [each.at for each in executions if each.task in there and each.at > death]
    return max(again) - death if again else None


def ended(pid: int) -> bool:
    """Whether the process runs no more."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}
