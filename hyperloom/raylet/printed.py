"""What one worker prints: whole lines for the drivers, the last ones for errors, all for a file.

The rule: what was read is shown once, and as a terminal would show it in the end: of a line
that was written over (a progress bar), the last version.  A line that has no end yet is shown
when it has waited for `UNENDED_S`, when its worker has nothing more to do, and when it ends.

Beside a file is another, `notes_of` it: from which byte on it is whose, a line for each time that
this changes.  There is none as long as nobody's is marked (`hyperloom.core.output`).
"""

from __future__ import annotations

import os
import re
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from hyperloom.core.output import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import BinaryIO

UNENDED_S = 1.0

_TAIL_LINES = 20
_LINE_BYTES = 4000
_PIPE_BYTES = 1 << 16  # no more is in it: one read empties it
_BLOCK_BYTES = 4096  # a file takes no less
_ENDED_TIMES = 10


class Printed:
    """The output of one worker; `show` is told the stream and its lines."""

    def __init__(
        self,
        pipes: Mapping[int, str],
        logs: Logs,
        later: Callable[[float, Callable[[], None]], None],
        show: Callable[[str, list[str]], None],
    ) -> None:
        self.pipes = pipes
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)  # of stderr
        self._logs = logs
        self._log: _Log | None = None
        self._later = later
        self._show = show
        self._tasks = dict.fromkeys(pipes, b"")  # pipe -> whose it is what comes, as marked
        self._unended: int | None = None  # whose line is the last in the file, and has no end
        self._begun: dict[int, bytes] = {}  # pipe -> a line without its end
        self._lines = dict.fromkeys(pipes, 0)  # how many were begun
        self._partly_shown: set[int] = set()  # pipes whose line was shown before its end

    def read(self, pipe: int, pid: int) -> bool:
        """Read what is there; False: nothing will be there any more."""
        try:
            data = os.read(pipe, _PIPE_BYTES)
        except BlockingIOError:
            return True
        if not data:
            return False
        data = self._written(pipe, pid, data)
        if not data:
            return True
        before = self._begun.pop(pipe, b"")
        *lines, rest = (before + data).split(b"\n")
        if lines and pipe in self._partly_shown:
            self._partly_shown.remove(pipe)
            lines = lines if _visible(lines[0]) else lines[1:]
        if len(rest) > _LINE_BYTES:
            rest = _visible(rest) + (b"\r" if rest.endswith(b"\r") else b"")
        if len(rest) > _LINE_BYTES:
            lines.append(rest)
            rest = b""
        self._say(pipe, lines)
        if rest:
            self._begun[pipe] = rest
            if lines or not before:
                self._begin(pipe)
        return True

    def _written(self, pipe: int, pid: int, data: bytes) -> bytes:
        """It is in the file, each part as its task's; what there is to show of it.

        No mark is cut: it was written in one piece, and all was read.
        """
        texts = MARK.split(data)  # and the tasks between them
        for at, part in enumerate(texts):
            if at % 2:
                self._tasks[pipe] = part
            elif part:
                if self._log is None:
                    self._log = self._logs.open(f"worker-{pid}.log")
                if self._unended not in {None, pipe}:  # else two lines would be one in the file
                    self._log.write(b"\n", self._tasks[self._unended])
                self._log.write(part, self._tasks[pipe])
                self._unended = None if part.endswith(b"\n") else pipe
        return b"".join(texts[::2])

    def read_all(self, pid: int) -> None:
        """Read what is there, of all pipes."""
        for pipe in self.pipes:
            self.read(pipe, pid)

    def show_unended(self) -> None:
        """Nothing follows the lines that were begun."""
        for pipe in self.pipes:
            self._say(pipe, [rest] if (rest := self._begun.pop(pipe, b"")) else [])

    def close(self) -> None:
        """There will be no more; the file stays for a while."""
        if self._log is not None:
            self._logs.close(self._log)

    def _begin(self, pipe: int) -> None:
        self._lines[pipe] += 1
        number = self._lines[pipe]

        def waited() -> None:
            if self._lines[pipe] == number and pipe in self._begun:
                self._say(pipe, [self._begun.pop(pipe)])
                self._partly_shown.add(pipe)

        self._later(UNENDED_S, waited)

    def _say(self, pipe: int, lines: list[bytes]) -> None:
        texts = [_visible(line).decode(errors="replace") for line in lines]
        shown = [part for text in texts for part in _parts(text)]
        if self.pipes[pipe] == "stderr":
            self.tail.extend(shown)
        if shown:
            self._show(self.pipes[pipe], shown)


def _parts(text: str) -> list[str]:
    """A very long line is shown as several."""
    return [text[at : at + _LINE_BYTES] for at in range(0, len(text), _LINE_BYTES)] or [""]


def _visible(line: bytes) -> bytes:
    """What a terminal shows in the end of a line that was written over."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]


class Logs:
    """The files of a node's workers: so many bytes of each, and ten times that of those gone."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most = most_bytes
        self._ended: dict[Path, int] = {}  # bytes of the files of workers that are gone
        for path in sorted(folder.glob("worker-*"), key=lambda path: path.stat().st_mtime):
            self._ended[path] = max(path.stat().st_size, _BLOCK_BYTES)  # of a raylet before us

    def open(self, name: str) -> _Log:
        """The file of a worker that prints."""
        path = self._folder / name
        for known in _all(path):
            self._ended.pop(known, None)  # its pid was another's before
        return _Log(path, self._most)

    def close(self, log: _Log) -> None:
        """The worker is gone: its file stays as long as there is room."""
        log.close()
        for path in _all(log.path):
            with suppress(OSError):
                self._ended[path] = max(path.stat().st_size, _BLOCK_BYTES)
        total = sum(self._ended.values())
        for path in list(self._ended):
            if total <= _ENDED_TIMES * self._most:
                return
            total -= self._ended.pop(path)
            path.unlink(missing_ok=True)


class _Log:
    """One file; its older half is in another, which is forgotten when both are full."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path = path
        self._half = most_bytes // 2
        self.file: BinaryIO = path.open("ab", buffering=0)
        self._notes: BinaryIO | None = None
        # Whose it is what was written last; None: of a worker with the same pid, long ago.
        self._noted = None if notes_of(path).exists() else b""

    def write(self, data: bytes, task: bytes = b"") -> None:
        """A full disk loses lines, and not the node; `task`: whose it is, in hex."""
        with suppress(OSError, ValueError):  # ValueError: it could not be opened again
            if task != self._noted:
                self._note(task)
            self.file.write(data)
            if self.file.tell() + (self._notes.tell() if self._notes else 0) >= self._half:
                self._turn()

    def _note(self, task: bytes) -> None:
        if self._notes is None:
            self._notes = notes_of(self.path).open("ab", buffering=0)
        self._notes.write(b"%d %s\n" % (self.file.tell(), task))
        self._noted = task

    def _turn(self) -> None:
        self.close()
        older = _older(self.path)
        notes_of(older).unlink(missing_ok=True)
        self.path.replace(older)
        if self._notes is not None:
            notes_of(self.path).replace(notes_of(older))
        self._notes, self._noted = None, b""
        self.file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        """Nothing is written any more."""
        self.file.close()
        if self._notes is not None:
            self._notes.close()


def _older(path: Path) -> Path:
    """The file's older half."""
    return path.with_suffix(".log.1")


def notes_of(path: Path) -> Path:
    """Of a file, or of its older half."""
    return path.with_name(path.name.replace(".log", ".tasks"))


def _all(path: Path) -> list[Path]:
    return [each for half in (_older(path), path) for each in (half, notes_of(half))]


def spans_of(path: Path, task: str, size: int) -> list[tuple[int, int]]:
    """From which byte to which a file is this task's (in hex), in order."""
    try:
        notes = notes_of(path).read_bytes()
    except FileNotFoundError:
        return []
    rows = re.finditer(rb"(?m)^(\d+) %s\n(?=(?:(\d+) )?)" % re.escape(task.encode()), notes)
    return [(int(row[1]), int(row[2] or size)) for row in rows]
