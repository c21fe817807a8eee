"""What the tests of this folder run on nodes that die.

It imports little: each worker that runs one of these imports it, and there are many of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import hyperloom as loom

if TYPE_CHECKING:
    from tests.cluster.api.gate import Gate

LARGE = 1 << 20


@loom.task(max_retries=-1, num_cpus=0.5)
def plus_one(x: int) -> int:
    return x + 1


@loom.task(max_retries=-1, retry_exceptions=True)
def fails_once(gate: Gate) -> int:
    if not gate.is_open:
        gate.open()
        raise KeyError(gate)
    return 1


@loom.task(max_retries=-1)
def crashes_once(gate: Gate) -> int:
    """Dies with an object that it put."""
    kept = loom.put(bytes(LARGE))
    if not gate.is_open:
        gate.open()
        os._exit(1)
    return len(loom.get(kept))


@loom.task(max_retries=-1)
def goes_on(x: int) -> Any:
    return plus_one.bind(x)


@loom.task(max_retries=-1)
def size_of(data: Any) -> int:
    return len(data)


@loom.task(max_retries=-1)
def makes(size: int) -> bytes:
    return bytes(size)


@loom.task(max_retries=-1)
def passes(gate: Gate, x: int) -> int:
    gate.pass_through(50)
    return x


@loom.actor(max_restarts=-1, max_task_retries=-1, num_cpus=0.1)
class Resident:
    """Adds, ends, dies."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, x: int) -> int:
        return x + 1

    def crash(self, gate: Gate) -> int:
        if not gate.is_open:
            gate.open()
            os._exit(1)
        return 1

    def ends(self) -> None:
        loom.exit_actor()

    def checkpoint(self) -> int:
        return self.total

    def restore(self, state: int) -> None:
        self.total = state
