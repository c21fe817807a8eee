"""What tasks print: a worker's stdout and stderr, which know where a line ends, and whose it is.

The rule: a task begins at the beginning of a line.  What it leaves unended is ended for it,
or it would be shown as the beginning of the next task's first line, or never.

Before the first that a task prints goes a mark with its id, and one without after the last; the
raylet takes them out.  A task that prints nothing has none.  What is printed past these files, by
a program that the task started say, is the task's if it comes between its marks.  Where several
calls run at the same time there are marks at their beginnings only: to end one might end another's.
"""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer

# A command that terminals pass over, and far shorter than what a pipe takes in one piece.
MARK = re.compile(rb"\x1b_loom:([0-9a-f]{32}|)\x1b\\")


class _Pipe(io.FileIO):
    """Remembers whether what was written last ended a line, and which task is marked."""

    at_start = True
    task = b""

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "w", closefd=False)
        self._pipe = os.fstat(fd)

    def write(self, data: ReadableBuffer) -> int:
        """As any file does."""
        task = _whose[0]()
        if task != self.task:
            self.mark(task)
        written = super().write(data)
        if written:
            self.at_start = memoryview(data)[written - 1] == ord("\n")
        return written

    def mark(self, task: bytes) -> None:
        """What follows is this task's; empty: nobody's.

        Not where a task has put something else in the pipe's place, to read what is printed.
        """
        with suppress(OSError):
            if os.path.samestat(os.fstat(self.fileno()), self._pipe):
                super().write(b"\x1b_loom:%s\x1b\\" % task.hex().encode())
                self.task = task


def take_over() -> None:
    """Make this process's stdout and stderr such files, line by line."""
    pipes = _Pipe(1), _Pipe(2)
    _ours[:] = [
        (io.TextIOWrapper(io.BufferedWriter(pipe), line_buffering=True), pipe) for pipe in pipes
    ]
    sys.stdout, sys.stderr = (out for out, _ in _ours)


def belongs_to(whose: Callable[[], bytes]) -> None:
    """Ask this, when something is printed, which task prints; empty: nobody knows."""
    _whose[:] = [whose]


def end_lines(*, alone: bool = True) -> None:
    """Hand on all that was printed, and end the line that was begun; `alone`: no other runs."""
    for out, pipe in _ours:
        if not out.closed:  # by a task
            out.flush()
            if not pipe.at_start:
                out.write("\n")
            if pipe.task and alone:
                pipe.mark(b"")


_ours: list[tuple[TextIO, _Pipe]] = []
_whose: list[Callable[[], bytes]] = [lambda: b""]
