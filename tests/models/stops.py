"""Processes whose tasks stop at the first failure.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.models.cancels import shut, stop_held
from tests.models.references import maker_of

if TYPE_CHECKING:
    from tests.models.control_plane import ControlPlane


def process_stops(plane: ControlPlane, process: bytes, failure: bytes) -> bytes | None:
    plane.stops[process] = failure
    if process in plane.stopped:
        _stop(plane, process)
    return plane.stopped.get(process)


def process_stopped(plane: ControlPlane, process: bytes) -> bytes | None:
    return plane.stopped.get(process)


def stop_for(plane: ControlPlane, oids: list[bytes], values: list[bytes]) -> None:
    for oid, value in zip(oids, values, strict=True):
        process = maker_of(oid)
        first = process in plane.stops and process not in plane.stopped
        if first and value.startswith(codes.FAILURE):
            plane.stopped[process] = value
            _stop(plane, process)


def _stop(plane: ControlPlane, process: bytes) -> None:
    count, _ = plane.made.get(process, (0, 1))
    blocks = range(count // codes.RANGE_TASKS, -1, -1)
    spans = [process + n.to_bytes(codes.RANGE_ID - len(process), "big") + b"\0\xff" for n in blocks]
    shut(plane, plane.stops[process], spans)
    stop_held(plane)
