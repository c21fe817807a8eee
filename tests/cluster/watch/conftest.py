"""A node with two CPUs, on which everything that can happen to a task has happened, or does."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.cli.main import main
from hyperloom.core import current
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.live import Live
from tests.cluster.api.gate import Gate
from tests.cluster.gated import waits
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


class Scene:
    """The refs of what was submitted, by what became of it; and a cluster to look at."""

    def __init__(self) -> None:
        self.folder = Path(mkdtemp(prefix="loom-scene-"))
        self.go_on, self.log = Gate(self.folder / "go_on"), Gate(self.folder / "log")
        self.cluster = Cluster(Live(current.session().address))
        self.job = bytes(current.session().job)
        self.refs: dict[str, Any] = {}

    def task(self, name: str) -> bytes:
        return self.refs[name].binary()[:16]

    def hex(self, name: str) -> str:
        return self.task(name).hex()


@loom.task
def same(x: Any = 0) -> Any:
    return x


@loom.task(max_retries=1, retry_exceptions=True)
def fails() -> None:
    raise ValueError("not today\nsecond line")


@loom.task(max_retries=1)
def dies() -> None:
    os._exit(3)


@loom.task(max_retries=5)
def poison() -> None:
    os._exit(4)


@loom.task
def asks(gate: Gate, notes: Gate) -> str:
    """Waits in get() for a task that waits for the gate."""
    notes.note("asks")
    sys.stdout.write("asks prints\n")
    return loom.get(waits.options(num_cpus=0).remote(gate, notes))


def _over(scene: Scene) -> None:
    refs = scene.refs
    refs["done"] = same.remote(bytes(2_000_000))
    refs["failed"], refs["died"] = fails.remote(), dies.remote()
    refs["poisoned"] = poison.remote()
    refs["passed on"] = same.remote(refs["failed"])
    loom.wait(list(refs.values()), num_returns=len(refs))


def _going_on(scene: Scene) -> None:
    refs, gates = scene.refs, (scene.go_on, scene.log)
    refs["running"], refs["other"] = waits.remote(*gates), waits.remote(*gates)
    wait_until(lambda: len(scene.log.notes()) == 2)
    refs["blocked"] = asks.options(num_cpus=0).remote(*gates)
    wait_until(lambda: len(scene.log.notes()) == 4)
    refs["ready"] = same.remote(1)
    refs["waiting"] = same.remote(refs["ready"])
    refs["too large"] = same.options(num_cpus=50).remote(1)
    refs["behind too large"] = same.remote(refs["too large"])
    refs["cancelled"] = same.options(num_cpus=60).remote(1)
    loom.cancel(refs["cancelled"])
    current.session().settle()


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    loom.init("local", num_cpus=2)
    scene = Scene()
    try:
        _over(scene)
        _going_on(scene)
        wait_until(lambda: _told(scene))
        yield scene
    finally:
        scene.go_on.open()
        scene.cluster.close()
        loom.shutdown()
        for file in scene.folder.iterdir():
            file.unlink()
        scene.folder.rmdir()


def _told(scene: Scene) -> bool:
    """What nodes tell of attempts comes a moment later."""
    from hyperloom.watch import story  # noqa: PLC0415

    told = list(scene.cluster.events(scene.job))
    over = ("done", "failed", "died", "poisoned", "passed on", "cancelled")
    return all(story.ended(story.steps(told, scene.task(name))) for name in over)


@contextmanager
def node_with_a_job() -> Iterator[Cluster]:
    """A node of one CPU, as people look at it."""
    loom.init("local", num_cpus=1)
    cluster = Cluster(Live(current.session().address))
    yield cluster
    cluster.close()
    loom.shutdown()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The same for all tests of a module."""
    with node_with_a_job() as cluster:
        yield cluster


@pytest.fixture(autouse=True)
def _test_leaves_nothing() -> None:
    """Workers live as long as a module's node: it is checked when that has ended."""


@pytest.fixture
def loom_(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command in this process: its output, and as JSON if it was asked for that."""
    del cluster

    def run(*arguments: str) -> Any:
        assert main(arguments) == 0, capsys.readouterr()
        out = capsys.readouterr().out
        return json.loads(out) if "--json" in arguments else out

    return run
