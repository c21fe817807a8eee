"""How long attempts waited before they began, and where that time went.  Pure.

An attempt could begin when its task was submitted and its inputs were made; a later attempt,
when the one before it had ended.  From then on inputs that lay on other nodes were fetched for
it, and for the rest it was queued: for a node, a seat, a worker.

The rule: only what events say.  Of what they do not say any more nothing is made up: then it is
not known how long an attempt was queued.  Of inputs the first few are told, and of very long jobs
only the latest ends are remembered.  Nodes' clocks may differ: nothing is less than zero.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from itertools import islice
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from hyperloom import events
from hyperloom.events import Ended
from hyperloom.gcs import codes
from hyperloom.ids import PROCESS_BYTES, TASK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from hyperloom.watch.story import Event

_KEPT_MOST = 200_000  # of each kind
_AT_ONCE = 64  # events; of an event of a node, up to some thousand attempts
_LAST = b"\xff" * TASK_BYTES
_BACK = 8  # ranges that are looked at for a task: some lie in others


_begun = attrgetter("begun")


class Waited(NamedTuple):
    """What is known of one attempt that ran; seconds."""

    ran: events.Attempt
    queued: float | None  # None: nobody knows when it could begin
    fetching: float | None  # None: nothing had to be fetched


class Waits:
    """See the module.  Of one job, as its events come."""

    def __init__(self) -> None:
        self._ends: dict[bytes, float] = {}  # task -> when it had ended; inf: it goes on as another
        self._again: dict[bytes, float] = {}  # task -> when an attempt of it had come to nothing
        self._fetches: dict[tuple[bytes, int], float] = {}  # task and attempt -> seconds
        self._ranges: dict[bytes, list[tuple[bytes, bytes, float]]] = {}  # by process

    def take(self, told: Iterable[Event]) -> Iterator[Waited]:
        """The attempts among these events.

        Some events at a time, and first the ends among the next ones: what took a value may be
        told of a moment before what made it, by another node.
        """
        events_left, before = iter(told), list[events.Attempt]()
        while part := list(islice(events_left, _AT_ONCE)):
            ran = [attempt for event in part for attempt in self._hear(event)]
            for attempt in ran:
                if attempt.ended is not Ended.RETRIED:
                    redirected = attempt.ended is Ended.REDIRECTED
                    end = inf if redirected else attempt.begun + attempt.seconds
                    self._ends[attempt.task] = end
            yield from self._waited_all(before)
            before = ran
        yield from self._waited_all(before)

    def _waited_all(self, ran: list[events.Attempt]) -> Iterator[Waited]:
        ran.sort(key=_begun)
        for attempt in ran:
            if attempt.begun and attempt.ended is not Ended.PASSED_ON:
                yield self._waited(attempt)
        books: list[dict[Any, Any] | list[Any]] = [self._ends, self._again, self._fetches]
        for kept in (*books, *self._ranges.values()):
            _trim(kept)

    def _hear(self, event: Event) -> Iterator[events.Attempt]:
        if event.kind == codes.RAN:
            for fetch in events.fetches(event.payload):
                key = fetch.task, fetch.attempt
                self._fetches[key] = self._fetches.get(key, 0.0) + fetch.seconds
            yield from events.attempts(event.payload)
        elif event.kind == codes.SUBMITTED:
            first, last, _ = events.submitted(event.payload)
            insort(self._ranges.setdefault(first[:PROCESS_BYTES], []), (first, last, event.at))
        elif event.kind == codes.NODE_LOST:
            self._again |= dict.fromkeys(events.of_node(event.payload)[1], event.at)

    def _waited(self, ran: events.Attempt) -> Waited:
        fetching = self._fetches.pop((ran.task, ran.attempt), None)
        could = self._could_begin(ran)
        if ran.ended is Ended.RETRIED:
            self._again[ran.task] = ran.begun + ran.seconds
        queued = None if could is None else max(0.0, ran.begun - could - (fetching or 0.0))
        return Waited(ran, queued, fetching)

    def _could_begin(self, ran: events.Attempt) -> float | None:
        if ran.attempt > 1:
            return self._again.get(ran.task)
        submitted = self._submitted(ran.task)
        if submitted is None:
            return None
        if not ran.inputs:
            return submitted
        made = max([self._ends.get(maker, 0.0) for maker in ran.inputs])
        return None if made == inf else max(submitted, made)

    def _submitted(self, task: bytes) -> float | None:
        """When: of several ranges that it may be in, it is in the one that begins last."""
        ranges = self._ranges.get(task[:PROCESS_BYTES], [])
        at = bisect_right(ranges, task, key=lambda each: each[0])
        within = (
            when for _, last, when in reversed(ranges[max(0, at - _BACK) : at]) if task <= last
        )
        return next(within, None)


def _trim(kept: dict[Any, Any] | list[Any]) -> None:
    """Let the oldest go, many at a time."""
    if len(kept) <= _KEPT_MOST:
        return
    if isinstance(kept, list):
        del kept[: _KEPT_MOST // 10]
    else:
        for key in list(kept)[: _KEPT_MOST // 10]:
            del kept[key]
