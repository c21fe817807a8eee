"""Why a streaming task makes no more items: it is as far ahead of its reader as it may be."""

from __future__ import annotations

from dataclasses import dataclass

from hyperloom.why.reason import Reason, Why, spoken


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """How far a stream is whose reader has as many items before it as `stream_ahead` lets it."""

    ahead: int  # items that are there and were not taken: as many as may be
    taken: int
    reader: str  # who takes them


def paused(stream: Paused, where: str, seconds: float) -> Reason:
    """Of the task that makes its items; `where`: the worker that runs it, as in "on node …"."""
    ahead = "1 item is" if stream.ahead == 1 else f"{stream.ahead:,} items are"
    return Reason(
        Why.PAUSED,
        f"runs {where} and makes no more since {spoken(seconds)}: {ahead} made and not taken, as "
        f"far as it may be ahead (stream_ahead={stream.ahead}) of its reader, {stream.reader}, "
        f"which has taken {stream.taken:,}",
        "it goes on when its reader takes the next one; a larger stream_ahead= lets it go further, "
        "and a reader that drops the generator ends it. loom stack shows where workers are",
    )
