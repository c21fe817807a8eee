"""Attempts that began and have no end: their node was lost, or their job ended first.  Pure.

What has run for a while is told of before it ends (`hyperloom.events`); so the time until it was
cut off is known.  The rule: an end that was told counts, whenever it came, and then there is no
cut.  Of what goes on, and of what nobody says that it is no actor (an actor begins, and lives
without working), nothing is made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hyperloom import events
from hyperloom.gcs import codes
from hyperloom.watch.live import decoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hyperloom.watch.story import Event

JOB_ENDED = "the job ended"
NODE_LOST = "its node was lost"
GOES_ON = "it runs"  # of one that is not cut off, but looked at while it runs
_ENDS = {codes.NODE_LOST, codes.NODE_FAILED, codes.ENDED}


class CutOff(NamedTuple):
    """One of them; `seconds` until it was cut off, as far as the clocks of nodes agree."""

    task: bytes
    template: bytes
    attempt: int
    begun: float
    seconds: float
    node: bytes
    pid: int
    why: str


def cut_off(told: Sequence[Event], ran: Iterable[events.Attempt]) -> list[CutOff]:
    """Those among these events, of which `ran` are all attempts that ended."""
    begun: dict[tuple[bytes, int], tuple[bytes, events.Begun]] = {}
    work: set[bytes] = set()  # templates whose tasks are no actors
    for _, kind, payload in told:
        if kind == codes.RAN:
            node = events.ran(payload).node
            for each in events.begun(payload):
                begun.setdefault((each.task, each.attempt), (node, each))
        elif kind == codes.DECLARED:
            template = decoded(payload[codes.TEMPLATE_ID :])
            if template is not None and template.role != "actor":
                work.add(payload[: codes.TEMPLATE_ID])
    for attempt in ran:
        begun.pop((attempt.task, attempt.attempt), None)
    ends = [event for event in told if event.kind in _ENDS]
    found = [_cut(ends, node, each) for node, each in begun.values() if each.template in work]
    return [each for each in found if each is not None]


def _cut(ends: Sequence[Event], node: bytes, begun: events.Begun) -> CutOff | None:
    """By time, not by order: a node that hung may tell of it after it was given up."""
    cuts = [
        (at, JOB_ENDED if kind == codes.ENDED else NODE_LOST)
        for at, kind, payload in ends
        if kind == codes.ENDED or (payload.startswith(node) and at >= begun.at)
    ]
    if not cuts:
        return None  # it goes on, or nobody knows
    at, why = min(cuts)
    seconds = max(0.0, at - begun.at)
    return CutOff(*begun[:3], begun.at, seconds, node, begun.pid, why)
