"""Tasks whose results come one by one.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.models.references import Refusal, made_by, maker_of, output

if TYPE_CHECKING:
    from tests.models.control_plane import ControlPlane

NO_PROCESS = bytes(codes.PROCESS_ID)


def task_yield(  # noqa: PLR0913, PLR0917 - the transition's own arguments
    plane: ControlPlane, node: bytes, task: bytes, attempt: int, index: int, value: bytes
) -> bytes | int:
    oid = output(task, index)
    known = task in plane.records
    if known and plane.held.get(node, {}).get(task) != attempt:
        raise Refusal("STALE")
    if not known or not plane.is_held(output(task, 0)) or plane.is_gone(maker_of(task)):
        plane.turn_away(oid, value)
        return b"ABANDONED"
    plane.has_made(maker_of(task), 0, index + 1)
    here = plane.yielded.get(task, 0)
    if index > here + 1:
        return here
    if index > here or (oid in plane.value and plane.is_lost(oid, [])):
        plane.yielded[task] = max(index, here)
        plane.copies.pop(oid, None)
        plane.settle([oid], [made_by(value, plane.records[task])])
        plane.serve()
    else:
        plane.turn_away(oid, value)
    return b"KEPT"


def stream_open(plane: ControlPlane, task: bytes, process: bytes) -> int:
    if task not in plane.records:
        return 0
    _, consumed = plane.stream.get(task, (b"", b"0"))
    plane.stream[task] = (process, consumed)
    return int(consumed)


def stream_consume(plane: ControlPlane, task: bytes, n: int) -> int:
    if task not in plane.records:
        return 0
    process, _ = plane.stream.get(task, (NO_PROCESS, b""))
    plane.stream[task] = (process, b"%d" % n)
    if process == NO_PROCESS:
        return 0
    plane.tell(process, codes.CONSUMED + task, b"%d" % n)
    return 1
