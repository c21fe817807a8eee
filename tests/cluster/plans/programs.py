"""Programs that submit detached plans and end, one way or the other; and the tasks of the tests."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from tests.cluster.api.gate import Gate

if TYPE_CHECKING:
    from tests.home import Home


@loom.task(num_cpus=0.1)
def passes(gate: Gate, value: Any) -> Any:
    gate.pass_through()
    return value


@loom.task
def add(*numbers: int) -> int:
    return sum(numbers)


@loom.task(num_returns=2)
def both(x: int) -> tuple[int, int]:
    return x, -x


@loom.task
def needs(gate: Gate, x: int) -> int:
    """Fails until the gate is open."""
    if not gate.is_open:
        raise KeyError(x)
    return x


@loom.task
def square(x: int) -> int:
    return x * x


@loom.task
def zeros(size: int) -> bytes:
    return bytes(size)


def plan_of(gate: Gate) -> loom.Plan:
    """Three levels; nothing is over before the gate is opened."""
    parts = [passes.bind(gate, i) for i in range(10)]
    total = add.bind(*parts)
    return loom.Plan([add.bind(total, 1), both.bind(total), *parts[:2]], label="sums")


ANSWER = [46, [45, -45], 0, 1]


def main(path: Path, how: str) -> None:
    loom.init("auto")
    sys.stdout.write(f"{plan_of(Gate(path)).submit(detach=True).id}\n")
    sys.stdout.flush()
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)


def submit_from(home: Home, gate: Gate, how: str = "ends") -> str:
    """The id of a plan whose program is gone."""
    process = home.python("-m", __name__, str(gate.path), how)
    out, err = process.communicate(timeout=40)
    assert process.returncode == (-signal.SIGKILL if how == "killed" else 0), err
    return out.strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
