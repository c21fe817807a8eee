"""Programs that submit detached plans and end, one way or the other; and the tasks of the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from tests.cluster.api.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.home import Home


@loom.task(num_cpus=0.1)
def passes(gate: Gate, value: Any) -> Any:
    gate.pass_through()
    return value


@loom.task(num_cpus=0.1)
def says(gate: Gate, word: str) -> None:
    sys.stdout.write(f"{word} begins\n")
    gate.pass_through()


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
def fails(x: int) -> int:
    raise KeyError(x)


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


def stopping_plan(gate: Gate) -> loom.Plan:
    """One task fails when the gate is opened; the other never ends, and the result needs both."""
    bad = passes.bind(gate, 1).named("gate")
    slow = passes.bind(Gate(gate.path / "never"), 1)
    return loom.Plan([add.bind(fails.bind(bad).named("the bad one"), slow), slow])


def failing_plan(gate: Gate) -> loom.Plan:
    """One task fails as long as the gate is shut; it and a sum are wanted."""
    bad = needs.bind(gate, 3).named("the bad one")
    seven = both.bind(7)
    total = add.bind(bad, add.bind(seven[0]))
    return loom.Plan([total, seven, bad], label="fails")


ANSWER = [46, [45, -45], 0, 1]


def main(path: Path, how: str) -> None:
    loom.init("auto")
    plan = {"stops": stopping_plan, "fails": failing_plan}.get(how, plan_of)(Gate(path))
    if how == "lives":
        live_with(plan.submit())
        return
    handle = plan.submit(detach=True, on_error="stop" if how == "stops" else "continue")
    sys.stdout.write(f"{handle.id}\n")
    sys.stdout.flush()
    if how != "ends":
        os.kill(os.getpid(), signal.SIGKILL)


def live_with(handle: loom.PlanHandle) -> None:
    """Have it as long as somebody writes lines: to let go of it, or to say how it came out."""
    sys.stdout.write(f"{handle.id}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        if line == "drop\n":
            handle.release()
        else:
            handle.wait()
        done, failed, _, _, cancelled = handle.progress()
        sys.stdout.write(f"{done} done, {failed} failed, {cancelled} cancelled\n")
        sys.stdout.flush()


def submit_from(home: Home, gate: Gate, how: str = "ends") -> str:
    """The id of a plan whose program is gone."""
    process = home.python("-m", __name__, str(gate.path), how)
    out, err = process.communicate(timeout=40)
    assert process.returncode == (0 if how == "ends" else -signal.SIGKILL), err
    return out.strip()


class Program:
    """One that has submitted a plan, and lives."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.plan = process.stdout.readline().strip()
        assert self.plan, process.stderr and process.stderr.read()

    def told(self, word: str) -> str:
        """What it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        """In peace."""
        self.process.communicate(timeout=40)
        assert self.process.returncode == 0


@contextmanager
def living(home: Home, gate: Gate) -> Iterator[Program]:
    """A program that has a plan."""
    process = home.python("-m", __name__, str(gate.path), "lives", stdin=subprocess.PIPE)
    try:
        yield Program(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=40)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
