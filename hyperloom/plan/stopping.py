"""``on_error="stop"``: the first failure of any task cancels the rest of its plan.

A plan that ends with its program is stopped by that, when it hears of the failure.  It hears of
all, also of those on the way to a result that waits for others still.  A word that is lost with a
broken connection is made up for by the first result that fails.

A detached plan has no such program: the control plane stops it (``lua/task/_stop.lua``), and keeps
the failure for whoever takes the plan up.
"""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hyperloom import failures
from hyperloom.core.alarms import Alarm
from hyperloom.plan import cancelling, living
from hyperloom.plan.detaching import spans_of
from hyperloom.serialization import failure_inline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID
    from hyperloom.plan.handle import PlanHandle
    from hyperloom.plan.submission import Submission
    from hyperloom.plan.submitted import Submitted


def checked(on_error: object) -> bool:
    """Whether the plan is to be stopped.

    Raises:
        ValueError: it is neither.
    """
    if on_error not in {"continue", "stop"}:
        raise ValueError(
            f"on_error={on_error!r} cannot be: it is 'continue' or 'stop'. Nothing was submitted"
        )
    return on_error == "stop"


@contextmanager
def detached(session: Session, plan: ProcessID) -> Iterator[None]:
    """While it is submitted: it is stopped at its first failure, even one before its last task."""
    failure = failure_inline(failures.stopped())
    session.outbox.call("process_stops", plan, failure)
    yield
    session.outbox.call("process_stops", plan, failure)


def submit(session: Session, submission: Submission, submitted: Submitted) -> PlanHandle:
    """Submit the plan; it is stopped at its first failure, as long as anybody has its handle."""
    numbers = submission.numbers

    def stop() -> None:
        cancelling.cancel(session, session.process, numbers)

    alarm = Alarm(spans_of(numbers), stop)
    session.alarms.add(alarm)
    try:
        results, known = living.submit(session, submission, submitted.label)
    except BaseException:
        session.alarms.discard(alarm)
        raise
    if alarm.reason is not None:  # it went off before all tasks were there to be cancelled
        stop()
    handle = living.handle_of(session, results, submitted, known)
    handle.reason = lambda: alarm.reason
    weakref.finalize(handle, session.alarms.discard, alarm).atexit = False
    return handle
