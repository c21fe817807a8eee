"""The server restarts, is emptied, or comes back from an old backup: every kind of wait ends.

They are all begun first, in threads and in a program of its own that took up a detached plan; then
it happens.  Each goes on and has the right value, or raises in time.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.gcs import recent
from hyperloom.testing import Cluster
from tests.cluster.several.test_state_lost import as_admin
from tests.home import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

NOTICED_S = 5  # that something happened, which is the promise
HANGS_S = 40  # a wait that is not over by then never will be


@loom.task(num_cpus=0)
def passes(path: str, value: int) -> int:
    while not Path(path).exists():
        time.sleep(0.01)  # the task takes its time
    return value


@loom.task(num_cpus=0, num_returns="streaming")
def counts(path: str) -> Iterator[int]:
    yield 1
    while not Path(path).exists():
        time.sleep(0.01)  # the task takes its time
    yield 2


@loom.actor(num_cpus=0, max_restarts=-1, max_task_retries=-1)
class Gate:
    def passes(self, path: str, value: int) -> int:
        while not Path(path).exists():
            time.sleep(0.01)  # the task takes its time
        return value


# Another program that has nothing of its own: it took up the plan of a job, and waits.
_ATTACHED = """
import json, sys, threading, time
from pathlib import Path
import hyperloom as loom
from hyperloom import connection, errors
from hyperloom.node.connect import Wanted

connection.begin(Wanted(session=Path(sys.argv[1])))
handle = loom.attach(sys.argv[2])
waits = {
    "fetch": lambda: handle.fetch()[0],
    "wait": lambda: handle.wait() and handle.fetch()[0],
    "as_completed": lambda: loom.get(next(iter(handle.as_completed()))),
    "future": lambda: handle.results[0].future().result(),
}
told = {}

def run(kind):
    try:
        told[kind] = waits[kind]()
    except errors.LoomError as error:
        told[kind] = type(error).__name__

threads = [threading.Thread(target=run, args=(kind,), daemon=True) for kind in waits]
for thread in threads:
    thread.start()
print("waits", flush=True)
for thread in threads:
    thread.join(float(sys.argv[3]))
print(json.dumps({kind: told.get(kind, "hangs") for kind in waits}), flush=True)
sys.stdout.flush()
import os
os._exit(0)  # whatever hangs
"""


class Waits:
    """All of them, begun; `ends` says what each came to."""

    def __init__(self, cluster: Cluster, path: str) -> None:
        self.told: dict[str, Any] = {}
        self.at: dict[str, float] = {}
        gate = Gate.remote()
        stream = counts.remote(path)
        assert loom.get(next(stream), timeout=30) == 1
        living = loom.submit(passes.bind(path, 7))
        detached = loom.submit(passes.bind(path, 7), detach=True)
        kinds: dict[str, Callable[[], Any]] = {
            "get": lambda: loom.get(refs["get"]),
            "wait": lambda: loom.get(loom.wait([refs["wait"]])[0][0]),
            "as_completed": lambda: loom.get(next(iter(loom.as_completed([refs["each"]])))),
            "future": lambda: refs["future"].future().result(),
            "call of an actor": lambda: loom.get(refs["call"]),
            "stream": lambda: loom.get(next(stream)) + 5,
            "plan's fetch": lambda: living.fetch()[0],
            "plan's wait": lambda: living.wait() and living.fetch()[0],
            "plan's as_completed": lambda: loom.get(next(iter(living.as_completed()))),
            "detached plan's fetch": lambda: detached.fetch()[0],
        }
        refs = {name: passes.remote(path, 7) for name in ("get", "wait", "each", "future")}
        refs["call"] = gate.passes.remote(path, 7)
        self._threads = [
            threading.Thread(target=self._run, args=each, daemon=True) for each in kinds.items()
        ]
        for thread in self._threads:
            thread.start()
        assert detached.id is not None
        self._program = subprocess.Popen(
            [sys.executable, "-c", _ATTACHED, cluster.nodes[0].folder, detached.id, str(HANGS_S)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, **cluster.environment},
        )  # fmt: skip
        assert self._program.stdout is not None
        assert self._program.stdout.readline() == "waits\n"

    def _run(self, kind: str, wait: Callable[[], Any]) -> None:
        try:
            self.told[kind] = wait()
        except loom.errors.LoomError as error:
            self.told[kind] = type(error).__name__
        self.at[kind] = time.monotonic()

    def ends(self) -> dict[str, Any]:
        for thread in self._threads:
            thread.join(HANGS_S)
        assert not [thread for thread in self._threads if thread.is_alive()], self.told
        out, _ = self._program.communicate(timeout=2 * HANGS_S)
        theirs = json.loads(out)
        return self.told | {f"attached plan's {kind}": came for kind, came in theirs.items()}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with Cluster(nodes=2, lease_s=2, beat_s=0.2) as cluster, cluster.connect():
        monkeypatch.setattr(recent, "KEPT_S", -1.0)  # all was said long ago
        yield cluster


def replace_server_s_data(cluster: Cluster, backup: Path | None) -> None:
    """The server dies, and finds what it had then; without a backup, what it had now."""
    keeper = cluster._control_plane.process.pid
    os.kill(keeper, signal.SIGSTOP)  # or it would start the server again before it is replaced
    os.kill(cluster._control_plane.server_pid, signal.SIGKILL)
    if backup is not None:
        folder = cluster._control_plane.folder / "gcs" / "appendonlydir"
        shutil.rmtree(folder)
        shutil.copytree(backup, folder)
    os.kill(keeper, signal.SIGCONT)


def all_raised(ended: dict[str, Any]) -> None:
    """Who has said something is told that it is forgotten; who only took up a plan, that it is."""
    for kind, came in ended.items():
        attached = kind.startswith("attached")
        assert came in {"ClusterStateLost", "ObjectLost" if attached else ""}, ended


def test_the_server_restarts_and_all_goes_on(cluster: Cluster, tmp_path: Path) -> None:
    waits = Waits(cluster, str(tmp_path / "gate"))
    replace_server_s_data(cluster, None)
    (tmp_path / "gate").touch()
    ended = waits.ends()
    assert ended == dict.fromkeys(ended, 7)
    assert len(ended) == 14


def test_the_server_is_emptied_and_all_raise(cluster: Cluster, tmp_path: Path) -> None:
    waits = Waits(cluster, str(tmp_path / "never"))
    at = time.monotonic()
    as_admin(cluster, "FLUSHALL")
    ended = waits.ends()
    all_raised(ended)
    assert max(waits.at.values()) - at < NOTICED_S


def test_an_old_backup_is_put_in_place_and_all_raise(cluster: Cluster, tmp_path: Path) -> None:
    """Of before anything that waits was submitted, when there was a job, and its nodes."""
    assert loom.get(passes.remote(str(ROOT), 1), timeout=30) == 1
    folder = cluster._control_plane.folder / "gcs" / "appendonlydir"
    shutil.copytree(folder, tmp_path / "backup")
    waits = Waits(cluster, str(tmp_path / "never"))
    replace_server_s_data(cluster, tmp_path / "backup")
    ended = waits.ends()
    all_raised(ended)
