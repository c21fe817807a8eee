"""Results in the form in which ``task_step`` takes them: one flat list.

For each task: id, attempt, its record's template and refs, how many outputs, their values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom.ids import TaskID, object_id
from hyperloom.specs import join_entry

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from hyperloom.raylet.held import Held


def tasks_of(flat: Sequence[Any]) -> list[bytes]:
    """The ids in results."""
    return [flat[at] for at in _starts(flat)]


def entries_of(flat: Sequence[Any]) -> list[bytes]:
    """Likewise, with their attempts."""
    return [join_entry(flat[at], int(flat[at + 1])) for at in _starts(flat)]


def without(flat: Sequence[Any], entries: Collection[bytes]) -> list[Any]:
    """The results of all others."""
    left: list[Any] = []
    for at, entry in zip(_starts(flat), entries_of(flat), strict=True):
        if entry not in entries:
            left += flat[at : at + 4 + flat[at + 3]]
    return left


def outputs_of(tasks: Iterable[Held]) -> Iterator[bytes]:
    """The ids of the objects that these tasks make."""
    for held in tasks:
        for index in range(held.kind.outputs):
            yield object_id(TaskID(held.task), index)


def _starts(flat: Sequence[Any]) -> Iterator[int]:
    at = 0
    while at < len(flat):
        yield at
        at += 4 + flat[at + 3]
