"""A task is connected: it can neither begin nor end its job's session."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow


@pytest.fixture(params=["embedded", "head"], autouse=True)
def _node(request: pytest.FixtureRequest, home: Home) -> None:
    """One worker serves all tasks of a test, as long as none of them waits."""
    if request.param == "head":
        home.start_head("--num-cpus", "1")
        loom.init()
    else:
        loom.init("local", num_cpus=1)


@loom.task
def pid() -> int:
    return os.getpid()


def works_as_before(worker: int) -> None:
    """The worker serves other tasks, and nested ones, as if nothing had happened."""

    @loom.task
    def nests() -> Any:
        return os.getpid(), loom.get(pid.remote()), loom.context().job_id

    mine, other, job = loom.get(nests.remote(), timeout=20)
    assert (mine, job) == (worker, loom.context().job_id)
    assert mine != other
    alive = [node for node in loom.nodes() if node["alive"]]
    assert len(alive) == 1


def test_init_and_shutdown_are_refused_in_a_task() -> None:
    @loom.task
    def tries() -> Any:
        errors = []
        before = loom.is_initialized()
        for use in (lambda: loom.init("local"), loom.init, loom.shutdown):
            try:
                use()
            except RuntimeError as error:
                errors.append(str(error))
        return os.getpid(), before, errors, loom.is_initialized()

    worker, before, said, after = loom.get(tries.remote(), timeout=20)
    assert before
    assert after
    assert [text.partition(" was called in a task")[0] for text in said] == [
        "loom.init()",
        "loom.init()",
        "loom.shutdown()",
    ]
    assert "nothing was started" in said[0]
    assert "nothing was ended" in said[2]
    works_as_before(worker)


def test_init_in_a_task_may_be_told_to_mean_the_session_that_is_there() -> None:
    @loom.task
    def joins() -> Any:
        with loom.init("local", num_cpus=7, ignore_reinit_error=True) as connection:
            job = connection.job_id
        return os.getpid(), job, connection.address, loom.context().job_id

    worker, job, address, after = loom.get(joins.remote(), timeout=20)
    assert (job, after) == (loom.context().job_id, loom.context().job_id)
    assert address
    works_as_before(worker)


def test_a_process_that_a_task_forks_may_have_a_session_of_its_own() -> None:
    @loom.task
    def forks() -> Any:
        child = os.fork()
        if child == 0:
            try:
                assert not loom.is_initialized()
                loom.init(mode="inline")
                assert loom.is_initialized()
                assert loom.get(loom.put(1)) == 1
                loom.shutdown()
                assert not loom.is_initialized()
            except BaseException:  # noqa: BLE001 - it must not go on as a worker
                os._exit(1)
            os._exit(0)
        return os.getpid(), os.waitpid(child, 0)[1]

    worker, code = loom.get(forks.remote(), timeout=20)
    assert code == 0
    works_as_before(worker)
    wait_until(lambda: loom.available_resources() == loom.cluster_resources(), 15)
