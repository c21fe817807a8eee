"""Where the tasks of a submitted plan stand.

The rule: nothing is kept for it.  The numbers of a plan's tasks are in the order of its nodes, so
which task is which follows from the plan; where it stands is asked of the control plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.core.bound import BoundMap
from hyperloom.core.explain import where
from hyperloom.ids import object_id, task_id
from hyperloom.plan.graph import in_order
from hyperloom.plan.naming import parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.bound import Node
    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID
    from hyperloom.plan.submission import Wanted

_STATES = {"WAITING": "waiting", "READY": "ready", "HELD": "running", "OVER": "over"}
_ORDER = ("waiting", "ready", "running", "failed", "over", "finished")
_AT_ONCE = 500


def state_of(
    session: Session,
    process: ProcessID,
    wanted: Sequence[Wanted],
    numbers: Sequence[int],
    node: Node,
) -> str:
    """See `PlanHandle.state`."""
    tasks = [task_id(process, number) for number in _numbers_of(wanted, numbers, node)]
    found = set()
    for first in range(0, len(tasks), _AT_ONCE):
        part = tasks[first : first + _AT_ONCE]
        for task, stand in zip(part, where(session, part), strict=True):
            state = _STATES.get(stand.state, "over")
            oid = object_id(task, 0)
            if state == "over" and session.values.get(oid) is None and oid in session.values:
                session.ask([oid])  # the word of it is on its way
            if state == "over" and session.values.get(oid) is not None:
                state = "failed" if session.failed(oid) else "finished"
            found.add(state)
    return next((state for state in _ORDER if state in found), "finished")


def _numbers_of(wanted: Sequence[Wanted], numbers: Sequence[int], node: Node) -> Sequence[int]:
    at = 0
    place: int | None = None
    for each in in_order([root for root, _ in map(parts_of, wanted)]):
        if each is node:
            place = at
        at += each.tasks if isinstance(each, BoundMap) else 1
    if place is None:
        raise ValueError(f"{node!r} is no task of this plan, as this program submitted it")
    if at != len(numbers):
        raise ValueError(
            f"where {node!r} stands cannot be told: some tasks of this plan were not run, since "
            "their results were there already"
        )
    return numbers[place : place + (node.tasks if isinstance(node, BoundMap) else 1)]
