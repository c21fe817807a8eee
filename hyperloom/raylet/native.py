"""Stacks of workers from outside, with the frames of native code: by py-spy, if it is there.

A worker that is deep in native code cannot say where it is.  The rule: the loop never waits for
py-spy; what it said when its time was over is what is told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hyperloom.raylet.loop import Loop

_PATIENCE_S = 8.0
_READ_BYTES = 1 << 16
MISSING = "py-spy is not installed on this node: pip install py-spy there"


def stacks(loop: Loop, pids: Iterable[int], then: Callable[[dict[int, str]], None]) -> None:
    """What py-spy says of each process, told when it has said it of all."""
    program = shutil.which("py-spy")
    wanted = list(pids)
    if program is None or not wanted:
        then(dict.fromkeys(wanted, MISSING))
        return
    told: dict[int, str] = {}

    def says(pid: int, text: str) -> None:
        told[pid] = text
        if len(told) == len(wanted):
            then(told)

    for pid in wanted:
        _Look(loop, [program, "dump", "--native", "--pid", str(pid)], pid, says)


class _Look:
    """One py-spy; `says` is told what it printed when it ends."""

    def __init__(
        self, loop: Loop, command: list[str], pid: int, says: Callable[[int, str], None]
    ) -> None:
        self._loop = loop
        self._pid = pid
        self._says = says
        self._text = b""
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert self._process.stdout is not None, "it was asked for"
        self._pipe = self._process.stdout
        loop.on_readable(self._pipe.fileno(), self._read)
        loop.later(_PATIENCE_S, self._kill)

    def _read(self) -> None:
        part = os.read(self._pipe.fileno(), _READ_BYTES)
        self._text += part
        if not part:
            self._loop.forget(self._pipe.fileno())
            self._pipe.close()
            self._process.wait()  # it has closed its output: it is ending
            self._says(self._pid, self._text.decode(errors="replace").strip())

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
