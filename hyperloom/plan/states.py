"""Where the tasks of a submitted plan stand.

The rule: nothing is kept for it.  The numbers of a plan's tasks are in the order of its nodes, so
which task is which follows from the plan; where it stands is asked of the control plane.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hyperloom.core.bound import BoundMap
from hyperloom.core.explain import where
from hyperloom.ids import object_id, task_id
from hyperloom.plan.naming import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID
    from hyperloom.plan.submission import Wanted
    from hyperloom.plan.submitted import Submitted

_STATES = {"WAITING": "waiting", "READY": "ready", "HELD": "running", "OVER": "over"}
_ORDER = ("waiting", "ready", "running", "failed", "over", "finished")
_COUNTED = ("waiting", "ready", "running", "over")
_AT_ONCE = 500


def count(
    session: Session, parts: Iterable[tuple[ProcessID, Sequence[int]]], tasks: int
) -> dict[str, int]:
    """How many of these `tasks` are in each state: so many as are not found elsewhere are over."""
    found: Counter[str] = Counter()
    for process, numbers in parts:
        for first in range(0, len(numbers), _AT_ONCE):
            part = [task_id(process, number) for number in numbers[first : first + _AT_ONCE]]
            found.update(_STATES.get(stand.state, "over") for stand in where(session, part))
    # Not as found: a task that is run again has been over once before.
    left = found.total() - found["over"]
    return {state: found[state] for state in _COUNTED[:-1]} | {"over": max(0, tasks - left)}


def total(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """Of several plans together."""
    every = list(counts)
    return {state: sum(each[state] for each in every) for state in _COUNTED}


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
