"""Something to look at: tasks that are over, fail, run and wait, an actor, objects, output."""

from __future__ import annotations

import time
from pathlib import Path

import hyperloom as loom
from tests.waiting import wait_until


@loom.task
def double(x: int) -> int:
    print("doubles", x, flush=True)  # noqa: T201 - to be looked at
    return 2 * x


@loom.task
def add(x: int, y: int) -> int:
    return x + y


@loom.task(max_retries=0)
def fail(x: int) -> int:
    raise ValueError(f"<b>no</b> {x}")


@loom.task(num_cpus=64)
def never() -> None:
    """No node has so much."""


@loom.task(max_retries=0)
def until(path: str) -> None:
    """Runs until the file is there."""
    Path(f"{path}-begun").touch()
    while not Path(path).exists():
        time.sleep(0.01)  # the task takes its time


@loom.actor
class Counter:
    def __init__(self) -> None:
        self.count = 0

    def add(self) -> int:
        self.count += 1
        return self.count


class Scene:
    """See the module.  `close` lets what runs end."""

    def __init__(self, folder: Path) -> None:
        self._end = folder / "end"
        self.doubles = [double.remote(n) for n in (0, 1, 1, 2, 2, 3, 3, 4)]
        pairs = zip(self.doubles[::2], self.doubles[1::2], strict=True)
        self.sums = [add.remote(one, other) for one, other in pairs]
        self.failed = [fail.remote(n) for n in range(3)]
        loom.wait([*self.sums, *self.failed], num_returns=7)
        self.counter = Counter.options(name="visits").remote()
        assert loom.get(self.counter.add.remote()) == 1
        self.kept = loom.put(bytes(2_000_000))
        self.runs = until.remote(str(self._end))
        begun = folder / "end-begun"
        wait_until(begun.exists, 20)
        self.waits = [never.remote(), add.remote(self.runs, 1)]

    def close(self) -> None:
        self._end.touch()
        loom.get(self.runs)
        loom.cancel(self.waits[0])
        loom.kill(self.counter)
