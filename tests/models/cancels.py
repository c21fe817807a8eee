"""Tasks that are not wanted any more, a few or very many.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.models.references import maker_of, output, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.models.control_plane import ControlPlane

SPAN = codes.RANGE_ID + 2


def task_cancel(plane: ControlPlane, failure: bytes, force: int, *tasks: bytes) -> list[bytes]:
    ending = {task for task in tasks if plane.range_of(task) and plane.is_shut(task)}
    told = iter(_cancel_all(plane, failure, force, [t for t in tasks if t not in ending]))
    reply: list[bytes] = []
    for task in tasks:
        reply += [b"CANCELLED", b""] if task in ending else [next(told), next(told)]
    plane.serve()
    return reply


def _cancel_all(
    plane: ControlPlane, failure: bytes, force: int, tasks: Sequence[bytes]
) -> list[bytes]:
    reply: list[bytes] = []
    ends: list[bytes] = []
    state: dict[bytes, bytes] = {}
    unrolled = plane.unroll(list(tasks))
    for task in tasks:
        if task not in state:
            state[task] = _cancel(plane, task, force, ends)
        reply += [state[task], plane.children.get(task, b"")]
    _note(plane, ends)
    lanes = plane.lanes_behind(ends)
    plane.fail(ends, failure, what=codes.CANCELLED)
    plane.push_back_each([task for task in unrolled if task not in state])
    plane.pass_over(lanes)
    return reply


def _cancel(plane: ControlPlane, task: bytes, force: int, ends: list[bytes]) -> bytes:
    if task not in plane.records:
        return b"FINISHED"
    for node, held in plane.held.items():
        if task in held and plane.served.get(node) is not None:
            plane.tell(node, codes.CANCEL, task, b"%d" % force)
            return b"RUNNING"
    ends.append(task)
    return b"CANCELLED"


def _note(plane: ControlPlane, ends: Sequence[bytes]) -> None:
    if ends:
        plane.note(codes.CANCELLED, b"".join(t + plane.records[t][:8] for t in ends))


# -- very many ------------------------------------------------------------------------------


def ids_of(span: bytes) -> list[bytes]:
    first, last = span[codes.RANGE_ID :][:2]
    return [span[: codes.RANGE_ID] + bytes([n]) for n in range(first, last + 1)]


def task_shut(plane: ControlPlane, failure: bytes, *spans: bytes) -> int:
    shut(plane, failure, spans)
    stop_held(plane)
    return len(plane.dropping)


def stop_held(plane: ControlPlane) -> None:
    for node, held in plane.held.items():
        for task in sorted(held) if plane.served.get(node) is not None else ():
            if plane.is_shut(task):
                plane.tell(node, codes.CANCEL, task, b"0")


def shut(plane: ControlPlane, failure: bytes, spans: Sequence[bytes]) -> None:
    for span in spans:
        plane.shut.update(_names_of(plane, span))
        plane.dropping.append(span + failure)


def _names_of(plane: ControlPlane, span: bytes) -> list[bytes]:
    """What `shut` has of the span."""
    name, ids = span[: codes.RANGE_ID], ids_of(span)
    if len(ids) == codes.RANGE_TASKS:
        return [name]
    return [*ids, name + b"\0\0"] if _has_range(plane, ids) else ids


def _has_range(plane: ControlPlane, ids: Sequence[bytes]) -> bool:
    """Whether all is among them that is left of a range."""
    of = plane.ranges.get(ids[0][: codes.RANGE_ID])
    if of is None:
        return False
    return ids[0][-1] <= of.first and of.first + len(of.items) - 1 <= ids[-1][-1]


def task_drop(plane: ControlPlane, most: int) -> int:
    left = [drop_next(plane) for _ in range(most)][-1]
    plane.serve()
    return left


def drop_next(plane: ControlPlane) -> int:
    """The first span in line is dropped -> how many there are left."""
    if not plane.dropping:
        return 0
    text = plane.dropping.pop(0)
    ids, failure = ids_of(text[:SPAN]), text[SPAN:]
    name = text[: codes.RANGE_ID]
    if _has_range(plane, ids):
        drawn = plane.draw(name, codes.RANGE_TASKS)
        _note(plane, drawn)
        plane.cancel_as_one(drawn, failure)
    left = [task for task in ids if task in plane.records or plane.range_of(task)]
    for children in _cancel_all(plane, failure, 0, left)[1::2]:
        shut(plane, failure, _spans(pieces(children, codes.TASK_ID)))
    whole = len(ids) == codes.RANGE_TASKS
    plane.shut.difference_update([name] if whole else [*ids, name + b"\0\0"])
    return len(plane.dropping)


def forgo_unsaid(
    plane: ControlPlane, process: bytes, numbers: Sequence[int], width: int, failure: bytes
) -> None:
    """It was killed: its tasks that take what no task makes of which anybody has heard."""
    for task in [process + n.to_bytes(6, "big") for n in numbers]:
        for oid in [output(task, index) for index in range(width)]:
            if plane.unsaid(oid):  # who was to take it is forgotten
                for books in (plane.owed, plane.holders):
                    books.pop(oid, None)
                if oid not in plane.waking:  # else it was made, and has gone: its crowd is woken
                    plane.lackers.pop(oid, None)
                    plane.crowds.discard(oid)
    spans = []
    for task in [process + n.to_bytes(6, "big") for n in numbers]:
        if task not in plane.lacks or plane.is_shut(task):
            continue
        of = None if task in plane.records else plane.ranges[task[: codes.RANGE_ID]]
        inputs = plane.refs_of(plane.records[task] if of is None else of.head)[0]
        if never := [o for o in inputs if maker_of(o) == process and plane.unsaid(o)]:
            plane.hold(never, ("task", task))
            last = task[-1] if of is None else of.first + len(of.items) - 1
            spans.append(task + bytes([last]))
    shut(plane, failure, spans)


def _spans(tasks: Sequence[bytes]) -> list[bytes]:
    spans: list[bytes] = []
    for at, task in enumerate(tasks):
        before = tasks[at - 1] if at else b""
        follows = task[:-1] == before[:-1] and task[-1] == before[-1] + 1
        spans = [*spans[:-1], spans[-1][:-1] + task[-1:]] if follows else [*spans, task + task[-1:]]
    return spans
