"""How many tasks of each template there were, how they ended, and how many lack an input now.

The control plane counts them in its transitions (`keys.COUNTS`), and tells it with a job's end: the
event ``E``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from hyperloom.ids import cut

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHAT = {
    codes.SUBMITTED: "submitted", codes.DONE: "done", codes.FAILED: "failed",
    codes.CANCELLED: "cancelled", codes.AGAIN: "retried", codes.WAITING: "waiting",
    codes.ITEMS: "failed_items",
}  # fmt: skip
_COUNT_DIGITS = 12
OVER = ("done", "failed", "cancelled")  # what a task counts as that is over: one of these

Counts = dict[bytes, dict[str, int]]  # template -> how many tasks: by `_WHAT`


def over_in(each: Mapping[str, int]) -> int:
    """Tasks of a template, or of several, that are over."""
    return sum(each[what] for what in OVER)


def of_payload(payload: bytes) -> Counts:
    """The payload of ``E``."""
    width = codes.TEMPLATE_ID + 1 + _COUNT_DIGITS
    rows = cut(payload, width)
    return of({row[:-_COUNT_DIGITS]: row[-_COUNT_DIGITS:] for row in rows})


def payload_of(counts: Counts) -> bytes:
    """The same, as ``E`` would have it."""
    letters = {what: letter for letter, what in _WHAT.items()}
    return b"".join([
        template + letters[what] + b"%0*d" % (_COUNT_DIGITS, number)
        for template, each in counts.items()
        for what, number in each.items()
    ])  # fmt: skip


def of(table: dict[bytes, bytes]) -> Counts:
    """The table of `keys.COUNTS`."""
    counts: Counts = {}
    for name, number in table.items():
        each = counts.setdefault(name[: codes.TEMPLATE_ID], dict.fromkeys(_WHAT.values(), 0))
        each[_WHAT[name[codes.TEMPLATE_ID :]]] = int(number)
    return counts
