"""Memory runs short: one task goes and says why, the node and its other tasks stay."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.slow

MIB = 1 << 20
MOST_BYTES = 400 * MIB  # of all workers together; an idle one takes some 20 MiB


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """A node whose workers may take 400 MiB, whatever the machine has."""
    with loom.init("local", num_cpus=2, memory_most_bytes=MOST_BYTES):
        yield


@loom.task
def same(value: Any = None) -> Any:
    return value


@loom.task(max_retries=0)
def greedy(pid: Gate, never: Gate, size_bytes: int = MOST_BYTES) -> None:
    pid.note(str(os.getpid()))
    held = bytearray(size_bytes)
    held[::4096] = b"x" * len(held[::4096])  # each page is really there
    never.pass_through(60)


def test_the_task_that_takes_too_much_is_ended_with_figures(gate: Callable[[str], Gate]) -> None:
    modest_began, go_on = gate("modest"), gate("go_on")

    @loom.task
    def modest() -> int:
        modest_began.open()
        go_on.pass_through(60)
        return os.getpid()

    bystander = modest.remote()
    wait_until(lambda: modest_began.is_open)
    victim = greedy.remote(gate("pid"), gate("never"))
    with pytest.raises(errors.OutOfMemory) as info:
        loom.get(victim, timeout=40)
    error = info.value
    assert isinstance(error, errors.WorkerCrashed)
    text = str(error)
    assert "greedy was ended because its node ran out of memory" in text
    assert "of 0.39 GiB" in text
    assert "Ask for memory=" in text
    assert "MiB: greedy" in text
    wait_until(lambda: not Path(f"/proc/{gate('pid').notes()[0]}").exists())
    go_on.open()
    assert loom.get(bystander, timeout=20) > 0, "the other task lived on"
    assert loom.get(same.remote(1), timeout=20) == 1


def test_who_may_be_tried_again_gets_memory_of_its_own(gate: Callable[[str], Gate]) -> None:
    """1. Two that do not fit together are there at once.  2. One is ended.  3. It is tried again:
    the other need not wait any more, and both end."""
    tries = gate("tries")

    @loom.task(max_retries=5)
    def large() -> int:
        tries.note("try")
        held = bytearray(MOST_BYTES * 6 // 10)
        held[::4096] = b"x" * len(held[::4096])
        wait_until(lambda: len(tries.notes()) >= 3, 30)
        return len(held)

    refs = [large.remote() for _ in range(2)]
    assert loom.get(refs, timeout=50) == [MOST_BYTES * 6 // 10] * 2


def test_who_always_takes_too_much_is_given_up_in_the_end(gate: Callable[[str], Gate]) -> None:
    pid = gate("pid")
    ref = greedy.options(max_retries=3).remote(pid, gate("never"))
    with pytest.raises(errors.OutOfMemory):
        loom.get(ref, timeout=50)
    assert len(pid.notes()) == 3
