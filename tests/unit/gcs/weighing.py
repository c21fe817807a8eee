"""Histories in which objects are weighed.  Part of `tests.unit.gcs.test_histories`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st
from hypothesis.stateful import rule

from hyperloom.gcs import codes
from tests.models import weighed
from tests.unit.gcs.plans import speaker
from tests.unit.gcs.remaking import Remaking

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

SLICE = 3


def objects(plane: Plane, above: int, most: int = SLICE) -> weighed.Weights:
    """What all slices say together; nothing is changed between them."""
    rows: dict[bytes, tuple[bytes, bytes]] = {}
    sums: dict[bytes, list[int]] = {}
    cursor = b"0"
    while True:
        cursor, told, summed = plane.call("object_weigh", cursor, most, above)
        for oid, value, holders in zip(*[iter(told)] * 3, strict=True):
            assert rows.setdefault(oid, (value, holders)) == (value, holders)
        for process, *numbers in zip(*[iter(summed)] * 6, strict=True):
            old = sums.get(process, [0] * 5)
            sums[process] = [a + b for a, b in zip(old, numbers, strict=True)]
        if cursor == b"0":
            return weighed.Weights(rows, sums)


def lent(plane: Plane, process: bytes, most: int = SLICE) -> tuple[int, int]:
    number, size, cursor = 0, 0, b"0"
    while True:
        cursor, some, of = plane.call("ref_weigh", process, cursor, most)
        number, size = number + some, size + of
        if cursor == b"0":
            return number, size


class Weighing(Remaking):
    """See the module."""

    @rule(above=st.sampled_from([-1, 6, 20, 2**40]))
    def weigh_objects(self, above: int) -> None:
        told, expected = objects(self.plane, above), weighed.objects(self.model, above)
        assert told == expected
        of_stores = [value for value, _ in told.rows.values() if value.startswith(codes.SHARED)]
        assert all(codes.stored_bytes(value) == 1000 for value in of_stores)

    @rule(who=speaker)
    def weigh_refs(self, who: int) -> None:
        process = self.processes[who]
        assert lent(self.plane, process) == weighed.lent(self.model, process)
