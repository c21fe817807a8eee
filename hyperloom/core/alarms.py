"""What is to be done at the first failure among some tasks of this process.

The control plane tells a process of each failure of a task that it submitted, also where it does
not hold the result (``lua/object/_notify.lua``).  An `Alarm` goes off with the first of its tasks,
once; what it does then is done by whoever reads the inbox, as soon as that has no lock.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from hyperloom.ids import PROCESS_BYTES, number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.core.session import Session


class Alarm:
    """See the module.  `spans`: first and last numbers of the tasks, in order."""

    def __init__(self, spans: Sequence[tuple[int, int]], act: Callable[[], None]) -> None:
        self._firsts = [first for first, _ in spans]
        self._lasts = [last for _, last in spans]
        self._act = act
        self.reason: bytes | None = None  # the failure, once it went off

    def concerns(self, number: int) -> bool:
        """Whether the task with this number is one of them."""
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def look(self, session: Session, entries: Sequence[bytes]) -> None:
        """A message from the inbox: object id, value, and so on.  With the session's lock held."""
        for at in range(0, len(entries), 2):
            oid, value = entries[at], entries[at + 1]
            ours = oid[:PROCESS_BYTES] == session.process and self.concerns(number_of(oid))
            if ours and value[:1] == codes.FAILURE:
                self.reason = value
                session.alarms.discard(self)
                session.finished.append(self._act)
                return
