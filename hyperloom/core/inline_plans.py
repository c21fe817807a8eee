"""The words of a plan, taken apart into its tasks: for who runs them here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom.gcs import codes
from hyperloom.ids import TaskID, object_id, task_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def planned_tasks(
    tasks: Sequence[bytes], records: Sequence[bytes], objects: Sequence[bytes]
) -> list[tuple[bytes, bytes, list[bytes]]]:
    """Of ``lua/task/plan.lua``: its tasks, their records, what is only passed on."""
    passing: dict[bytes, list[bytes]] = {}
    for oid, wanted in zip(objects[::3], objects[2::3], strict=True):
        if wanted == b"0":
            passing.setdefault(task_of(oid), []).append(oid)  # type: ignore[arg-type]
    return [(of, record, passing.get(of, [])) for of, record in zip(tasks, records, strict=True)]


def ranged_tasks(  # noqa: PLR0913, PLR0917 - the transition's own arguments
    head: bytes, lacks: int, outside: bytes, others: bytes, takers: bytes, wanted: int,
    start: int, step: int, *ranges: Any,  # noqa: ANN401 - bytes and numbers by turns
) -> list[tuple[bytes, bytes, list[bytes]]]:  # fmt: skip
    """Of ``lua/task/range.lua``: the same."""
    del lacks, outside, others, takers
    planned: list[tuple[bytes, bytes, list[bytes]]] = []
    for first, number, items in zip(ranges[::3], ranges[1::3], ranges[2::3], strict=True):
        at = 0
        for byte in range(number):
            task = TaskID(first[:-1] + bytes((byte,)))
            if items:
                end = at + 3 + int.from_bytes(items[at : at + 3], "big")
                item, at = items[at + 3 : end], end
            else:
                item, start = codes.NUMBER + b"%d" % start, start + step
            planned.append((task, head + item, [] if wanted else [object_id(task, 0)]))
    return planned[::-1]  # it is run from its end


def in_spans(tasks: Iterable[bytes], spans: Sequence[bytes]) -> list[bytes]:
    """Those of the tasks that are in one of the spans of ``task_shut``."""
    return [
        task
        for task in tasks
        if any(task[:-1] == s[:-2] and s[-2] <= task[-1] <= s[-1] for s in spans)
    ]
