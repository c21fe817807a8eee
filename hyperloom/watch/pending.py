"""How many tasks were submitted and not over, in each part of a job's run.  Pure.

The rule: a task is counted once, and is over once, however it ends.  Those that are submitted
together are told by their first and last: of others between them some may be said by another call,
before or after, and a number of which that was said already is no task more.  What is no task (a
`put` between them) is counted with them, so the curve is one of about so many.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from hyperloom import events, ids
from hyperloom.events import Ended
from hyperloom.gcs import codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hyperloom.watch.story import Event

_GOES_ON = {Ended.RETRIED, Ended.REDIRECTED}  # is tried again; another ends in its place


class _Said:
    """Numbers of tasks of one process, as ranges that neither meet nor overlap."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def add(self, first: int, last: int) -> int:
        """How many of these are new."""
        begin = end = bisect_left(self._lasts, first - 1)
        new, low, high = last - first + 1, first, last
        while end < len(self._firsts) and self._firsts[end] <= last + 1:
            one, other = self._firsts[end], self._lasts[end]
            new -= max(0, min(other, last) - max(one, first) + 1)
            low, high, end = min(low, one), max(high, other), end + 1
        self._firsts[begin:end], self._lasts[begin:end] = [low], [high]
        return new


def curve(told: Iterable[Event], began: float, length: float, bins: int) -> list[int]:
    """The most in each bin: what comes and is over within one is seen there, too."""
    left, last, pending = 0, 0, [0] * bins
    for at, more in sorted(_moves(told)):
        here = min(bins - 1, max(0, int((at - began) / length * bins)))
        for between in range(last + 1, here + 1):
            pending[between] = left
        left = max(0, left + more)
        pending[here], last = max(pending[here], left), here
    return pending[: last + 1] + [left] * (bins - 1 - last)


def _moves(told: Iterable[Event]) -> Iterator[tuple[float, int]]:
    """When how many more there were; or less."""
    said: dict[bytes, _Said] = {}
    over: dict[bytes, float] = {}
    for event in told:
        if event.kind == codes.SUBMITTED:
            first, last, _ = events.submitted(event.payload)
            of_process = said.setdefault(first[: ids.PROCESS_BYTES], _Said())
            yield event.at, of_process.add(ids.number_of(first), ids.number_of(last))
        else:
            for task, at in _ends(event):
                over.setdefault(task, at)
    yield from ((at, -1) for at in over.values())


def _ends(event: Event) -> Iterator[tuple[bytes, float]]:
    at, kind, payload = event
    if kind == codes.RAN:
        for attempt in events.attempts(payload):
            if attempt.ended not in _GOES_ON:
                yield attempt.task, attempt.begun + attempt.seconds if attempt.begun else at
    elif kind == codes.ACTOR_ENDED:
        yield events.actor_ended(payload).actor, at
    else:
        for task in _ended_with(kind, payload):
            yield task, at


def _ended_with(kind: bytes, payload: bytes) -> Iterable[bytes]:
    """Tasks that ended by something else than an attempt of theirs."""
    if kind == codes.CANCELLED:
        return events.cancelled(payload)
    if kind == codes.CALLS_LOST:
        return events.calls_lost(payload).templates
    if kind == codes.NODE_FAILED:
        return events.failed_with_node(payload)[1]
    return ()
