"""Beginning and ending: one session a process, refs of an earlier one, forks, bad arguments."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current

if TYPE_CHECKING:
    from collections.abc import Iterator

MODES = ["cluster", "inline"]


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    yield
    loom.shutdown()


@loom.task
def same(value: Any) -> Any:
    return value


@pytest.mark.parametrize("mode", MODES)
def test_a_session_begins_once_and_ends_once(mode: Any) -> None:
    assert not loom.is_initialized()
    connection = loom.init("local", num_cpus=1, mode=mode)
    assert loom.is_initialized()
    assert connection.job_id in repr(connection)
    with pytest.raises(RuntimeError, match="initialised already"):
        loom.init("local", mode=mode)
    again = loom.init("local", mode=mode, ignore_reinit_error=True)
    assert again.job_id == connection.job_id
    loom.shutdown()
    assert not loom.is_initialized()
    loom.shutdown()


@pytest.mark.parametrize("mode", MODES)
def test_init_is_a_context_manager(mode: Any) -> None:
    with loom.init("local", num_cpus=1, mode=mode):
        assert loom.get(same.remote(1)) == 1
    assert not loom.is_initialized()


@pytest.mark.parametrize("mode", MODES)
def test_refs_of_an_earlier_session_are_refused(mode: Any) -> None:
    loom.init("local", num_cpus=1, mode=mode)
    old = same.remote(1)
    loom.get(old)
    loom.shutdown()
    loom.init("local", num_cpus=1, mode=mode)
    for use in (
        lambda: loom.get(old),
        lambda: loom.get([old]),
        lambda: loom.wait([old]),
        lambda: same.remote(old),
        lambda: same.remote([old]),
        lambda: loom.put([old]),
        lambda: loom.cancel(old),
        lambda: list(loom.as_completed([old])),
        lambda: old.future(),  # noqa: PLW0108 - as the others
    ):
        with pytest.raises(errors.SessionClosed, match="make it again"):
            use()
    assert loom.get(same.remote(2)) == 2


def test_refs_of_a_closed_session_are_refused_without_starting_another() -> None:
    loom.init("local", mode="inline")
    old = same.remote(1)
    loom.shutdown()
    for use in (
        lambda: loom.get(old),
        lambda: loom.wait([old]),
        lambda: loom.cancel(old),
        lambda: loom.put([1, old]),
        lambda: same.remote(old),
        lambda: same.remote(value=old),
        lambda: same.map([1, old]),
        lambda: same.options(num_cpus=0.5).remote(old),
    ):
        with pytest.raises(errors.SessionClosed, match="make it again"):
            use()
        assert not loom.is_initialized()


@pytest.mark.parametrize("mode", MODES)
def test_a_handle_of_a_closed_session_has_what_came_and_asks_nobody(mode: Any) -> None:
    """It waited for a control plane that was not there any more."""
    loom.init("local", num_cpus=1, mode=mode)
    handle = loom.submit([same.bind(1).named("one")])
    assert handle.wait(30)
    loom.shutdown()
    assert (handle.fetch(), handle.progress().done, handle.failures()) == ([1], 1, [])
    for use in (handle.cancel, handle.states, handle.retry_failed, lambda: handle.state("one")):
        with pytest.raises(errors.SessionClosed, match=r"plan of 1 tasks.*submit the plan again"):
            use()
    handle.release()
    assert not loom.is_initialized()


@pytest.mark.parametrize("mode", MODES)
def test_a_task_works_in_the_next_session_too(mode: Any) -> None:
    for _ in range(2):
        with loom.init("local", num_cpus=1, mode=mode):
            assert loom.get(same.map([1, 2])) == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"mode": "remote"}, ValueError, "'cluster' or 'inline'"),
        ({"num_cpus": -1}, ValueError, "num_cpus"),
        ({"num_cpus": "two"}, (TypeError, ValueError), "num_cpus"),
        ({"num_gpus": 0.5}, ValueError, "num_gpus"),
        ({"resources": {"CPU": 1}}, ValueError, "num_cpus"),
        ({"resources": {"a": -1}}, ValueError, "a"),
        ({"resources": 5}, (TypeError, ValueError), "resources"),
        ({"inline_max_byte": 5}, errors.InvalidOption, "Did you mean 'inline_max_bytes'"),
        ({"lease_s": "long"}, errors.InvalidOption, "lease_s"),
        ({"object_store_memory": -5}, (ValueError, errors.LoomError), "object_store"),
        ({"address": "ftp://nowhere"}, ValueError, "redis://"),
        ({"address": "unix:///nowhere/gcs.sock"}, errors.LoomError, "nowhere"),
        ({"address": "auto"}, errors.NotConnected, "loom start"),
        ({"namespace": 5}, TypeError, "namespace"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_init_cannot_do_it_says(arguments: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        loom.init(**{"address": "local", **arguments})
    assert not loom.is_initialized()


def _run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_first_use_begins_a_session_and_the_end_of_the_program_ends_it() -> None:
    done = _run("""
        import hyperloom as loom

        @loom.task
        def double(x):
            return 2 * x

        print(loom.get(double.remote(21)))
    """)
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)


def test_a_forked_child_is_told_so_and_the_parent_goes_on() -> None:
    done = _run("""
        import os, sys
        import hyperloom as loom
        from hyperloom import errors

        @loom.task
        def double(x):
            return 2 * x

        loom.init("local", num_cpus=1)
        ref = double.remote(1)
        assert loom.get(ref) == 2
        child = os.fork()
        if child == 0:
            assert not loom.is_initialized()
            for use in (lambda: double.remote(1), lambda: loom.get(ref), lambda: loom.put(1)):
                try:
                    use()
                except (errors.NotConnected, errors.SessionClosed) as error:
                    assert "fork" in str(error), error
                else:
                    os._exit(1)
            sys.exit(0)  # runs atexit: it must not end the parent's session
        assert os.waitpid(child, 0)[1] == 0
        print(loom.get(double.remote(21)))
    """)
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)


def test_multiprocessing_s_children_may_have_a_session_of_their_own_if_forked_before() -> None:
    done = _run("""
        import os
        import hyperloom as loom

        if os.fork() == 0:
            with loom.init(mode="inline"):
                print(loom.get(loom.put(1)), flush=True)
            os._exit(0)
        os.wait()
        with loom.init(mode="inline"):
            print(loom.get(loom.put(2)))
    """)
    assert (done.stdout, done.stderr, done.returncode) == ("1\n2\n", "", 0)


def test_importing_costs_little_and_loads_nothing_heavy() -> None:
    done = _run("""
        import sys
        import hyperloom
        hyperloom.task, hyperloom.ObjectRef
        heavy = {"redis", "numpy", "psutil", "click", "rich", "asyncio", "cloudpickle"}
        print(sorted(heavy & set(sys.modules)))
    """)
    assert done.stdout == "[]\n", done.stderr


def test_unknown_names_of_the_package_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = loom.nonsense  # type: ignore[attr-defined]
    assert "task" in dir(loom)


def test_inline_mode_starts_no_process_and_no_thread() -> None:
    import threading  # noqa: PLC0415

    before = threading.active_count()
    loom.init(mode="inline")
    assert loom.get(same.remote(os.getpid())) == os.getpid()
    assert threading.active_count() == before


def test_inline_mode_shows_the_frames_of_the_task() -> None:
    @loom.task
    def fails() -> None:
        marker = "seen in the debugger"
        raise ValueError(marker)

    loom.init(mode="inline")
    with pytest.raises(ValueError, match="seen") as info:
        loom.get(fails.remote())
    cause = info.value.__cause__
    assert cause is not None
    frames = cause.__traceback__
    assert frames is not None
    assert frames.tb_frame.f_locals["marker"] == "seen in the debugger"


def test_inline_mode_lets_ctrl_c_through() -> None:
    @loom.task
    def interrupted() -> None:
        raise KeyboardInterrupt

    loom.init(mode="inline")
    with pytest.raises(KeyboardInterrupt):
        interrupted.remote()


def test_inline_mode_fails_what_could_never_run() -> None:
    loom.init(mode="inline", num_cpus=1)
    with pytest.raises(errors.Infeasible, match="4 CPU") as info:
        loom.get(same.options(num_cpus=4).remote(1))
    assert info.value.missing == ("CPU",)


def test_inline_mode_retries_as_often_as_said() -> None:
    tries = []

    @loom.task(max_retries=2, retry_exceptions=[OSError])
    def flaky(error: Any) -> None:
        same.remote(1)
        loom.context()
        tries_seen(loom.context().attempt)
        raise error

    def tries_seen(attempt: Any) -> None:
        os.environ["LOOM_TEST_TRIES"] = f"{os.environ.get('LOOM_TEST_TRIES', '')}{attempt}"

    loom.init(mode="inline")
    try:
        with pytest.raises(OSError, match="again"):
            loom.get(flaky.remote(OSError("again")))
        assert os.environ.pop("LOOM_TEST_TRIES") == "123"
        with pytest.raises(ValueError, match="once"):
            loom.get(flaky.remote(ValueError("once")))
        assert os.environ.pop("LOOM_TEST_TRIES") == "1"
    finally:
        os.environ.pop("LOOM_TEST_TRIES", None)
    assert tries == []


@pytest.mark.parametrize("said_by", ["submit", "say"])
def test_what_is_not_said_yet_when_the_connection_comes_back_is_not_lost(
    said_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loom.init("local", num_cpus=1)
    outbox, reading = current.session().outbox, current.session().reading
    says = getattr(outbox, said_by)

    def says_after_others_asked(*words: Any) -> None:
        reading.look_at_all()  # as a thread does that found the connection broken
        says(*words)

    monkeypatch.setattr(outbox, said_by, says_after_others_asked)
    assert loom.get(same.remote(1), timeout=60) == 1
    assert loom.get(same.map(range(3), chunk=1), timeout=60) == [0, 1, 2]
    assert loom.submit([same.bind(4), same.bind(5)]).fetch(timeout=60) == [4, 5]
