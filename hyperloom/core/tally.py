"""How many tasks a worker has begun, in memory that outlives it: then its raylet knows which ran.

Tasks, and calls of an actor that runs one at a time, begin in the order in which they were sent, so
a number is enough.  Calls of different concurrency groups overtake each other: then there is a
number for each group, in the order in which the first calls of these were sent, which both sides
know.
"""

from __future__ import annotations

import mmap
import os
import sys

_WIDTH = 8
_BYTES = 4096  # a page is what it takes in any case
GROUPS_MOST = _BYTES // _WIDTH - 2  # besides that of methods which name none


def open_tally() -> tuple[int, mmap.mmap]:
    """For a new worker: a descriptor to be passed on, and the memory itself."""
    descriptor = os.memfd_create("loom-begun")
    os.ftruncate(descriptor, _BYTES)
    return descriptor, mmap.mmap(descriptor, _BYTES)


def tasks_of(memory: mmap.mmap) -> int:
    """Tasks that were begun, in all."""
    return int.from_bytes(memory[:_WIDTH], sys.byteorder)


def groups_of(memory: mmap.mmap) -> tuple[int, ...]:
    """Calls that were begun, by group."""
    counts = memory[_WIDTH:].rstrip(b"\0")
    starts = range(0, len(counts), _WIDTH)
    return tuple(int.from_bytes(counts[at : at + _WIDTH], sys.byteorder) for at in starts)


class Tally:
    """The worker's side."""

    def __init__(self, descriptor: int) -> None:
        self._begun = memoryview(mmap.mmap(descriptor, _BYTES)).cast("Q")
        self._tasks = 0

    def begin(self) -> None:
        """A task more."""
        self._tasks += 1
        self._begun[0] = self._tasks

    def begin_in(self, group: int, count: int) -> None:
        """A call: so many of its group have begun now, or more."""
        self._begun[1 + group] = max(self._begun[1 + group], count)
