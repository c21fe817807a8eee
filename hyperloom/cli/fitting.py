"""Which columns of a table are shown where there is little room.  Pure.

The rule: what somebody copies or looks for (ids, names of functions, states, counts) is shown
whole or not at all; columns that say nothing go first, then those that say least.  Only long texts
are cut, and of those something always stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GAP = 2  # between two columns
_LEAST = 16  # of a text that may be cut
_CUT = {"error", "program", "place", "bundles_text", "nodes_text", "free_text", "name", "pinned"}

# Those that go first, first.
_SPARED = (
    "namespace", "told_from", "detached", "pid", "attempt", "restarts", "retried", "host", "used",
    "submitted", "opened", "at", "last", "job", "there_text", "such_as", "p99_s", "strategy",
    "nodes_text", "behind", "count",
    "dealt", "bytes", "ended", "exit_code", "node", "where", "seconds", "mean_s", "place", "label",
    "results", "answering", "holders", "items_text", "cancelled", "cancelled_text",
)  # fmt: skip


def fitting(widths: Mapping[str, int], empty: Sequence[str], room: int) -> dict[str, int]:
    """Of columns, by what they show, those that fit, and how wide each may be.

    `widths`: how wide they are, uncut; `empty` say nothing in any row.  The first column always
    stays: it is what a row is about.
    """
    first = next(iter(widths), "")
    left = dict(widths)
    for spared in (*empty, *_SPARED):
        if _needed({name: _least(name, width) for name, width in left.items()}) <= room:
            break
        if spared != first:
            left.pop(spared, None)
    while _needed(left) > room:
        longest = max(left, key=lambda name: left[name] - _least(name, left[name]))
        if left[longest] <= _least(longest, left[longest]):
            break  # no more can be cut
        left[longest] -= 1
    return left


def _least(name: str, width: int) -> int:
    return min(width, _LEAST) if name in _CUT else width


def _needed(widths: Mapping[str, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)
