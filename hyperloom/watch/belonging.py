"""Which tasks are a plan's.

The rule: it follows from the plan's record (`hyperloom.plan.detaching`), however large it is.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from hyperloom import ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hyperloom.plan.detaching import Record


def spans_in(plan: bytes, record: Record) -> Iterator[tuple[bytes, tuple[tuple[int, int], ...]]]:
    """Process by process, the numbers of the plan's tasks, those that were run again too."""
    yield record.process or plan, record.tasks
    yield from record.again


def belonging(plan: bytes, record: Record) -> Callable[[bytes], bool]:
    """Whether a task is one of the plan's."""
    spans: dict[bytes, list[tuple[int, int]]] = {}
    for process, some in spans_in(plan, record):
        spans.setdefault(process, []).extend((first, last) for first, last in some)
    for numbers in spans.values():
        numbers.sort()

    def belongs(task: bytes) -> bool:
        mine = spans.get(task[: ids.PROCESS_BYTES])
        if mine is None:
            return False
        number = ids.number_of(task)
        at = bisect_right(mine, number, key=lambda span: span[0]) - 1
        return at >= 0 and number <= mine[at][1]

    return belongs
