"""A task names another in its place.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.models.references import Refusal, output

if TYPE_CHECKING:
    from tests.models.control_plane import ControlPlane


def task_redirect(  # noqa: PLR0913, PLR0917 - the transition's own arguments
    plane: ControlPlane, node: bytes, task: bytes, attempt: int, failure: bytes, record: bytes
) -> bytes:
    if plane.held.get(node, {}).get(task) != attempt:
        raise Refusal("STALE")
    if record[: codes.TEMPLATE_ID] not in plane.terms:
        raise Refusal("NOT_FOUND")
    plane.redirects[task] = plane.redirects.get(task, 0) + 1
    if plane.redirects[task] > plane.limits.REDIRECTS_MOST:
        plane.fail([task], failure)
        plane.serve()
        return b"FAILED"
    del plane.held[node][task]
    plane.tries.pop(task, None)
    plane.deaths.pop(task, None)
    first = output(task, 0)
    inside = [] if first in plane.value else plane.inside.pop(first, [])
    let_go = [(oid, ("task", task)) for each in plane.refs_of(plane.records[task]) for oid in each]
    let_go += [(oid, ("object", first)) for oid in inside]
    inputs, others = plane.refs_of(record)
    plane.hold(inputs + others, ("task", task))
    plane.let_go_in_slices(let_go)
    plane.count(codes.DONE, [task])
    plane.records[task] = record
    plane.count(codes.SUBMITTED, [task])
    ready = plane.wait_for([task])
    if ready:
        plane.push_front([(task, attempt + 1)])
    else:
        plane.next_attempt[task] = attempt + 1
    plane.serve()
    return b"QUEUED" if ready else b"WAITING"
