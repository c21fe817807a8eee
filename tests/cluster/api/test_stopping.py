"""A task that is stopped while it runs, by `cancel` or by its time limit, may clean up."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("cluster")

_PARTS = 10
_PART_S = 0.02  # all together several times as long as the worker waits before it asks again


def _clean_up(notes: Gate) -> None:
    for part in range(_PARTS):
        time.sleep(_PART_S)  # the task takes its time to clean up
        notes.note(str(part))


ALL = [str(part) for part in range(_PARTS)]


@pytest.mark.slow
def test_a_cancelled_task_cleans_up_undisturbed(gate: Callable[[str], Gate]) -> None:
    began, notes = gate("began"), gate("notes")

    @loom.task
    def cleans_up() -> None:
        try:
            began.open()
            time.sleep(30)  # the task is stopped in here
        except KeyboardInterrupt:
            _clean_up(notes)
            raise
        finally:
            _clean_up(notes)

    ref = cleans_up.remote()
    began.pass_through()
    loom.cancel(ref)
    with pytest.raises(errors.TaskCancelled):
        loom.get(ref, timeout=20)
    assert notes.notes() == ALL + ALL


@pytest.mark.slow
def test_a_task_whose_time_is_over_cleans_up_undisturbed(gate: Callable[[str], Gate]) -> None:
    notes = gate("notes")

    @loom.task(timeout_s=0.2)
    def cleans_up() -> None:
        try:
            time.sleep(30)  # the task is stopped in here
        finally:
            _clean_up(notes)

    with pytest.raises(errors.TaskTimeout):
        loom.get(cleans_up.remote(), timeout=20)
    assert notes.notes() == ALL


@pytest.mark.slow
def test_a_cancelled_task_may_use_the_api_to_clean_up(gate: Callable[[str], Gate]) -> None:
    began, notes, go_on = gate("began"), gate("notes"), gate("go_on")

    @loom.task
    def cleans_up() -> None:
        try:
            loom.get(late.remote())
        finally:
            _clean_up(notes)
            notes.note(str(loom.get(answer.remote())))

    @loom.task
    def late() -> None:
        began.open()
        go_on.pass_through()

    @loom.task
    def answer() -> int:
        return 42

    ref = cleans_up.remote()
    began.pass_through()
    loom.cancel(ref, recursive=False)
    with pytest.raises(errors.TaskCancelled):
        loom.get(ref, timeout=20)
    assert notes.notes() == [*ALL, "42"]
    go_on.open()


@pytest.mark.slow
def test_coroutines_of_a_cancelled_task_clean_up(gate: Callable[[str], Gate]) -> None:
    began, notes = gate("began"), gate("notes")

    @loom.task
    def runs() -> None:
        async def main() -> None:
            try:
                began.open()
                await asyncio.sleep(30)  # the task is stopped in here
            finally:
                _clean_up(notes)

        asyncio.run(main())

    ref = runs.remote()
    began.pass_through()
    loom.cancel(ref)
    with pytest.raises(errors.TaskCancelled):
        loom.get(ref, timeout=20)
    assert notes.notes() == ALL


def test_a_worker_that_stopped_a_task_serves_the_next(gate: Callable[[str], Gate]) -> None:
    began = gate("began")

    @loom.task(num_cpus=2)
    def stops() -> Any:
        try:
            began.open()
            time.sleep(30)  # the task is stopped in here
        except KeyboardInterrupt:
            return "swallowed"

    ref = stops.remote()
    began.pass_through()
    loom.cancel(ref)
    with pytest.raises(errors.TaskCancelled):
        loom.get(ref, timeout=20)

    @loom.task(num_cpus=2)
    def works() -> int:
        return 1

    assert loom.get([works.remote() for _ in range(20)], timeout=20) == [1] * 20
