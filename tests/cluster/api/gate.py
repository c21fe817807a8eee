"""A file as a signal between a test and its tasks: the one means that needs nothing of ours."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PAUSE_S = 0.002


@dataclass(frozen=True)
class Gate:
    """Closed until somebody opens it; then for ever open."""

    path: Path

    def open(self) -> None:
        self.path.touch()

    @property
    def is_open(self) -> bool:
        return self.path.exists()

    def pass_through(self, timeout_s: float = 30) -> None:
        """Wait, in a task, until it is open."""
        deadline = time.monotonic() + timeout_s
        while not self.path.exists():
            if time.monotonic() > deadline:
                raise AssertionError(f"nobody opened {self.path.name}")
            time.sleep(_PAUSE_S)  # the task has nothing else to wait on

    def note(self, line: str) -> None:
        """Append a line, whole, whoever else does so."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{line}\n".encode())
        os.close(descriptor)

    def notes(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []
