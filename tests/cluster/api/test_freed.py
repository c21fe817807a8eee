"""Nothing stays in shared memory of what is over, however it ended.

That the control plane holds nothing, and the store no bytes, is looked at after each test
(`conftest.py`); what happens in between is here.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import errors, failpoints
from hyperloom.core import current
from tests.cluster.api.holdings import bytes_in, settings, stored_bytes
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("cluster")

MIB = 1 << 20
PATIENCE_S = 30


def large(mib: int = 1) -> Any:
    return np.zeros(mib * MIB, dtype=np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["drop", "cancel", "force"])
def test_a_stream_that_nobody_reads_to_its_end(end: str) -> None:
    @loom.task(stream_ahead=3)
    def endless() -> Iterator[Any]:
        while True:
            yield large()

    stream = endless.remote()
    first = next(stream)
    assert stored_bytes() >= MIB
    if end != "drop":
        loom.cancel(stream.completed(), force=end == "force")
        with pytest.raises(errors.TaskCancelled):
            loom.get(stream.completed(), timeout=PATIENCE_S)
    del first, stream
    wait_until(lambda: not stored_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [0, 3])
def test_a_stream_whose_reader_died(ahead: int, gate: Callable[[str], Gate]) -> None:
    """Also one that is held back until it reads on."""
    made = gate("made")

    @loom.task(stream_ahead=ahead)
    def endless() -> Iterator[Any]:
        while True:
            made.note("item")
            yield large()

    @loom.task(max_retries=0)
    def reads_one_and_dies() -> None:
        stream = endless.remote()
        loom.get(next(stream))
        wait_until(lambda: len(made.notes()) >= 5)
        die()

    with pytest.raises(errors.WorkerCrashed):
        loom.get(reads_one_and_dies.remote(), timeout=PATIENCE_S)
    wait_until(lambda: not stored_bytes())


@pytest.mark.parametrize("made", [2, 4])
def test_results_that_were_too_few_or_too_many(made: int) -> None:
    @loom.task(num_returns=3)
    def counts() -> list[Any]:
        return [large() for _ in range(made)]

    refs = counts.remote()
    for ref in refs:
        with pytest.raises(ValueError, match="num_returns=3"):
            loom.get(ref, timeout=PATIENCE_S)
    assert stored_bytes() == 0


@pytest.mark.slow
def test_results_before_the_one_that_fails_are_freed_only_if_the_task_is_tried_again(
    gate: Callable[[str], Gate],
) -> None:
    """The second attempt makes small ones: nothing of the first is left beside them."""
    tries = gate("tries")

    @loom.task(num_returns=2, max_retries=1, retry_exceptions=True)
    def second_fails() -> Iterator[Any]:
        tries.note("try")
        yield large() if len(tries.notes()) == 1 else "small"
        if len(tries.notes()) == 1:
            raise LookupError("told to fail")
        yield "small"

    refs = second_fails.remote()
    assert loom.get(refs, timeout=PATIENCE_S) == ["small", "small"]
    assert stored_bytes() == 0
    first, failed = second_fails.options(max_retries=0, retry_exceptions=False).remote()
    del refs
    tries.path.unlink()
    assert loom.get(first, timeout=PATIENCE_S).nbytes == MIB
    with pytest.raises(LookupError, match="told to fail"):
        loom.get(failed)


def test_items_of_a_chunk_that_was_cancelled(gate: Callable[[str], Gate]) -> None:
    second, never = gate("second"), gate("never")

    @loom.task
    def make(number: int) -> Any:
        if number == 1:
            second.open()
            never.pass_through()
        return large()

    refs = make.map(range(3), chunk=3)
    wait_until(lambda: second.is_open)
    assert stored_bytes() >= MIB
    loom.cancel(refs[0])
    for ref in refs:
        with pytest.raises(errors.TaskCancelled):
            loom.get(ref, timeout=PATIENCE_S)
    assert stored_bytes() == 0


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@loom.task(max_retries=0)
def dies_over_its_put() -> None:
    current.session().outbox.put = die  # what says it, after it is stored
    loom.put(large())


@loom.task(max_retries=0)
def dies_over_its_item() -> Iterator[Any]:
    current.session().outbox.call = die
    yield large()


@loom.task(max_retries=0)
def dies_over_its_result() -> Any:
    failpoints.arm("worker.packed=kill9")
    return large()


@pytest.mark.slow
@pytest.mark.parametrize("task", [dies_over_its_put, dies_over_its_item, dies_over_its_result])
def test_what_a_worker_stored_that_was_killed_before_it_said_so(task: Any) -> None:
    made = task.remote()
    end = made.completed() if hasattr(made, "completed") else made
    with pytest.raises(errors.WorkerCrashed):
        loom.get(end, timeout=PATIENCE_S)
    wait_until(lambda: not stored_bytes())


@pytest.mark.slow
def test_a_result_stored_by_a_worker_that_died_is_not_taken_for_the_next_ones(
    gate: Callable[[str], Gate],
) -> None:
    """1. A worker stores the result and dies.  2. The next one's is another: it is what counts."""
    tries = gate("tries")

    @loom.task(max_retries=1)
    def dies_once() -> Any:
        tries.note("try")
        first = len(tries.notes()) == 1
        failpoints.arm("worker.packed=kill9" if first else "")
        return large(2 if first else 1)

    assert loom.get(dies_once.remote(), timeout=PATIENCE_S).nbytes == MIB


@pytest.mark.slow
def test_what_a_dead_workers_child_made_stays_for_who_wants_it(
    gate: Callable[[str], Gate],
) -> None:
    """It bears the name of the worker that submitted the child."""
    buried, seen = gate("buried"), gate("seen")

    @loom.task
    def child() -> Any:
        return large()

    @loom.task(num_cpus=0.1)
    def reads(refs: list[Any]) -> None:
        buried.pass_through()
        seen.note(str(loom.get(refs[0], timeout=PATIENCE_S).nbytes))

    @loom.task(max_retries=0)
    def dies_with_a_child() -> None:
        ref = child.remote()
        reads.remote([ref])
        loom.wait([ref], timeout=PATIENCE_S)
        loom.put(large())
        current.session().settle()
        current.session().outbox.put = die
        loom.put(large())

    with pytest.raises(errors.WorkerCrashed):
        loom.get(dies_with_a_child.remote(), timeout=PATIENCE_S)
    wait_until(lambda: stored_bytes() < 2 * MIB, what="both puts are gone")
    buried.open()
    wait_until(seen.notes)
    assert seen.notes() == [str(MIB)]


def test_shared_memory_is_freed_step_by_step_as_refs_go() -> None:
    refs = [loom.put(large()) for _ in range(11)]
    whole = stored_bytes()
    assert whole >= 11 * MIB
    for left in (10, 5, 1, 0):
        del refs[left:]
        wait_until(lambda left=left: stored_bytes() == whole * left // 11)  # type: ignore[misc]


def test_what_an_idle_program_drops_is_freed_without_another_call() -> None:
    """1. All is said and answered, the pump sleeps.  2. The last ref goes.  3. The program
    calls nothing any more: it computes, or waits for its user."""
    objects, zombies = settings().store / "o", settings().store / "z"
    ref = loom.put(large())
    session = current.session()
    wait_until(lambda: not session.unsent)
    assert bytes_in(objects) > 0
    del ref
    wait_until(lambda: not bytes_in(objects, zombies))


def test_a_result_whose_ref_went_first(gate: Callable[[str], Gate]) -> None:
    go_on, done = gate("go_on"), gate("done")

    @loom.task
    def late() -> Any:
        go_on.pass_through()
        done.open()
        return large()

    ref = late.remote()
    current.session().settle()
    del ref
    current.session().settle()
    go_on.open()
    wait_until(lambda: done.is_open)
