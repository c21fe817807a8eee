"""As what tasks count that are over.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.models.references import task_of

if TYPE_CHECKING:
    from tests.models.control_plane import ControlPlane


def is_shared(value: bytes) -> bool:
    return value.startswith(codes.SHARED)


def became(value: bytes) -> bytes:
    if value.startswith(codes.WAS_CANCELLED):
        return codes.CANCELLED
    return codes.FAILED if value.startswith(codes.FAILURE) else codes.DONE


def count_ends(
    plane: ControlPlane, tasks: list[bytes], oids: list[bytes], values: list[bytes]
) -> None:
    """One output that failed makes a task one that failed; of several outputs each counts, too."""
    for task in tasks:
        ends = [became(v) for o, v in zip(oids, values, strict=True) if task_of(o) == task]
        worst = [what for what in (codes.FAILED, codes.CANCELLED) if what in ends]
        plane.count((*worst, codes.DONE)[0], [task])
        _count_items(plane, task, ends)


def count_failures(plane: ControlPlane, tasks: list[bytes], what: bytes) -> None:
    plane.count(what, tasks)
    for task in tasks:
        _count_items(plane, task, [what] * plane.returns_of(task))


def _count_items(plane: ControlPlane, task: bytes, ends: list[bytes]) -> None:
    if len(ends) > 1:
        plane.count(codes.ITEMS, [task] * ends.count(codes.FAILED))
