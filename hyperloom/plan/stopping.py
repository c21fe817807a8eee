"""``on_error="stop"``: the first failure of any task cancels the rest of its plan.

The rule: it is the process that submitted the plan which stops it, when it hears of the failure.
It hears of all, also of those on the way to a result that waits for others still.  A word that is
lost with a broken connection is made up for by the first result that fails.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from hyperloom.core.alarms import Alarm
from hyperloom.plan import cancelling
from hyperloom.plan.detaching import spans_of
from hyperloom.plan.handle import PlanHandle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.session import Session
    from hyperloom.plan.submission import Submission, Wanted


def checked(on_error: object, *, detach: bool) -> bool:
    """Whether the plan is to be stopped.

    Raises:
        ValueError: it cannot be.
    """
    if on_error not in {"continue", "stop"}:
        raise ValueError(
            f"on_error={on_error!r} cannot be: it is 'continue' or 'stop'. Nothing was submitted"
        )
    if on_error == "stop" and detach:
        raise ValueError(
            "on_error='stop' cannot be with detach=True: a plan is stopped by the program that "
            "submitted it, and this one shall do without. Nothing was submitted"
        )
    return on_error == "stop"


def submit(
    session: Session, submission: Submission, wanted: Sequence[Wanted], label: str
) -> PlanHandle:
    """Submit the plan; it is stopped at its first failure, as long as anybody has its handle."""
    numbers = submission.numbers

    def stop() -> None:
        cancelling.cancel(session, session.process, numbers)

    alarm = Alarm(spans_of(numbers), stop)
    session.alarms.add(alarm)
    try:
        results = submission.run()
    except BaseException:
        session.alarms.discard(alarm)
        raise
    if alarm.reason is not None:  # it went off before all tasks were there to be cancelled
        stop()
    handle = PlanHandle(session, results, numbers, None, wanted, label)
    handle.alarm = alarm
    weakref.finalize(handle, session.alarms.discard, alarm).atexit = False
    return handle
