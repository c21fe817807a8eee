"""What a node need not keep of what lies in its store.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.models.references import maker_of, place_of, task_of

if TYPE_CHECKING:
    from tests.models.control_plane import ControlPlane


def object_missed(plane: ControlPlane, node: bytes, *oids: bytes) -> list[bytes]:
    undecided = [oid for oid in oids if _may_be_made(plane, oid)]
    missed = [oid for oid in oids if not _is_kept_at(plane, node, oid)]
    return [b"".join(missed), b"".join(undecided)]


def _may_be_made(plane: ControlPlane, oid: bytes) -> bool:
    task = task_of(oid)
    return task in plane.records or bool(plane.range_of(task))


def _is_kept_at(plane: ControlPlane, node: bytes, oid: bytes) -> bool:
    task = task_of(oid)
    if _may_be_made(plane, oid):
        return True
    if oid in plane.value:
        value = plane.value[oid]
        lies_here = value.startswith(codes.SHARED) and place_of(value) == node
        return lies_here or node in plane.copies.get(oid, [])
    said, _ = plane.made.get(maker_of(oid), (0, 1))
    return int.from_bytes(task[codes.PROCESS_ID :], "big") > said
