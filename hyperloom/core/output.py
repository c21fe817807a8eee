"""What tasks print: a worker's stdout and stderr, which know where a line ends.

The rule: a task begins at the beginning of a line.  What it leaves unended is ended for it,
or it would be shown as the beginning of the next task's first line, or never.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Pipe(io.FileIO):
    """Remembers whether what was written last ended a line."""

    at_start = True

    def write(self, data: ReadableBuffer) -> int:
        """As any file does."""
        written = super().write(data)
        if written:
            self.at_start = memoryview(data)[written - 1] == ord("\n")
        return written


def take_over() -> None:
    """Make this process's stdout and stderr such files, line by line."""
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(_Pipe(fd, "w", closefd=False)), line_buffering=True)
        for fd in (1, 2)
    )
    _ours[:] = [sys.stdout, sys.stderr]


def end_lines() -> None:
    """Hand on all that was printed, and end the line that was begun."""
    for out in _ours:
        if not out.closed:  # by a task
            out.flush()
            if not cast("_Pipe", cast("io.BufferedWriter", out.buffer).raw).at_start:
                out.write("\n")


_ours: list[TextIO] = []
