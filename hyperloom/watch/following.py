"""The events of one job, entry by entry, read on from where the last reading ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from hyperloom.watch.history import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Live
    from hyperloom.watch.story import Event


class Following:
    """See the module."""

    def __init__(self, job: bytes) -> None:
        self._job = job
        self._last = b"-"
        self._ended = False

    def read_on(self, cluster: Cluster) -> Iterator[Event]:
        """What came since; from a history first, if there may be more in it than in the stream."""
        if cluster.history is not None and self._is_behind(cluster.live):
            for entry, event in cluster.history.entries(self._job, self._last):
                yield self._taken(entry, event)
        if cluster.live is not None:
            for entry, event in cluster.live.entries(self._job, self._last):
                yield self._taken(entry, event)

    def _taken(self, entry: bytes, event: Event) -> Event:
        self._last, self._ended = entry, event.kind == codes.ENDED
        return event

    def _is_behind(self, live: Live | None) -> bool:
        """Whether the stream may have lost what came after the last entry that was taken."""
        if self._last == b"-" or live is None:
            return self._last == b"-"
        oldest = live.oldest(self._job)
        if oldest is None:
            return not self._ended
        return place(oldest) > place(self._last)
