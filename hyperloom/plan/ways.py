"""The way of a failure through a plan, by the labels of its tasks.

The record of a failure has the names of the functions that it passed (`hyperloom.failures`), since
whoever passes it on does not unpack the task that knows its label.  The plan knows both.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from hyperloom.failures import PATH_ENDS

if TYPE_CHECKING:
    from hyperloom.core.bound import Node
    from hyperloom.plan.submitted import Submitted


class Ways:
    """Of one plan."""

    def __init__(self, plan: Submitted) -> None:
        placed = []
        at = 0
        for node in plan.nodes():
            tasks = 0 if id(node) in plan.skipped else node.tasks
            if tasks:
                placed.append((plan.numbers[at], plan.numbers[at + tasks - 1], node))
            at += tasks
        placed.sort(key=lambda each: each[0])
        self._firsts = [first for first, _, _ in placed]
        self._placed = placed

    def way(self, failed: int, result: int) -> tuple[str, ...]:
        """A shortest way from the task of one number to that of the other, its middle left out.

        Empty if there is none: one of them is no task of the plan as it was submitted.
        """
        start, end = self._node(failed), self._node(result)
        if start is None or end is None:
            return ()
        # From the end back, level by level; of each node, which one takes it.
        taker: dict[int, Node | None] = {id(end): None}
        level = [end]
        while level and id(start) not in taker:
            above, level = level, []
            for node in above:
                for below, _ in node.takes():
                    if id(below) not in taker:
                        taker[id(below)] = node
                        level.append(below)
        names = []
        on: Node | None = start if id(start) in taker else None
        while on is not None:
            names.append(on.name)
            on = taker[id(on)]
        hidden = len(names) - 2 * PATH_ENDS
        if hidden > 0:
            names[PATH_ENDS:-PATH_ENDS] = [f"({hidden} more)"]
        return tuple(names)

    def _node(self, number: int) -> Node | None:
        at = bisect_right(self._firsts, number) - 1
        if at < 0 or number > self._placed[at][1]:
            return None
        return self._placed[at][2]
