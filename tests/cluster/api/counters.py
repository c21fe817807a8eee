"""What the tests of actors call.  It imports little: each actor's worker imports it anew."""

from __future__ import annotations

import os
from typing import Any

import hyperloom as loom


@loom.actor
class Counter:
    """Counts."""

    kind = "counter"

    def __init__(self, start: int = 0, *, step: int = 1) -> None:
        self.total = start
        self.step = step

    def add(self, n: int | None = None) -> int:
        self.total += self.step if n is None else n
        return self.total

    def pid(self) -> int:
        return os.getpid()

    def fail(self, text: str) -> None:
        raise ValueError(text)

    def die(self) -> None:
        os._exit(7)

    def wait(self, gate: Any) -> int:
        gate.pass_through()
        return self.total

    def items(self, n: int) -> Any:
        for _ in range(n):
            self.total += 1
            yield self.total

    @loom.method(num_returns=2)
    def pair(self) -> tuple[int, int]:
        return self.total, -self.total

    @staticmethod
    def double(n: int) -> int:
        return 2 * n

    @classmethod
    def what(cls) -> str:
        return cls.kind

    def call(self, other: Any, n: int) -> int:
        return loom.get(other.add.remote(n))  # type: ignore[no-any-return]

    def leave(self) -> None:
        loom.exit_actor()


@loom.actor
class Doubler:
    """Works for a pool."""

    def double(self, n: int) -> int:
        if n == -13:
            raise ValueError("not thirteen")
        return 2 * n

    def after(self, gate: Any) -> str:
        gate.pass_through()
        return gate.path.name  # type: ignore[no-any-return]

    @loom.method(num_returns=2)
    def pair(self, n: int) -> tuple[int, int]:
        return n, -n

    def leave(self, _: int) -> None:
        loom.exit_actor()


@loom.actor
class Clerk:
    """Takes from a queue."""

    def __init__(self, line: Any) -> None:
        self.line = line

    def next(self) -> int:
        return self.line.get()  # type: ignore[no-any-return]

    async def next_of(self, line: Any) -> int:
        return await line.get_async()  # type: ignore[no-any-return]


@loom.task
def add_through(counter: Any, n: int) -> int:
    return loom.get(counter.add.remote(n))  # type: ignore[no-any-return]


@loom.task
def slow(gate: Any, value: int) -> int:
    gate.pass_through()
    return value


@loom.task(num_cpus=0)
def passed_on(other: Any) -> Any:
    return other


@loom.actor
class Tally:
    """Its methods use its name."""

    SIZE = 4
    name = "mine"
    seen = 0

    @staticmethod
    def twice(n: int) -> int:
        return 2 * n

    def find(self) -> tuple[int, int, int]:
        Tally.seen += 1
        return Tally.twice(Tally.SIZE), Tally.seen, self.seen
