"""A control plane that loses its library, its last seconds, or all it had: nobody waits in vain."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.gcs import recent
from hyperloom.gcs.address import Address
from hyperloom.gcs.server import ADMIN
from hyperloom.gcs.wire import Wire
from hyperloom.testing import Cluster
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@loom.task
def plus_one(x: int) -> int:
    return x + 1


@loom.task(num_cpus=0)
def when_there(path: str) -> str:
    while not Path(path).exists():
        time.sleep(0.01)  # the task takes its time
    return path


@loom.actor(max_restarts=-1, max_task_retries=-1)
class Counter:
    def __init__(self) -> None:
        self.count = 0

    def more(self) -> int:
        self.count += 1
        return self.count


@pytest.fixture(scope="module")
def shared() -> Iterator[Cluster]:
    with Cluster(nodes=2, lease_s=2, beat_s=0.2) as cluster:
        yield cluster


@pytest.fixture
def lossy(shared: Cluster) -> Iterator[Cluster]:
    """This process is a driver on it."""
    with shared.connect():
        assert loom.get([plus_one.remote(i) for i in range(20)], timeout=30) == list(range(1, 21))
        yield shared


def as_admin(cluster: Cluster, *command: str) -> None:
    """What somebody does by mistake."""
    about = cluster._control_plane
    url = cluster.address.replace("unix://", f"unix://{ADMIN}@")
    wire = Wire(Address(url, about.folder / "admin-password"))
    wire.call(*command)
    wire.close()


def append_only_file(cluster: Cluster) -> Path:
    (file,) = (cluster._control_plane.folder / "gcs").glob("appendonlydir/*.incr.aof")
    return file


def forget(cluster: Cluster, size: int) -> None:
    """The server dies, and its disk has what it had when its file was so large."""
    keeper = cluster._control_plane.process.pid
    os.kill(keeper, signal.SIGSTOP)  # or it would start the server again before the file is cut
    os.kill(cluster._control_plane.server_pid, signal.SIGKILL)
    os.truncate(append_only_file(cluster), size)
    os.kill(keeper, signal.SIGCONT)


def test_a_library_that_was_deleted_is_loaded_again(lossy: Cluster, tmp_path: Path) -> None:
    waits = when_there.remote(str(tmp_path / "go"))
    loom.get(plus_one.remote(1), timeout=30)
    as_admin(lossy, "FUNCTION", "FLUSH")
    refs = [plus_one.remote(i) for i in range(50)]
    (tmp_path / "go").touch()
    assert loom.get(refs, timeout=30) == list(range(1, 51))
    assert loom.get(waits, timeout=30) == str(tmp_path / "go")


def test_who_waits_hears_that_all_is_gone(
    lossy: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so do futures; then a new job begins on the same nodes."""
    monkeypatch.setattr(recent, "KEPT_S", -1.0)  # all was said long ago
    ref = when_there.remote(str(tmp_path / "never"))
    future = ref.future()
    loom.get(plus_one.remote(1), timeout=30)
    as_admin(lossy, "FLUSHALL")
    at = time.monotonic()
    with pytest.raises(errors.ClusterStateLost, match=r"restored from an older state, or emptied"):
        loom.get(ref, timeout=30)
    with pytest.raises(errors.ClusterStateLost):
        future.result(10)
    assert time.monotonic() - at < 5
    with pytest.raises(errors.ClusterStateLost, match=r"loom\.init\(\) to begin anew"):
        plus_one.remote(2)
    loom.shutdown()
    with lossy.connect():
        assert loom.get(plus_one.remote(2), timeout=30) == 3
        wait_until(lambda: len(loom.nodes()) == 2)


def test_what_a_server_forgot_is_said_and_done_again(lossy: Cluster) -> None:
    """Its last moments are missing in its file: the driver says again what it had said since."""
    before = [plus_one.remote(i) for i in range(100)]
    counter = Counter.remote()
    assert loom.get(counter.more.remote(), timeout=30) == 1
    loom.get(before, timeout=30)
    size = append_only_file(lossy).stat().st_size
    since = [plus_one.remote(ref) for ref in before]
    large = [loom.put(bytes(1 << 20)), plus_one.remote(10)]
    assert loom.get(since, timeout=30) == list(range(2, 102))
    assert loom.get(counter.more.remote(), timeout=30) == 2
    loom.get(large[1], timeout=30)
    del before[50:], since[50:]
    forget(lossy, size)
    later = [plus_one.remote(ref) for ref in (*before, *since, large[1])]
    expected = [*range(2, 52), *range(3, 53), 12]
    assert loom.get(later, timeout=30) == expected
    assert len(loom.get(large[0], timeout=30)) == 1 << 20
    # It starts anew, or goes on: what it is asked it answers.
    assert loom.get(counter.more.remote(), timeout=30) >= 1
