"""Where the tasks of a submitted plan stand.

The rule: nothing is kept for it.  The numbers of a plan's tasks are in the order of its nodes, so
which task is which follows from the plan; where it stands is asked of the control plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.core.bound import BoundMap
from hyperloom.core.explain import where
from hyperloom.ids import object_id, task_id
from hyperloom.plan.naming import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID
    from hyperloom.plan.submission import Wanted
    from hyperloom.plan.submitted import Submitted

_STATES = {"WAITING": "waiting", "READY": "ready", "HELD": "running", "OVER": "over"}
_ORDER = ("waiting", "ready", "running", "failed", "over", "finished")
_AT_ONCE = 500


def state_of(
    session: Session,
    process: ProcessID,
    plan: Submitted,
    task: Wanted | str,
    failed: Callable[[], set[str]],
) -> str:
    """See `PlanHandle.state`.  `failed`: ids of the tasks that are known to have failed results."""
    node, index = parts_of(plan.named(task) if isinstance(task, str) else task)
    numbers = plan.numbers_of(node)
    if numbers is None:
        raise ValueError(
            f"{task!r} is no task of this plan; handle.plan.wanted has those that it was "
            "submitted with, and a label will do, too"
        )
    if not numbers and node.tasks:
        return "skipped"
    if index is not None and isinstance(node, BoundMap):
        numbers = numbers[index : index + 1]
    tasks = [task_id(process, number) for number in numbers]
    found: set[tuple[bytes, str]] = set()
    for first in range(0, len(tasks), _AT_ONCE):
        part = tasks[first : first + _AT_ONCE]
        for of, stand in zip(part, where(session, part), strict=True):
            state = _STATES.get(stand.state, "over")
            oid = object_id(of, 0)
            if state == "over" and session.values.get(oid) is None and oid in session.values:
                session.ask([oid])  # the word of it is on its way
            if state == "over" and session.values.get(oid) is not None:
                state = "failed" if session.failed(oid) else "finished"
            found.add((of, state))
    over = {of.hex() for of, state in found if state == "over"}
    states = {state for _, state in found}
    if over and not over.isdisjoint(failed()):
        states.add("failed")
    return next((state for state in _ORDER if state in states), "finished")
