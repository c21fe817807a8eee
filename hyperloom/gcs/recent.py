"""The words that a process said of late, for a server that has forgotten them.

A server that syncs its file once in a second may lose its last seconds when it is killed, and
what it has then is what it had at some moment before: all that a process said until a certain
number, and nothing after it.  So the words after that number, said again, bring it back to where it
was.  How far back that can be is bounded here, by time and by memory.

Drivers do this, and workers do not: a worker whose node was given up is buried while it may still
live, and must not say again what was forgotten on purpose.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperloom.gcs.delivery import Said

KEPT_S = 5.0  # a server that is killed loses 2 s at most, so they say; its disk may be slow
KEPT_BYTES = 16 << 20


class Recent:
    """Calls that were answered, in order."""

    def __init__(self) -> None:
        self._calls: deque[tuple[float, Said]] = deque()
        self._bytes = 0
        self._before = 0  # number of the last one that is not kept any more

    def add(self, said: Said, now: float) -> None:
        """This was answered now."""
        calls = self._calls
        calls.append((now, said))
        self._bytes += len(said.words)
        while calls and (self._bytes > KEPT_BYTES or calls[0][0] < now - KEPT_S):
            gone = calls.popleft()[1]
            self._bytes -= len(gone.words)
            self._before = gone.number or self._before

    def after(self, number: int, now: float) -> list[Said] | None:
        """What was said after the call of this number; None when that is not known any more."""
        calls = list(self._calls)
        first = next((at for at, (_, said) in enumerate(calls) if said.number > number), len(calls))
        # Calls without a number may be applied twice, and stand before the one that needs them.
        while first and not calls[first - 1][1].number:
            first -= 1
        if number < self._before or (first < len(calls) and calls[first][0] < now - KEPT_S):
            return None
        return [said for _, said in calls[first:]]

    def clear(self, number: int) -> None:
        """The calls after this number are on their way again."""
        self._calls.clear()
        self._bytes = 0
        self._before = number
