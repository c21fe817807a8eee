"""Starts what takes programs from other machines (`hyperloom.node.reception`), and looks after it.

The rule: the raylet starts it and no more.  It ends by itself, at the latest when its standard
input does, whose other end is here.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperloom.raylet.loop import Loop
    from hyperloom.raylet.node import NodeSettings

_MOST = 8  # at the same time
_LOOK_S = 1.0


class Receptions:
    """See the module."""

    def __init__(self, settings: NodeSettings, loop: Loop) -> None:
        self._settings = settings
        self._loop = loop
        self._running: list[subprocess.Popen[bytes]] = []

    def open(self, channel: bytes, reply_to: bytes) -> str:
        """Have one listen on a channel; it says to `reply_to` that it does.  Else: why not."""
        if self._settings.embedded:
            return "this node ends with the program that started it, so it takes no others"
        if len(self._running) >= _MOST:
            return f"this node is busy with {_MOST} other submissions; try again in a moment"
        if not self._running:
            self._loop.later(_LOOK_S, self._look)
        folder = self._settings.folder
        with (folder / "reception.log").open("ab") as log:
            self._running.append(subprocess.Popen(
                [
                    sys.executable, "-P", "-m", "hyperloom.node.reception",
                    str(folder), channel.hex(), reply_to.hex(),
                ],
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True, cwd="/",
            ))  # fmt: skip
        return ""

    def _look(self) -> None:
        for each in [each for each in self._running if each.poll() is not None]:
            self._let_go(each)
        if self._running:
            self._loop.later(_LOOK_S, self._look)

    def _let_go(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None, "it was given one"
        process.stdin.close()
        self._running.remove(process)

    def close(self) -> None:
        """The node ends: so do they, by themselves."""
        for each in list(self._running):
            self._let_go(each)
            each.returncode = each.poll() or 0  # it is nobody's child from now on
