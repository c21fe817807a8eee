"""Which numbers the tasks of a plan have among those of their process.

The rule: a task of a plan has no object of its own for its id; it is computed from its node's
first number, so that a million of them are named at the cost of their nodes.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from hyperloom.core.bound import BoundMap, BoundOutput
from hyperloom.gcs.codes import RANGE_TASKS
from hyperloom.ids import object_id, task_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.bound import Node
    from hyperloom.ids import ObjectID, TaskID, TaskIds

RANGES_FROM = 32  # tasks of a map; below, it travels as tasks as any others


class Names:
    """Of the tasks of these nodes, and of what they make."""

    def __init__(self, ids: TaskIds, order: Sequence[Node]) -> None:
        self._process = ids.process
        self._first: dict[int, int] = {}
        self.spans: list[tuple[int, int]] = []  # of the tasks' numbers, as few as there are
        self.numbers = array("Q")  # of all tasks, in the nodes' order
        single = [node for node in order if not isinstance(node, BoundMap)]
        number = ids.consecutive(len(single)) if single else 0
        self._span(number, len(single))
        for node in order:
            if isinstance(node, BoundMap):
                aligned = RANGE_TASKS if node.tasks >= RANGES_FROM else 1
                first = ids.consecutive(node.tasks, aligned) if node.tasks else 0
                self._first[id(node)] = first
                self._span(first, node.tasks)
                self.numbers.extend(range(first, first + node.tasks))
            else:
                self._first[id(node)] = number
                self.numbers.append(number)
                number += 1

    def _span(self, first: int, number: int) -> None:
        if not number:
            return
        last = first + number - 1
        if self.spans and self.spans[-1][1] == first - 1:
            first = self.spans.pop()[0]
        self.spans.append((first, last))

    def task(self, node: Node, item: int = 0) -> TaskID:
        """The node's task; of a map that of item number `item`."""
        return task_id(self._process, self._first[id(node)] + item)

    def output(self, node: Node, index: int) -> ObjectID:
        """Output number `index` of the node; of a map the result of that item."""
        number, index = self.place(node, index)
        return object_id(task_id(self._process, number), index)

    def place(self, node: Node, index: int) -> tuple[int, int]:
        """The same: the number of the task, and which of its outputs it is."""
        number = self._first[id(node)]
        return (number + index, 0) if type(node) is BoundMap else (number, index)

    def outputs(self, node: Node) -> list[ObjectID]:
        """All of them."""
        return [self.output(node, index) for index in range(node.outputs)]


def parts_of(wanted: Node | BoundOutput) -> tuple[Node, int | None]:
    """The node, and which of its outputs; None: all."""
    if isinstance(wanted, BoundOutput):
        return wanted.task, wanted.index
    return wanted, None
