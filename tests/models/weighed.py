"""Sums of objects and holds, for people.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hyperloom.gcs import codes
from tests.models.references import maker_of

if TYPE_CHECKING:
    from tests.models.control_plane import ControlPlane


class Weights(NamedTuple):
    """What all slices together say."""

    rows: dict[bytes, tuple[bytes, bytes]]
    sums: dict[bytes, list[int]]


def objects(plane: ControlPlane, above: int) -> Weights:
    """What is told one by one, and the sums of what each process made."""
    rows, sums = {}, {}
    refs = plane.stored_refs()
    for oid, value in plane.value.items():
        large = value.startswith(codes.SHARED)
        if large or len(value) > above:
            mark = codes.CANCELLED if value.startswith(codes.WAS_CANCELLED) else value[:1]
            told = value if large else mark + b"%d" % len(value)
            rows[oid] = told, refs.get(oid, b"")
        else:
            held = oid not in plane.let_go_by_maker
            size = len(value)
            failed = value[:1] == codes.FAILURE and not value.startswith(codes.WAS_CANCELLED)
            old = sums.setdefault(maker_of(oid), [0] * 5)
            new = [1, size, failed, held, size * held]
            sums[maker_of(oid)] = [a + b for a, b in zip(old, new, strict=True)]
    return Weights(rows, sums)


def lent(plane: ControlPlane, process: bytes) -> tuple[int, int]:
    """How much of what a process holds and did not make exists, and its bytes."""
    there = [plane.value[oid] for oid in plane.holds.get(process, ()) if oid in plane.value]
    return len(there), sum(map(size_of, there))


def size_of(value: bytes) -> int:
    return codes.stored_bytes(value) if value.startswith(codes.SHARED) else len(value)
