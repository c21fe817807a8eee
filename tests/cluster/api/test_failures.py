"""Workers that die, what their errors say, and who is tried again; what never can run is told."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from tests.cluster.api.program import run
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("cluster")

PATIENCE_S = 30


@loom.task
def same(value: Any = None) -> Any:
    return value


@loom.task(max_retries=0)
def dies(how: str) -> None:
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), getattr(signal, how))


def gone(pid: int | str) -> bool:
    return not Path(f"/proc/{pid}").exists()


# -- what a task raises ----------------------------------------------------------------------------


@pytest.mark.parametrize("returns", [1, 3])
def test_each_result_of_a_failed_task_raises_its_error(returns: int) -> None:
    @loom.task(num_returns=returns)
    def fails() -> None:
        raise LookupError("told to fail")

    made = fails.remote()
    refs = made if isinstance(made, list) else [made]
    assert len(refs) == returns
    for ref in [*refs, *refs]:  # also the second time
        with pytest.raises(LookupError, match="told to fail") as info:
            loom.get(ref)
        assert isinstance(info.value, errors.TaskError)
        shown = "".join(traceback.format_exception(info.value))
        assert 'raise LookupError("told to fail")' in shown, "the line of the task"
        assert "in fails" in shown
        assert "fails" in info.value.task_name
        assert info.value.attempt == 1
    with pytest.raises(LookupError, match="told to fail"):
        loom.get(refs)


@pytest.mark.parametrize("code", [3, 0])
def test_a_task_that_exits_the_interpreter_fails_and_its_worker_lives(code: int) -> None:
    @loom.task
    def leaves() -> None:
        raise SystemExit(code)

    with pytest.raises(errors.TaskError, match="SystemExit"):
        loom.get(leaves.remote(), timeout=PATIENCE_S)
    assert loom.get(same.remote(1), timeout=PATIENCE_S) == 1


# -- what kills its worker -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "says", "exit_code", "number"),
    [
        ("exit", "exit code 3", 3, None),
        ("SIGKILL", "killed by SIGKILL", None, "SIGKILL"),
        ("SIGSEGV", "killed by SIGSEGV", None, "SIGSEGV"),
        ("SIGTERM", "killed by SIGTERM", None, "SIGTERM"),
    ],
)
def test_a_dead_worker_is_told_with_how_it_ended_and_its_task(
    how: str, says: str, exit_code: int | None, number: str | None
) -> None:
    ref = dies.remote(how)
    with pytest.raises(
        errors.WorkerCrashed, match=rf"the worker that ran dies died: {says}"
    ) as info:
        loom.get(ref, timeout=PATIENCE_S)
    error = info.value
    assert (error.exit_code, error.signal) == (exit_code, number)
    assert (error.task_name, error.attempt) == ("dies", 1)
    assert error.pid > 0
    assert gone(error.pid)
    with pytest.raises(errors.WorkerCrashed):
        loom.get(ref)
    with pytest.raises(errors.WorkerCrashed, match="dies -> same"):
        loom.get(same.remote(ref), timeout=PATIENCE_S)


def test_the_last_lines_of_stderr_are_in_the_error() -> None:
    @loom.task(max_retries=0)
    def complains() -> None:
        for number in range(50):
            sys.stderr.write(f"complaint {number}\n")
        os.write(2, b"and one without an end")
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(errors.WorkerCrashed) as info:
        loom.get(complains.remote(), timeout=PATIENCE_S)
    lines = [f"complaint {number}" for number in range(31, 50)] + ["and one without an end"]
    assert list(info.value.stderr) == lines
    assert "Its last lines on stderr:\n  | complaint 31\n" in str(info.value)
    assert "  | and one without an end" in str(info.value)


def test_what_native_code_writes_before_it_dies_is_in_the_error() -> None:
    @loom.task(max_retries=0)
    def aborts() -> None:
        libc = ctypes.CDLL(None)
        libc.write(2, b"native words\n", 13)
        libc.abort()

    with pytest.raises(errors.WorkerCrashed, match="SIGABRT") as info:
        loom.get(aborts.remote(), timeout=PATIENCE_S)
    assert "native words" in info.value.stderr


@pytest.mark.slow
def test_tasks_after_a_death_run_and_tasks_behind_it_are_not_lost() -> None:
    """Others were in the same worker's hands when it died: they run, each once."""
    for _ in range(5):
        refs = [same.remote(i) for i in range(50)]
        dead = dies.remote("SIGKILL")
        refs += [same.remote(i) for i in range(50, 100)]
        assert loom.get(refs, timeout=PATIENCE_S) == list(range(100))
        with pytest.raises(errors.WorkerCrashed):
            loom.get(dead, timeout=PATIENCE_S)


def test_threads_of_the_driver_are_told_when_a_worker_dies(gate: Callable[[str], Gate]) -> None:
    """Several threads wait for results of the same death; none hangs."""
    go_on = gate("go_on")

    @loom.task(max_retries=0, num_returns=2)
    def dies_later() -> None:
        go_on.pass_through()
        os.kill(os.getpid(), signal.SIGKILL)

    refs = dies_later.remote()
    seen: list[str] = []

    def waiting(ref: Any) -> None:
        try:
            loom.get(ref, timeout=PATIENCE_S)
        except errors.LoomError as error:
            seen.append(type(error).__name__)

    threads = [threading.Thread(target=waiting, args=(ref,)) for ref in refs * 3]
    for thread in threads:
        thread.start()
    go_on.open()
    for thread in threads:
        thread.join()
    assert seen == ["WorkerCrashed"] * 6


def test_an_idle_worker_may_be_killed(gate: Callable[[str], Gate]) -> None:
    pids = gate("pids")

    @loom.task
    def pid() -> int:
        pids.note(str(os.getpid()))
        return os.getpid()

    for _ in range(5):
        victim = loom.get(pid.remote())
        os.kill(victim, signal.SIGKILL)
        assert loom.get(pid.remote(), timeout=PATIENCE_S) > 0
        wait_until(lambda victim=victim: gone(victim))
    assert len(pids.notes()) in range(10, 15), "one that had begun when it was killed ran twice"


# -- who is tried again ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("retries", "deaths", "works"), [(1, 1, True), (0, 1, False), (1, 2, False)]
)
def test_a_death_is_tried_again_as_often_as_said(
    retries: int,
    deaths: int,
    works: bool,  # noqa: FBT001
    gate: Callable[[str], Gate],
) -> None:
    tries = gate("tries")

    @loom.task(max_retries=retries)
    def flaky() -> int:
        tries.note("try")
        if len(tries.notes()) <= deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return loom.context().attempt or 0

    ref = flaky.remote()
    if works:
        assert loom.get(ref, timeout=PATIENCE_S) == deaths + 1
    else:
        with pytest.raises(errors.WorkerCrashed) as info:
            loom.get(ref, timeout=PATIENCE_S)
        assert info.value.attempt == retries + 1
    assert len(tries.notes()) == min(deaths, retries) + 1


def test_exceptions_are_tried_again_only_if_they_are_said(gate: Callable[[str], Gate]) -> None:
    tries = gate("tries")

    @loom.task(max_retries=2, retry_exceptions=[OSError])
    def fails(kind: type[Exception]) -> None:
        tries.note(kind.__name__)
        raise kind("again")

    for kind in (ConnectionError, ValueError):
        with pytest.raises(kind, match="again"):
            loom.get(fails.remote(kind), timeout=PATIENCE_S)
    assert tries.notes() == ["ConnectionError"] * 3 + ["ValueError"]


# -- what can never run ----------------------------------------------------------------------------


@pytest.mark.slow
def test_the_driver_is_warned_of_what_can_never_run_once_for_each_shape() -> None:
    done = run("""
        import sys
        import hyperloom as loom
        from tests.waiting import wait_until

        class Seen:
            text = ""
            def write(self, text):
                Seen.text += text
            def flush(self):
                pass

        @loom.task
        def same(x):
            return x

        with loom.init("local", num_cpus=1, infeasible_warn_s=0.3):
            real, sys.stderr = sys.stderr, Seen()
            refs = [same.options(num_cpus=64).remote(i) for i in range(5)]
            wait_until(lambda: "64 CPU" in Seen.text, 20)
            refs.append(same.options(resources={"unobtainium": 2}).remote(1))
            refs.append(same.options(num_cpus=64).remote(6))
            wait_until(lambda: "unobtainium" in Seen.text, 20)
            assert loom.get(same.remote(1)) == 1
            sys.stderr = real
        print(Seen.text, end="")
    """)
    assert (done.stderr, done.returncode) == ("", 0)
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stdout
    assert all(line.startswith("hyperloom: tasks or actors that ask for ") for line in lines)
    assert "64 CPU" in lines[0]
    assert "unobtainium" in lines[1]
