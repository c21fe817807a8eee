"""A submitted program is started once, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import psutil
import pytest

from hyperloom import errors
from hyperloom.node import submissions
from hyperloom.node.processes import Mark
from tests.waiting import wait_until


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody watches over what is begun: a test does so itself."""
    monkeypatch.setattr(submissions, "_start", lambda _: None)


@pytest.mark.usefixtures("asleep")
def test_one_that_is_stopped_before_it_starts_does_not_start(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    new = submissions.begin(tmp_path, ["touch", str(ran)], {}, Path.mkdir)
    submissions.stop(new)
    assert submissions.main(Path(new.folder)) == 0
    assert submissions.find(tmp_path, new.id).state == "STOPPED"
    assert not ran.exists()

    again = submissions.run_again(new)
    assert (again.id, again.state, again.attempt) == (new.id, "RUNNING", 2)
    with pytest.raises(errors.LoomError, match="runs; nothing was started"):
        submissions.run_again(new)


@pytest.mark.usefixtures("asleep")
def test_what_cannot_be_started_says_so_each_time(tmp_path: Path) -> None:
    new = submissions.begin(tmp_path, ["no-such-program"], {}, Path.mkdir)
    assert submissions.main(Path(new.folder)) == 1
    assert submissions.find(tmp_path, new.id).exit_code == 127
    assert submissions.main(Path(submissions.run_again(new).folder)) == 1
    complaint = "loom: no-such-program cannot be started: "
    first, begins, second = new.output.read_text().splitlines()
    assert first.startswith(complaint)
    assert begins == "loom: attempt 2 begins"
    assert second.startswith(complaint)


@pytest.mark.usefixtures("asleep")
def test_one_that_ends_just_as_it_is_stopped_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = submissions.begin(tmp_path, ["sleep", "60"], {}, Path.mkdir)
    program = subprocess.Popen(new.command, start_new_session=True)
    mark = Mark.of(program.pid)
    assert mark is not None
    kill = os.killpg

    def ends_before(group: int, number: int) -> None:
        program.kill()
        program.wait()
        kill(group, number)

    monkeypatch.setattr(os, "killpg", ends_before)
    submissions._write(replace(new, pid=mark.pid, started=mark.started))
    submissions.stop(new)
    assert program.returncode == -signal.SIGKILL


@pytest.mark.usefixtures("asleep")
def test_of_several_that_fit_none_is_chosen(tmp_path: Path) -> None:
    one, other = (submissions.begin(tmp_path, ["true"], {}, Path.mkdir) for _ in range(2))
    with pytest.raises(errors.NotFound, match="of 2 submissions here") as caught:
        submissions.find(tmp_path, "")
    assert one.id in str(caught.value)
    assert other.id in str(caught.value)
    with pytest.raises(errors.NotFound, match="there is no submission 'xyz' here"):
        submissions.find(tmp_path, "xyz")


@pytest.mark.usefixtures("asleep")
def test_what_it_started_and_does_not_heed_the_signal_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SimpleNamespace(config=SimpleNamespace(log_bytes=1 << 20))
    monkeypatch.setattr("hyperloom.node.submissions.NodeSettings.read", lambda _: settings)
    script = "(trap '' TERM; echo begun; while :; do sleep 60; done) & exec sleep 60"
    new = submissions.begin(tmp_path, ["sh", "-c", script], {}, Path.mkdir)
    watcher = Thread(target=submissions.main, args=[Path(new.folder)])
    watcher.start()
    wait_until(lambda: new.output.exists() and new.output.read_text() == "begun\n")
    group = submissions.find(tmp_path, new.id).pid
    submissions.stop(new)
    watcher.join()
    assert submissions.find(tmp_path, new.id).state == "STOPPED"
    wait_until(lambda: not any(_group_of(pid) == group for pid in psutil.pids()))


def _group_of(pid: int) -> int:
    """Of a process that runs, and is not only waited for."""
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            return os.getpgid(pid)
    return 0
