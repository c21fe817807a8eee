"""Tasks that ask for what nobody will ever have.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes

if TYPE_CHECKING:
    from tests.models.control_plane import ControlPlane


def task_evict(plane: ControlPlane, mark: bytes, failure: bytes, most: int) -> int:
    ids: list[bytes] = []
    found = 0
    for node in [node for node, offer in plane.idle.items() if mark in offer.text()]:
        del plane.idle[node]
    for queue in plane.order():
        if mark not in queue or found >= most:
            continue
        got, asked = plane.ready[queue][: most - found], most - found
        plane.ready[queue] = plane.ready[queue][len(got) :]
        found += sum(plane.is_shut(entry) for entry, _ in got)
        got = [item for item in got if not plane.is_shut(item[0])]
        taken = 0
        while got and taken < asked:
            task = got[0][0]
            if task in plane.ranges:
                drawn = plane.draw(task, asked - taken)
                ids += drawn
                taken += len(drawn)
            else:
                ids += [task] if task in plane.records else []
                taken += task in plane.records
                found += task not in plane.records
            if task not in plane.ranges:
                got.pop(0)
        found += taken
        plane.ready[queue] = got + plane.ready[queue]
        if not plane.ready[queue]:
            del plane.turns[queue]
    if ids:
        plane.note(codes.CANCELLED, b"".join(task + plane.records[task][:8] for task in ids))
        plane.fail(ids, failure, what=codes.CANCELLED)
        plane.serve()
    return found
