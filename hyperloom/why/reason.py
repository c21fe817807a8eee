"""What `decide` answers: the reasons that there are, and the words."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

LONG_S = 60.0  # a task that runs for so long is worth a look


class Why(StrEnum):
    """The reasons that there are."""

    UNKNOWN = "unknown"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OVER = "over"
    DEAD = "dead"
    ALIVE = "alive"
    INPUT_LOST = "input-lost"
    INPUT_ENDED = "input-ended"
    INPUTS = "inputs"
    NO_NODE = "no-node"
    GROUP = "placement-group"
    TOO_LARGE = "too-large"
    BUSY = "busy"
    CALM = "calm"
    DRAINS = "drains"
    NEXT = "next"
    ACTOR = "actor"
    NODE_SILENT = "node-silent"
    AT_NODE = "at-node"
    SEAT = "seat"
    FETCHING = "fetching"
    BEHIND = "behind"
    BLOCKED = "blocked"
    RUNNING = "running"
    ITSELF = "waits-for-itself"
    RESTS = "rests"
    PAUSED = "paused"


class Reason(NamedTuple):
    """The answer."""

    why: Why
    says: str
    advice: str = ""


def spoken(seconds: float) -> str:
    """A time for people."""
    return f"{seconds:.1f} s" if seconds < LONG_S else f"{seconds / LONG_S:.0f} min"
