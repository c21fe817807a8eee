"""A task that kills its workers: how often it is tried again, and what is said in the end."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


@pytest.mark.parametrize("max_retries", [10, -1])
def test_retries_that_were_asked_for_are_all_there(
    gate: Callable[[str], Gate], max_retries: int
) -> None:
    tries = gate("tries")

    @loom.task(max_retries=max_retries)
    def dies_five_times() -> int:
        tries.note("try")
        if len(tries.notes()) <= 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return loom.context().attempt

    assert loom.get(dies_five_times.remote(), timeout=50) == 6


@pytest.mark.parametrize(("max_retries", "deaths"), [(3, 3), (4, 5)])
def test_a_task_that_kills_every_worker_is_poison(
    gate: Callable[[str], Gate], max_retries: int, deaths: int
) -> None:
    tries = gate("tries")

    @loom.task(max_retries=max_retries)
    def dies() -> None:
        tries.note("try")
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(errors.TaskPoisoned, match=f"killed the {deaths} workers"):
        loom.get(dies.remote(), timeout=50)
    assert len(tries.notes()) == deaths
