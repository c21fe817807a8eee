"""What a test left behind: processes, threads, shared memory, session folders.

Every process of a run inherits the mark that `tests/conftest.py` puts into the environment, so a
process is found even when its parent is gone and init has adopted it.  Other runs, and other
people's nodes, on the same machine carry another mark or none, and are left alone.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import servers
from tests.waiting import wait_until

MARK = "HYPERLOOM_TEST_RUN"
SHARED_MEMORY = Path("/dev/shm")
PROC = Path("/proc")
_PATIENCE_S = 5.0  # ending takes a moment; what is still there after this is a leak


@dataclass(frozen=True)
class Snapshot:
    """What is there at one moment, as sentences that a failing test can print."""

    processes: dict[int, str]  # pid -> command line
    threads: frozenset[threading.Thread]
    folders: frozenset[Path]

    @classmethod
    def take(cls) -> Snapshot:
        runtime_dir = Path(os.environ["LOOM_RUNTIME_DIR"])
        folders = [*SHARED_MEMORY.glob("loom-*")]
        # The cache of results stays: it is for later runs.
        inside = runtime_dir.iterdir() if runtime_dir.exists() else ()
        folders += [folder for folder in inside if folder.name != "cache"]
        return cls(_our_processes(), frozenset(threading.enumerate()), frozenset(folders))

    def left_since(self, before: Snapshot) -> list[str]:
        """What is here and was not before."""
        left = [
            f"process {pid}: {command}"
            for pid, command in self.processes.items()
            if pid not in before.processes
        ]
        left += [f"thread {t.name!r}" for t in self.threads - before.threads if t.is_alive()]
        left += [f"{p}" for p in self.folders - before.folders if not _of_another_run(p)]
        return sorted(left)


def check(before: Snapshot, name: str) -> None:
    """Fail when something is left since `before`; end it first, so that it fails one test only."""
    after = Snapshot.take()

    def clean() -> bool:
        nonlocal after
        after = Snapshot.take()
        return not after.left_since(before)

    try:
        wait_until(clean, _PATIENCE_S)
    except pytest.fail.Exception:
        left = after.left_since(before)
        for pid in after.processes.keys() - before.processes.keys():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        lines = "\n  ".join(left)
        pytest.fail(f"{name} left behind (its processes were ended now):\n  {lines}", pytrace=False)


def _our_processes() -> dict[int, str]:
    mark = f"{MARK}={os.environ[MARK]}".encode()
    found = {}
    for entry in PROC.iterdir():
        pid = int(entry.name) if entry.name.isdecimal() else os.getpid()
        if pid == os.getpid() or pid in servers.RUNNING:
            continue
        # A process may end while we look, and others' may not be looked at.
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                found[pid] = command or "(a zombie)"
    return found | _children()


def _children() -> dict[int, str]:
    """Our own children, marked or not: a zombie has no environment left to read."""
    found = {}
    for task in (PROC / "self" / "task").iterdir():
        with suppress(OSError):
            for pid in map(int, (task / "children").read_text().split()):
                if pid not in servers.RUNNING:
                    found[pid] = (PROC / str(pid) / "stat").read_text()[:60]
    return found


def _of_another_run(path: Path) -> bool:
    """Whether a process that is not of this run works in the folder."""
    ours = _our_processes()
    for entry in PROC.iterdir():
        if not entry.name.isdecimal() or int(entry.name) in ours or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            if any(path in fd.readlink().parents for fd in (entry / "fd").iterdir()):
                return True
    return False
