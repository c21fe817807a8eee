"""A server that comes back without items of streams that go on: they are said again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from hyperloom.testing import Cluster
from tests.cluster.several.test_state_lost import append_only_file, forget
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def test_items_that_a_server_forgot_are_read(tmp_path: Path) -> None:
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
        assert loom.get(forgotten[1], timeout=30) == b"\2" * 30_000


@loom.task(num_cpus=0, num_returns="streaming", max_retries=0)
def numbers(folder: str, many: int) -> Iterator[int]:
    for number in range(1, many + 1):
        while not Path(folder, f"{number}").exists():
            time.sleep(0.01)  # the task takes its time
        yield number
        Path(folder, f"made {number}").touch()
    while not Path(folder, "end").exists():
        time.sleep(0.01)  # the task goes on


def without_being_told(what: Callable[[], None]) -> None:
    """This process hears nothing that is said meanwhile: its connection is broken."""
    session = current.session()
    with session.reading._role:  # nobody reads
        session.reading._inbox.close()
        what()
        session.reading._inbox.interrupt()


@pytest.mark.parametrize("ahead", [0, 1])
@pytest.mark.parametrize("many", [2, 3])
def test_items_that_a_server_forgot_and_nobody_was_told_of_are_said_again(
    tmp_path: Path, ahead: int, many: int
) -> None:
    """The one who made them has them still; there is no other attempt.

    1. A stream makes its first item, which is read.  2. The reader's connection is broken.  3. The
    stream makes its second, waits for its reader if it may be ahead by one alone, and the server
    comes back without that item.  4. The reader hears again.
    """
    with Cluster(nodes=1, lease_s=2, beat_s=0.2, reconcile_s=0.5) as cluster, cluster.connect():
        stream = numbers.options(stream_ahead=ahead).remote(str(tmp_path), many)
        (tmp_path / "1").touch()
        assert loom.get(next(stream), timeout=30) == 1
        size = append_only_file(cluster).stat().st_size

        def forgets() -> None:
            (tmp_path / "2").touch()
            wait_until((tmp_path / "made 2").exists)
            forget(cluster, size)

        without_being_told(forgets)
        for number in range(3, many + 1):
            (tmp_path / f"{number}").touch()
        (tmp_path / "end").touch()
        read = [stream.next_ready(timeout=20) for _ in range(many)]
        assert read.pop() is None
        assert loom.get(read, timeout=30) == list(range(2, many + 1))
