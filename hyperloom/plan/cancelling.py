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
from hyperloom.gcs.cancelling import MANY, drop, spans_of
from hyperloom.ids import TASK_BYTES, task_id
from hyperloom.serialization import failure_inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID

_ASKED = 250  # spans whose tasks are asked for their names


def cancel(session: Session, process: ProcessID, numbers: Sequence[int]) -> None:
    """Cancel these tasks of the process, and the tasks that they submitted."""
    if len(numbers) <= MANY:
        cancel_tasks(session, [task_id(process, number) for number in reversed(numbers)])
        return
    spans = spans_of(process, numbers)
    who = Attempt(b"", _name(session, spans), 0, b"")
    drop(session.outbox.call, failure_inline(failures.cancelled(who)), spans)


def _name(session: Session, spans: Sequence[bytes]) -> str:
    """What all of them are called, as far as their ends tell; empty if not all the same."""
    ends = [
        end for span in spans[:_ASKED] for end in (span[:-1], span[: TASK_BYTES - 1] + span[-1:])
    ]
    names = {stand.name for stand in where(session, ends) if stand.name}
    return names.pop() if len(names) == 1 else ""
