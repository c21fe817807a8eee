"""What the tests of this folder call.  It imports little: each actor's worker imports it anew."""

from __future__ import annotations

import os

import hyperloom as loom


@loom.actor(max_restarts=-1, max_task_retries=-1)
class Counter:
    """Counts."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, n: int) -> int:
        self.total += n
        return self.total

    def pid(self) -> int:
        return os.getpid()

    def checkpoint(self) -> int:
        return self.total

    def restore(self, state: int) -> None:
        self.total = state
