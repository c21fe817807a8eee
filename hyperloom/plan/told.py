"""What is told of a plan to who may ask when it is over: an event of its job (`codes.PLANNED`).

Nothing else is kept of a plan that nobody can take up any more.  What became of its tasks the other
events of the job tell; so this says which tasks are its, and which of their outputs were wanted.

The rule: its size is bounded, whatever the plan is like.  Of very irregular results the first are
told, and of tasks whose numbers lie in very many places those in the first of them.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct, msgpack
from msgspec.structs import replace

from hyperloom.plan.detaching import About, Record, Span  # noqa: TC001 - msgspec reads them

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = 2_000  # of a plan that are looked at one by one
_SPANS = 4_000  # of its tasks' numbers


class Told(Struct, array_like=True, frozen=True):
    """See the module.  Fields are only ever added at the end."""

    about: About
    detached: bool
    record: Record  # shortened


decoded = msgpack.Decoder(Told).decode


def told(about: About, record: Record, *, detached: bool) -> bytes:
    """What its process says."""
    return msgpack.encode(Told(about, detached, _shortened(record)))


def _shortened(record: Record) -> Record:
    others = islice(record.others.items(), RESULTS)
    return replace(
        record,
        tasks=record.tasks[:_SPANS],
        results=record.results[:RESULTS],
        lists=(),
        others={at: oid for at, oid in others if at < RESULTS},
        plan=b"",
        lacks="",
        again=tuple(_first(record)),
    )


def _first(record: Record) -> Iterator[tuple[bytes, tuple[Span, ...]]]:
    """Who ran parts of it again, and what: the first of them."""
    left = _SPANS
    for process, spans in record.again:
        if left > 0:
            yield process, spans[:left]
        left -= len(spans)
