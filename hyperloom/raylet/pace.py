"""How fast tasks of a kind are, and what follows: how many to send at once, and to hold.

Short tasks travel in batches, since a message costs more than they do; long ones go one by
one, so that none waits behind another while a CPU is free.  Nothing is assumed of a kind
that was not seen yet.
"""

from __future__ import annotations

BATCH_S = 0.002  # work in one message to a worker
AHEAD_S = 0.020  # of tasks longer than this one is held ahead for each worker
ONE_AHEAD_S = 0.060  # and of those longer than this, none: what it saves is nothing to them
MOST = 200  # tasks in one message
_WEIGHT = 0.3  # of the newest measurement


class Pace:
    """Mean duration by template; an exponentially weighted average."""

    __slots__ = ("_mean_s",)

    def __init__(self) -> None:
        self._mean_s: dict[bytes, float] = {}

    def took(self, template: bytes, tasks: int, seconds: float) -> None:
        """So many tasks took so long."""
        mean = seconds / tasks
        before = self._mean_s.get(template)
        self._mean_s[template] = mean if before is None else before + _WEIGHT * (mean - before)

    def batch(self, template: bytes) -> int:
        """How many to send to a worker at once."""
        mean = self._mean_s.get(template)
        if mean is None:
            return 1
        return max(1, min(MOST, int(BATCH_S / max(mean, 1e-6))))

    def ahead(self, template: bytes) -> int:
        """How many to hold for each worker beyond what runs."""
        mean = self._mean_s.get(template)
        if mean is None or mean > ONE_AHEAD_S:
            return 0
        return 1 if mean > AHEAD_S else 4 * self.batch(template)
