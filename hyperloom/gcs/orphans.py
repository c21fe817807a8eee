"""Jobs whose driver's node is lost, for people: since when, and when they end.

What is done about them stands in `hyperloom.raylet.orphans`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom.gcs import codes, keys
from hyperloom.ids import short
from hyperloom.why.reason import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperloom.gcs.wire import Wire

COMMANDS = (("HGETALL", keys.ORPHANS.name(keys.CLUSTER)), ("TIME",))


class Orphan(NamedTuple):
    """How one stands; nothing is known of a job that is none."""

    node: str = ""
    lost_s: float | None = None
    ends_s: float | None = None
    says: str = ""


def of(replies: list[Any], jobs: Mapping[bytes, Mapping[str, Any]]) -> dict[bytes, Orphan]:
    """All that there are, by the replies to `COMMANDS` and what the cluster's table has of jobs."""
    rows, (seconds, _) = replies
    now = int(seconds)
    found = {}
    for job, row in zip(rows[::2], rows[1::2], strict=True):
        about = jobs.get(job, {})
        if about.get("forsaken") or "grace_s" not in about:
            continue
        node, since_ms = row[: codes.NODE_ID], int(row[codes.NODE_ID :])
        lost_s = max(0.0, now - since_ms / 1000)
        found[job] = _orphan(node, lost_s, max(0.0, about["grace_s"] - lost_s))
    return found


def ask(wire: Wire, jobs: Mapping[bytes, Mapping[str, Any]]) -> dict[bytes, Orphan]:
    """The same, asked now."""
    return of([wire.call(*command) for command in COMMANDS], jobs)


def _orphan(node: bytes, lost_s: float, ends_s: float) -> Orphan:
    says = (
        f"its program's node {short(node)} has been lost for {spoken(lost_s)}: unless that comes "
        f"back, the job ends in {spoken(ends_s)} (job_grace_s)"
    )
    return Orphan(node.hex(), lost_s, ends_s, says)
