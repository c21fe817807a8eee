"""Nothing stays in shared memory of what is over, however it ended.

That the control plane holds nothing, and the store no bytes, is looked at after each test
(`conftest.py`); what happens in between is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import errors
from tests.cluster.api.holdings import stored_bytes
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("cluster")

MIB = 1 << 20
PATIENCE_S = 30


def large(mib: int = 1) -> Any:
    return np.zeros(mib * MIB, dtype=np.uint8)


@pytest.mark.parametrize("end", ["drop", "cancel"])
def test_a_stream_that_nobody_reads_to_its_end(end: str) -> None:
    @loom.task(stream_ahead=3)
    def endless() -> Iterator[Any]:
        while True:
            yield large()

    stream = endless.remote()
    first = next(stream)
    assert stored_bytes() >= MIB
    if end == "cancel":
        loom.cancel(stream.completed())
        with pytest.raises(errors.TaskCancelled):
            loom.get(stream.completed(), timeout=PATIENCE_S)
    del first, stream
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
