"""The leak check finds what a test can leave behind; a check that finds nothing proves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests import leaks
from tests.waiting import wait_until

WAITS_FOREVER = "import signal; signal.pause()"
# The child leaves a grandchild behind, which init (or a subreaper) then adopts.
LEAVES_AN_ORPHAN = (
    f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {WAITS_FOREVER!r}])"
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "_PATIENCE_S", 0.2)


def left(before: leaks.Snapshot) -> str:
    with pytest.raises(pytest.fail.Exception) as caught:
        leaks.check(before, "this test")
    return str(caught.value)


def test_nothing_left_is_no_complaint() -> None:
    leaks.check(leaks.Snapshot.take(), "this test")


def test_a_child_is_found_and_ended() -> None:
    before = leaks.Snapshot.take()
    child = subprocess.Popen([sys.executable, "-c", WAITS_FOREVER])
    assert f"process {child.pid}" in left(before)
    assert child.wait(timeout=5) == -signal.SIGKILL


def test_a_zombie_is_found() -> None:
    before = leaks.Snapshot.take()
    child = subprocess.Popen([sys.executable, "-c", ""])
    wait_until(lambda: ") Z " in Path(f"/proc/{child.pid}/stat").read_text())
    assert f"process {child.pid}" in left(before)
    child.wait()


def test_an_orphan_is_found_and_ended() -> None:
    before = leaks.Snapshot.take()
    subprocess.run([sys.executable, "-c", LEAVES_AN_ORPHAN], check=True)
    assert "signal.pause" in left(before)
    wait_until(lambda: not leaks.Snapshot.take().left_since(before))


def test_a_thread_is_found() -> None:
    before = leaks.Snapshot.take()
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="forgotten")
    thread.start()
    assert "'forgotten'" in left(before)
    end.set()
    thread.join()


@pytest.mark.parametrize("where", ["shared memory", "the runtime folder"])
def test_a_folder_is_found(where: str) -> None:
    before = leaks.Snapshot.take()
    parent = "/dev/shm" if where == "shared memory" else os.environ["LOOM_RUNTIME_DIR"]
    folder = Path(parent, f"loom-{uuid4().hex}")
    folder.mkdir()
    try:
        assert str(folder) in left(before)
    finally:
        folder.rmdir()


def test_what_another_run_uses_is_its_own_business() -> None:
    before = leaks.Snapshot.take()
    folder = Path("/dev/shm", f"loom-{uuid4().hex}")
    folder.mkdir()
    (folder / "alive").touch()
    unmarked = {name: value for name, value in os.environ.items() if name != leaks.MARK}
    code = f"f = open({str(folder / 'alive')!r}); print(1, flush=True); {WAITS_FOREVER}"
    # Started through a shell that ends, so that it is not a child of ours either.
    command = f'{sys.executable} -c "{code}" & echo $!; exit'
    started = subprocess.Popen(
        ["bash", "-c", command], env=unmarked, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    pid = int(started.stdout.readline())
    try:
        started.stdout.readline()  # it has opened the file
        started.wait(timeout=5)
        leaks.check(before, "this test")
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        started.stdout.close()
        (folder / "alive").unlink()
        folder.rmdir()
