"""A server that comes back without items of streams that go on: no reader waits in vain."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.testing import Cluster
from tests.cluster.several.test_state_lost import append_only_file, forget
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@loom.task(num_cpus=0, num_returns="streaming")
def items(folder: str, size: int) -> Iterator[bytes]:
    for number in (1, 2, 3):
        while not Path(folder, f"{number}").exists():
            time.sleep(0.01)  # the task takes its time
        yield bytes([number]) * size
        Path(folder, f"made {number} of {size}").touch()


def made(folder: Path, number: int) -> bool:
    return all((folder / f"made {number} of {size}").exists() for size in (1, 30_000))


def test_items_that_a_server_forgot_are_read_or_lost(tmp_path: Path) -> None:
    """Small ones were sent along when they were told of; a larger one is asked for when it is read.

    1. Both streams make their first items.  2. And their second.  3. The server comes back without
    these, with both tasks still held.  4. They go on with their third.
    """
    with Cluster(nodes=1, lease_s=2, beat_s=0.2) as cluster, cluster.connect():
        small, large = items.remote(str(tmp_path), 1), items.remote(str(tmp_path), 30_000)
        (tmp_path / "1").touch()
        wait_until(lambda: made(tmp_path, 1))
        assert loom.get([next(small), next(large)], timeout=30) == [b"\1", b"\1" * 30_000]
        size = append_only_file(cluster).stat().st_size
        (tmp_path / "2").touch()
        wait_until(lambda: made(tmp_path, 2))
        forgotten = [small.next_ready(timeout=30), large.next_ready(timeout=30)]
        forget(cluster, size)
        assert loom.get(forgotten[0], timeout=30) == b"\2"
        with pytest.raises(errors.LoomError, match=r"came back in an older state, without object"):
            loom.get(forgotten[1], timeout=30)
        (tmp_path / "3").touch()
        last = [small.next_ready(timeout=30), large.next_ready(timeout=30)]
        assert loom.get(last, timeout=30) == [b"\3", b"\3" * 30_000]
        assert [small.next_ready(timeout=30), large.next_ready(timeout=30)] == [None, None]
        with pytest.raises(errors.ObjectLost):
            loom.get(forgotten[1], timeout=30)
