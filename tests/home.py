"""A user's home: a private runtime folder, and the ``loom`` commands run in it as real processes.

What runs in it is found by its ``LOOM_RUNTIME_DIR``, which every process of a session inherits, and
by its folder, so nothing of anybody else's is ever looked at or ended.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
_PATIENCE_S = 40
_VARIABLE = "LOOM_RUNTIME_DIR"
_SHARED_MEMORY = Path("/dev/shm")


@dataclass
class Home:
    """See the module."""

    path: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="loom-home-")))
    variables: dict[str, str] = field(default_factory=dict)
    _seen: dict[int, str] = field(default_factory=dict)

    @property
    def runtime(self) -> Path:
        return self.path / "rt"

    @property
    def environment(self) -> dict[str, str]:
        mine = {_VARIABLE: str(self.runtime), "PYTHONPATH": str(ROOT), **self.variables}
        return {**os.environ, "NO_COLOR": "1", **mine}

    def python(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        """A Python process in this home."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            cwd=self.path,
            **{
                "env": self.environment,
                "stdin": subprocess.DEVNULL,
                "stderr": subprocess.PIPE,
                **more,
            },
        )

    def loom(
        self, *arguments: str | Path, exits: int | None = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run ``loom`` and wait for its end."""
        process = self.python("-P", "-m", "hyperloom", *map(str, arguments))
        out, err = process.communicate(timeout=_PATIENCE_S)
        assert exits in {None, process.returncode}, f"loom {arguments}: {out}\n{err}"
        # What is shown, on stdout, may be that of a task.
        assert "Traceback" not in err, f"loom {arguments}: {out}\n{err}"
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def start_head(self, *arguments: str | Path) -> Path:
        """Start a head on a free port; its session folder.  A page, if one is asked for."""
        few = ("--port", "0", "--num-cpus", "2", "--no-dashboard")
        self.loom("start", "--head", *few, *arguments)
        return self.current

    @property
    def current(self) -> Path:
        return (self.runtime / "current").resolve()

    def status(self) -> dict[str, Any]:
        """The session that drivers would find, as ``loom status`` tells it."""
        told: dict[str, Any] = json.loads(self.loom("status", "--json").stdout)["sessions"][0]
        return told

    def jobs(self) -> list[dict[str, Any]]:
        """The cluster's open jobs."""
        jobs: list[dict[str, Any]] = self.status()["cluster"]["jobs"]
        return jobs

    def pid(self, name: str) -> int:
        """Of the current session's supervisor, server or raylet."""
        return int(json.loads((self.current / "processes.json").read_text())[name][0])

    def kill(self, name: str) -> int:
        """End one of them as nothing else can; its pid."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def lose_power(self) -> None:
        """All that runs here ends at once: nobody has the time to clean up, or to end by itself."""
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def processes(self) -> dict[int, str]:
        """All that run in this home: pid -> command line.

        One that ends loses its environment some time before it closes its files and gives up its
        locks; until then it counts, if it was seen here before.
        """
        mark = f"{_VARIABLE}={self.runtime}".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                with suppress(OSError):  # it has ended, or is another user's
                    marked = mark in (entry / "environ").read_bytes().split(b"\0")
                    # A server writes its title over its environment; it works in its folder.
                    if marked or (entry / "cwd").readlink().is_relative_to(self.path):
                        command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                        found[int(entry.name)] = command
        ending = {pid: command for pid, command in self._seen.items() if _has_files(pid)}
        self._seen = {**ending, **found}
        return dict(self._seen)

    def shared_memory(self) -> list[Path]:
        """What the sessions of this home have there."""
        names = [folder.name.removeprefix("session-") for folder in self.sessions()]
        return [p for p in _SHARED_MEMORY.glob("loom-*") if any(name in p.name for name in names)]

    def sessions(self) -> list[Path]:
        return sorted(self.runtime.glob("session-*"))

    def left(self) -> list[str]:
        """What runs or lies about, other than logs and data."""
        # Not rglob(), which fails when a folder goes while it looks.
        files = [Path(at, name) for at, _, names in os.walk(self.runtime) for name in names]
        sockets = [path for path in files if path.is_socket()]
        return [*map(str, self.processes().items()), *map(str, self.shared_memory() + sockets)]

    def wait_empty(self, timeout_s: float = 10) -> None:
        """Ending takes a moment; what is left after this is a leak."""
        deadline = time.monotonic() + timeout_s
        wait_until(lambda: time.monotonic() > deadline or not self.left(), timeout_s + 5)
        assert self.left() == []

    def close(self) -> None:
        """End what still runs, and remove everything."""
        if self.runtime.exists():
            self.loom("stop", "--all", "--force", exits=None)
        with suppress(BaseException):
            wait_until(lambda: not self.processes(), 5)
        left = self.processes()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        memory = self.shared_memory()
        for folder in memory:
            shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self.path, ignore_errors=True)
        assert (left, memory) == ({}, []), "the home was left like this, and is cleared now"


def _has_files(pid: int) -> bool:
    """Whether the process has files open still: its last thread closes them.

    The first thread of a killed process may be a zombie while the others have yet to end.
    """
    states = []
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):
            states.append(stat.read_text().rpartition(")")[2].split()[0])
    return any(state not in {"Z", "X"} for state in states)
