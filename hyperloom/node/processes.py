"""Processes that are told by pid and start, so that a pid which is used again fools nobody."""

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

_RECORD = "processes.json"
_PAUSE_S = 0.02


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
