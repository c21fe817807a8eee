"""Processes that are told by pid and start, so that a pid which is used again fools nobody.

A session's supervisor writes down whom it starts.  If it is killed in the moment between, its
record lacks one that lives: so who is not in it is looked for, by what it was started with.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperloom.raylet.node import NodeSettings

_RECORD = "processes.json"
_PAUSE_S = 0.02
# What they run, with the session's folder for an argument.
_MODULES = {
    "supervisor": b"hyperloom.node.supervisor",
    "raylet": b"hyperloom.raylet.main",
    "recorder": b"hyperloom.node.record",
    "page": b"hyperloom.dashboard.resident",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """One process."""

    pid: int
    started: int  # in clock ticks since the machine's start

    @classmethod
    def of(cls, pid: int) -> Mark | None:
        """The process that has the pid now."""
        about = _stat(pid)
        return None if about is None else cls(pid, int(about[19]))

    @property
    def alive(self) -> bool:
        """Whether it runs; a zombie does not."""
        about = _stat(self.pid)
        return about is not None and int(about[19]) == self.started and about[0] not in "ZX"

    def signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, number)

    def signal_group(self, number: int) -> None:
        """The same to all of the process group that it leads."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                os.killpg(self.pid, number)

    def wait_end(self, timeout_s: float) -> bool:
        """Wait until it is gone.  False: it was not, in time."""
        deadline = time.monotonic() + timeout_s
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_S)  # it is not our child: there is nothing to wait on
        return True


def _stat(pid: int) -> list[str] | None:
    """State and all after it, as in proc(5)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def record(folder: Path, marks: Mapping[str, Mark]) -> None:
    """Write down who the processes of a session are."""
    aside = folder / f".{_RECORD}"
    aside.write_text(json.dumps({name: [mark.pid, mark.started] for name, mark in marks.items()}))
    aside.replace(folder / _RECORD)


def recorded(folder: Path) -> dict[str, Mark]:
    """Those of them that live."""
    try:
        found = json.loads((folder / _RECORD).read_text())
    except (OSError, ValueError):
        return {}
    marks = {name: Mark(*values) for name, values in found.items()}
    return {name: mark for name, mark in marks.items() if mark.alive}


def living(settings: NodeSettings) -> dict[str, Mark]:
    """Those of a session that live, written down or not."""
    return {**_unrecorded(settings), **recorded(settings.folder)}


def _unrecorded(settings: NodeSettings) -> dict[str, Mark]:
    found: dict[str, dict[int, Mark]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        mark, name = Mark.of(int(entry.name)), _name_of(entry, settings)
        if name and mark is not None and mark.alive:
            found.setdefault(name, {})[mark.pid] = mark
    # A raylet's forks look like itself; who has no such parent is the first of them.
    return {
        name: mark
        for name, marks in found.items()
        for mark in marks.values()
        if _parent(mark.pid) not in marks
    }


def _name_of(process: Path, settings: NodeSettings) -> str:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        if os.fsencode(settings.folder) in words:
            return next((name for name, module in _MODULES.items() if module in words), "")
        about = settings.server  # it writes over its command line, and works in its folder
        if about is not None and (process / "cwd").readlink() == Path(about["folder"]):
            return "server" if (process / "exe").samefile(about["binary"]) else ""
    except OSError:
        pass  # it has ended, or is another user's
    return ""


def _parent(pid: int) -> int:
    about = _stat(pid)
    return int(about[1]) if about else 0
