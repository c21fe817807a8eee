"""kill -9 at each step of a worker and of the raylet: all results come, all are right.

Each process counts for itself, so every worker (or raylet) dies at its `AT`-th time at the point,
and the next one again: a history with many deaths at the one step.
"""

from __future__ import annotations

import gc
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from tests.cluster.api.holdings import holdings, stored_bytes
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.home import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

# Those by which every task comes; the others are in ``test_each_step.py``.
WORKER = [f"worker.{each}" for each in ("before_read", "begun", "called", "packed", "reported")]
RAYLET = ["raylet.before.task_step", "raylet.after.task_step", "raylet.claimed"]
PATIENCE_S = 50


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    yield
    loom.shutdown()


def noted(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)


def a_program(notes: Path) -> None:
    """Plain tasks, a chain, nested ones, large values, several results, a stream, redirection."""

    @loom.task(max_retries=-1)
    def plus_one(x: int) -> int:
        noted(notes, str(os.getpid()))
        return x + 1

    @loom.task(max_retries=-1, num_cpus=0.5)
    def nested(x: int) -> Any:
        mine = loom.put(np.full(1 << 16, x))
        return loom.get(plus_one.remote(x)), mine

    @loom.task(max_retries=-1, num_returns=2)
    def pair(x: int) -> Any:
        return x, np.full(1 << 16, x)

    @loom.task(max_retries=-1)
    def count(n: int) -> Iterator[int]:
        yield from range(n)

    @loom.task(max_retries=-1)
    def joined(*parts: Any) -> Any:
        return np.concatenate(parts)

    @loom.task(max_retries=-1)
    def goes_on(x: int) -> Any:
        mine = loom.put(np.full(1 << 15, x))
        return joined.bind(mine, np.full(1 << 16, x), filled.bind(x))

    @loom.task(max_retries=-1)
    def filled(x: int) -> Any:
        return np.full(1 << 15, x)

    plain = [plus_one.remote(i) for i in range(60)]
    chain = plus_one.remote(0)
    for _ in range(19):
        chain = plus_one.remote(chain)
    inner = [nested.remote(i) for i in range(6)]
    pairs = [pair.remote(i) for i in range(6)]
    streams = [count.remote(4) for _ in range(3)]

    moved = [goes_on.remote(i) for i in range(4)]

    assert loom.get(plain, timeout=PATIENCE_S) == list(range(1, 61))
    assert loom.get(chain, timeout=PATIENCE_S) == 20
    for i, (x, ref) in enumerate(loom.get(inner, timeout=PATIENCE_S)):
        assert x == i + 1
        assert (loom.get(ref, timeout=PATIENCE_S) == i).all()
    for i, (first, second) in enumerate(pairs):
        assert loom.get(first, timeout=PATIENCE_S) == i
        assert (loom.get(second, timeout=PATIENCE_S) == i).all()
    for i, ref in enumerate(moved):
        value = loom.get(ref, timeout=PATIENCE_S)
        assert value.shape == (1 << 17,)
        assert (value == i).all()
    for stream in streams:
        assert [loom.get(ref, timeout=PATIENCE_S) for ref in stream] == [0, 1, 2, 3]
        assert loom.get(stream.completed(), timeout=PATIENCE_S) == 4


# What a worker says at its exit, if it can, makes no difference to the step: once is enough.
@pytest.mark.parametrize(
    ("point", "action"), [*((point, "kill9") for point in WORKER), ("worker.begun", "exit:3")]
)
def test_workers_that_die_at_a_step_lose_nothing(point: str, action: str, tmp_path: Path) -> None:
    loom.init("local", num_cpus=2, failpoints=f"{point}={action}@7", kill_grace_s=1)
    notes = tmp_path / "notes"
    a_program(notes)
    workers = set(notes.read_text().split())
    assert len(workers) > 4, "they did die"
    wait_until(lambda: not holdings(), 20, what="nothing is held")


@pytest.mark.parametrize("point", WORKER)
def test_a_task_that_is_not_tried_again_fails_at_most_once_and_never_runs_twice(
    point: str, tmp_path: Path
) -> None:
    """What had not begun when the worker died is no attempt: only the one that ran is lost."""
    loom.init("local", num_cpus=1, failpoints=f"{point}=kill9@10")
    notes = tmp_path / "notes"

    @loom.task(max_retries=0)
    def once(x: int) -> int:
        noted(notes, str(x))
        return x

    refs = [once.remote(i) for i in range(100)]
    failed = 0
    for i, ref in enumerate(refs):
        try:
            assert loom.get(ref, timeout=PATIENCE_S) == i
        except loom.errors.WorkerCrashed:
            failed += 1
    ran = notes.read_text().split()
    assert len(ran) == len(set(ran)), "no function ran twice"
    if point == "worker.before_read":
        assert failed == 0
    assert failed < 50


@pytest.mark.parametrize("at", [1, 20])
@pytest.mark.parametrize("point", RAYLET)
def test_a_raylet_that_dies_at_a_step_loses_nothing(
    point: str, at: int, home: Home, tmp_path: Path
) -> None:
    """Only the first one dies; the next is started by the supervisor and goes on."""
    home.variables["LOOM_FAILPOINTS"] = f"{point}=kill9@{at}"
    folder = home.start_head()
    about = json.loads((folder / "node.json").read_text())
    about["config"]["failpoints"] = ""
    (folder / "node.json").write_text(json.dumps(about))
    first = home.pid("raylet")
    loom.init()
    a_program(tmp_path / "notes")
    wait_until(lambda: home.pid("raylet") != first, 20)
    wait_until(lambda: not holdings(), 20, what="nothing is held")
    loom.shutdown()
    wait_until(lambda: home.jobs() == [], 20)


def test_workers_that_died_with_their_raylet_are_buried(home: Home, tmp_path: Path) -> None:
    """1. Workers put objects, submit tasks and hold refs.  2. Their raylet dies, and they with
    it.  3. What only they held is let go of, although nobody saw them die."""
    home.start_head()
    loom.init()
    began, go_on = tmp_path / "began", tmp_path / "go_on"

    @loom.task
    def child(x: int) -> int:
        return x

    @loom.task(max_retries=0)
    def holds() -> None:
        kept = [loom.put(1), loom.put(np.zeros(1 << 17)), child.remote(2)]
        loom.get(kept[2])
        began.touch()
        wait_until(go_on.exists, 60)

    ref = holds.remote()
    wait_until(began.exists, 20)
    killed = home.kill("raylet")
    wait_until(lambda: home.pid("raylet") != killed, 20)
    with pytest.raises(loom.errors.NodeLost):
        loom.get(ref, timeout=PATIENCE_S)
    del ref
    wait_until(lambda: gc.collect() < 0 or not holdings(), 15, what="nothing is held")
    wait_until(lambda: stored_bytes() == 0, what="nothing is stored")


def test_a_server_killed_again_and_again_under_load_loses_nothing(home: Home) -> None:
    """Each accepted task gives its result, each ref lives, and nothing is committed twice."""
    home.start_head("--durability", "always")
    loom.init()

    @loom.task
    def plus_one(x: int) -> int:
        return x + 1

    refs: list[Any] = []
    for round_ in range(4):
        refs += [plus_one.remote(i) for i in range(2000 * round_, 2000 * (round_ + 1))]
        refs[-1000:] = [plus_one.remote(ref) for ref in refs[-1000:]]
        killed = home.kill("server")
        wait_until(lambda killed=killed: home.pid("server") != killed, 20)
    expected = [i + 1 + (i % 2000 >= 1000) for i in range(8000)]
    assert loom.get(refs, timeout=PATIENCE_S) == expected
    del refs
    wait_until(lambda: not holdings(), 20, what="nothing is held")
