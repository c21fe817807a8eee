"""Cancelling the tasks of a plan, however many.

A few are cancelled by their names.  Of very many nothing is handed out any more from the first call
on; then the control plane drops them in slices (``lua/task/shut.lua``), those who take before those
who make.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import failures
from hyperloom.core.cancelling import cancel_tasks
from hyperloom.core.explain import where
from hyperloom.failures import Attempt
from hyperloom.gcs.codes import RANGE_TASKS
from hyperloom.ids import TASK_BYTES, task_id
from hyperloom.serialization import failure_inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID

_SHUT_AT_ONCE = 4000  # spans of one call
_DROPPED_AT_ONCE = 4
_ASKED = 250  # spans whose tasks are asked for their names


def cancel(session: Session, process: ProcessID, numbers: Sequence[int]) -> None:
    """Cancel these tasks of the process, and the tasks that they submitted."""
    if len(numbers) <= RANGE_TASKS:
        cancel_tasks(session, [task_id(process, number) for number in reversed(numbers)])
        return
    spans = _spans(process, numbers)[::-1]
    who = Attempt(b"", _name(session, spans), 0, b"")
    failure = failure_inline(failures.cancelled(who))
    for at in range(0, len(spans), _SHUT_AT_ONCE):
        session.outbox.call("task_shut", failure, *spans[at : at + _SHUT_AT_ONCE])
    while session.outbox.call("task_drop", _DROPPED_AT_ONCE):
        pass


def _spans(process: ProcessID, numbers: Sequence[int]) -> list[bytes]:
    """Tasks in a row whose ids differ in their last byte: the first one's id, the last's byte."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1 and number % RANGE_TASKS:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return [task_id(process, first) + bytes([last % RANGE_TASKS]) for first, last in spans]


def _name(session: Session, spans: Sequence[bytes]) -> str:
    """What all of them are called, as far as their ends tell; empty if not all the same."""
    ends = [
        end for span in spans[:_ASKED] for end in (span[:-1], span[: TASK_BYTES - 1] + span[-1:])
    ]
    names = {stand.name for stand in where(session, ends) if stand.name}
    return names.pop() if len(names) == 1 else ""
