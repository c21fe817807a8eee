"""The one thread that speaks to the control plane for all viewers, one question after the other."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from hyperloom import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.watch.cluster import Cluster

T = TypeVar("T")


class Desk:
    """See the module.  `connect` makes the connection, again after it broke."""

    def __init__(self, connect: Callable[[], Cluster]) -> None:
        self._connect = connect
        self._cluster: Cluster | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="loom-dashboard")

    async def ask(self, question: Callable[[Cluster], T]) -> T:
        """What `question` finds.

        Raises:
            errors.LoomError: the control plane does not answer, or has no such thing.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._asked(question)
        )

    def _asked(self, question: Callable[[Cluster], T]) -> T:
        if self._cluster is None:
            self._cluster = self._connect()
        try:
            return question(self._cluster)
        except errors.ControlPlaneLost:
            self._cluster.close()
            self._cluster = None
            raise

    def close(self) -> None:
        """Hang up, when what was asked is answered; in the thread, whose the history is."""
        self._thread.submit(self._hang_up)
        self._thread.shutdown(wait=True)

    def _hang_up(self) -> None:
        if self._cluster is not None:
            self._cluster.close()
