"""A server that comes back without values that it had told of: who gets them waits for them."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from hyperloom.gcs import recent
from hyperloom.testing import Cluster
from tests.cluster.several.tasks import alive, on
from tests.cluster.several.test_state_lost import append_only_file, forget
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.core.bringing import Lost

pytestmark = pytest.mark.slow

SIZES = (10, 30_000, 3 << 20)  # told along with the news; asked for when it is read; stored


@loom.task(num_cpus=0)
def made(folder: str, size: int) -> bytes:
    """The first time at once; from then on when it may."""
    run = len(list(Path(folder).glob(f"{size} *")))
    Path(folder, f"{size} {run}").touch()
    while run and not Path(folder, "go").exists():
        time.sleep(0.01)  # the task takes its time
    return bytes([run]) * size


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(recent, "KEPT_S", 60.0)  # this machine may be slow
    with Cluster(nodes=2, lease_s=2, beat_s=0.2) as cluster, cluster.connect():
        yield cluster


def made_and_forgotten(cluster: Cluster, folder: Path) -> list[loom.ObjectRef[bytes]]:
    """One value of each size that this process was told of, and the server does not know."""
    size = append_only_file(cluster).stat().st_size
    refs = [made.remote(str(folder), size) for size in SIZES]
    assert loom.wait(refs, num_returns=len(refs), timeout=30) == (refs, [])
    forget(cluster, size)
    return refs


def test_get_waits_for_what_a_server_forgot_after_it_told_of_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    refs = made_and_forgotten(cluster, tmp_path)
    with pytest.raises(errors.GetTimeout):
        loom.get(refs, timeout=3)
    (tmp_path / "go").touch()
    values = loom.get(refs, timeout=30)
    assert [len(value) for value in values] == list(SIZES)
    assert [set(value) for value in values[1:]] == [{1}, {0}]  # a stored one stays


def test_futures_wait_for_it_too(cluster: Cluster, tmp_path: Path) -> None:
    refs = made_and_forgotten(cluster, tmp_path)
    futures = [ref.future() for ref in refs[:2]]
    assert futures[0].result(30) == bytes(SIZES[0])
    wait_until(lambda: len(list(tmp_path.glob("30000 *"))) == 2)
    assert not futures[1].done()
    (tmp_path / "go").touch()
    assert futures[1].result(30) == b"\1" * SIZES[1]


def test_who_gets_several_times_at_once_waits_each_time(cluster: Cluster, tmp_path: Path) -> None:
    refs = made_and_forgotten(cluster, tmp_path)
    with ThreadPoolExecutor(4) as threads:
        gets = [threads.submit(loom.get, refs[1], timeout=30) for _ in range(4)]
        wait_until(lambda: len(list(tmp_path.glob("30000 *"))) == 2)
        (tmp_path / "go").touch()
        assert {get.result() for get in gets} == {b"\1" * SIZES[1]}


def test_what_lay_on_another_node_is_waited_for_although_that_is_asked_too_soon(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. The server comes back without a task and its large result.  2. The program gets the
    result, and its node asks where it lies: nobody knows of it.  3. The program says it again.
    """
    session = current.session()
    bringer = session.store.bringer
    assert bringer is not None
    bring, answered = bringer.bring, threading.Event()

    def and_tell(wanted: Sequence[tuple[bytes, int]], timeout_s: float | None) -> list[Lost]:
        lost: list[Lost] = bring(wanted, timeout_s)
        answered.set()
        return lost

    monkeypatch.setattr(bringer, "bring", and_tell)
    size = append_only_file(cluster).stat().st_size
    (other,) = alive() - {session.node.hex()}
    ref = on(other, made).remote(str(tmp_path), SIZES[2])
    loom.wait([ref], timeout=30)
    with ThreadPoolExecutor(1) as threads:
        with session.outbox._lock:
            forget(cluster, size)
            get = threads.submit(loom.get, ref, timeout=30)
            assert answered.wait(30)
        (tmp_path / "go").touch()
        assert get.result() == bytes(SIZES[2])
