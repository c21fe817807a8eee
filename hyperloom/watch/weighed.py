"""The objects of a job: sums of all of them, and the largest one by one.

The rule: every object is in a sum, however many there are, and none is missed among the largest.
The control plane adds up, slice by slice (``object_weigh``); what comes from there one by one is
what lies in stores, and of the others those that may be among the largest.  Of a job that has few,
each comes.
"""

from __future__ import annotations

from heapq import heappush, heapreplace
from typing import TYPE_CHECKING, NamedTuple

from hyperloom import ids
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import fcall

if TYPE_CHECKING:
    from hyperloom.watch.live import Live

FEW = 20_000  # objects of a job, of which each may be looked at
_AT_ONCE = 1000
_NO_MAKER = -(codes.GONE >> 1)  # a count below this: the maker itself let go
_NUMBERS = 5  # of a sum, and its process before them


class Weight(NamedTuple):
    """One object."""

    oid: bytes
    kept: bytes  # where it lies; of one that is inline, no more than what ``object_weigh`` tells
    size: int
    holders: int  # besides its maker,
    by_maker: bool  # which holds it too

    @property
    def in_store(self) -> bool:
        """It lies in shared memory, or was spilled from there."""
        return self.kept[:1] == codes.SHARED

    @property
    def failed(self) -> bool:
        """Its task failed."""
        return self.kept == codes.FAILURE

    @property
    def cancelled(self) -> bool:
        """Its task was."""
        return self.kept == codes.CANCELLED

    @property
    def template(self) -> bytes:
        """Whose result lies in a store; empty: it was put, or is inline."""
        return codes.stored_by(self.kept) if self.in_store else b""


class Sum(NamedTuple):
    """Objects that one process made."""

    number: int = 0
    bytes: int = 0
    failed: int = 0
    held: int = 0  # by that process still
    held_bytes: int = 0

    def plus(self, other: Sum) -> Sum:
        """Both."""
        return Sum(*map(sum, zip(self, other, strict=True)))

    @staticmethod
    def of(one: Weight) -> Sum:
        """Of one object."""
        return Sum(1, one.size, one.failed, one.by_maker, one.size * one.by_maker)


class Weights(NamedTuple):
    """Of a job."""

    each: list[Weight]  # all in stores, all of the largest, and maybe others
    rest: dict[bytes, Sum]  # all others, by the process that made them
    all_told: bool  # there are no others
    some: list[Weight]  # if there are: small ones, as they came, whatever they are

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.each) + sum(part.number for part in self.rest.values())


def of_job(live: Live, job: bytes, largest: int, *, every: bool = False) -> Weights:
    """Weigh them; the `largest` are sure to be told one by one, with `every` all."""
    ns = keys.job_namespace(job)
    every = every or live.wire.call("HLEN", keys.OBJECT.name(ns)) <= FEW
    each: dict[bytes, Weight] = {}
    rest: dict[bytes, Sum] = {}
    some: list[Weight] = []
    sizes: list[int] = []  # of the largest so far, the least first
    cursor = b"0"
    while True:
        above = sizes[0] if len(sizes) == max(1, largest) and not every else -1
        question = fcall("object_weigh", ns, cursor, _AT_ONCE, above)
        cursor, told, sums = live.wire.call(*question)
        for oid, kept, count in zip(told[::3], told[1::3], told[2::3], strict=True):
            one = each[oid] = _weight(oid, kept, int(count or 0))
            if above < 0 and not every and not one.in_store:
                some.append(one)
            _keep_largest(sizes, one.size, largest)
        for at in range(0, len(sums), 1 + _NUMBERS):
            process, part = sums[at], Sum(*sums[at + 1 : at + 1 + _NUMBERS])
            rest[process] = rest.get(process, Sum()).plus(part)
        if cursor == b"0":
            return Weights(list(each.values()), rest, every, some)


def _weight(oid: bytes, kept: bytes, count: int) -> Weight:
    by_maker = count >= _NO_MAKER
    holders = count if by_maker else count + codes.GONE
    if kept[:1] == codes.SHARED:
        return Weight(oid, kept, codes.stored_bytes(kept), holders, by_maker)
    return Weight(oid, kept[:1], int(kept[1:]), holders, by_maker)


def _keep_largest(sizes: list[int], size: int, most: int) -> None:
    if len(sizes) < most:
        heappush(sizes, size)
    elif sizes and size > sizes[0]:
        heapreplace(sizes, size)


def lent(live: Live, job: bytes, process: bytes) -> tuple[int, int]:
    """How many objects a process holds that it did not make, and their bytes."""
    ns = keys.job_namespace(job)
    number = size = 0
    cursor = b"0"
    while True:
        question = fcall("ref_weigh", ns, process, cursor, _AT_ONCE)
        cursor, some, of = live.wire.call(*question)
        number, size = number + some, size + of
        if cursor == b"0":
            return number, size


def by_process(weights: Weights) -> dict[bytes, Sum]:
    """All of them, by the process that made them."""
    made = dict(weights.rest)
    for one in weights.each:
        process = one.oid[: ids.PROCESS_BYTES]
        made[process] = made.get(process, Sum()).plus(Sum.of(one))
    return made


def refs(live: Live, job: bytes, oid: bytes) -> tuple[int, bool]:
    """Of one object its holders besides its maker, and whether that holds it too."""
    count = live.wire.call("HGET", keys.REFS.name(keys.job_namespace(job)), oid)
    one = _weight(oid, b"00", int(count or 0))
    return one.holders, one.by_maker
