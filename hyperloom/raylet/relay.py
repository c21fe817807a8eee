"""What workers print, to the programs whose tasks they run: on this machine, and on others.

A program is connected to one node.  What its tasks print elsewhere goes there as a message through
the control plane, which keeps nothing of it.

The rule: output must not be in anybody's way.  So much goes to other nodes in a second, and the
rest is counted and said to be left out; all of it is in the workers' files (`loom logs`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import asking, keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.doors import Door
    from hyperloom.raylet.jobs import Jobs

RATE_BYTES = 1 << 18  # a second, from one node to all others
BURST_BYTES = 1 << 20
_TELL_S = 1.0  # then it is said how much was left out
_NOBODY = b""  # wants an answer


class Relay:
    """See the module."""

    def __init__(
        self,
        node: bytes,
        gcs: Conversation,
        jobs: Jobs,
        door: Door,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node = node
        self._gcs = gcs
        self._jobs = jobs
        self._door = door
        self._clock = clock
        self._room = float(BURST_BYTES)  # bytes that may go now
        self._at = clock()
        self._left_out: dict[bytes, int] = {}  # job -> lines

    def prints(self, job: bytes, stream: str, name: str, pid: int, lines: list[str]) -> None:
        """A worker has printed these lines."""
        self._say(job, ["log", stream, name, pid, lines, ""])
        desk = self._jobs.get(job)
        home = bytes.fromhex(desk.about.get("node", "")) if desk is not None else b""
        if home and home != self._node:
            size = sum(map(len, lines))
            if self._has_room(size):
                self._send(job, home, ["log", stream, name, pid, lines, self._node.hex()])
                return
            if job not in self._left_out:
                self._gcs.later(_TELL_S, lambda: self._tell_of_left_out(job, home))
            self._left_out[job] = self._left_out.get(job, 0) + len(lines)

    def _has_room(self, size: int) -> bool:
        now = self._clock()
        self._room = min(BURST_BYTES, self._room + (now - self._at) * RATE_BYTES)
        self._at = now
        if size > self._room:
            return False
        self._room -= size
        return True

    def _tell_of_left_out(self, job: bytes, home: bytes) -> None:
        text = (
            f"{self._left_out.pop(job):,} lines that tasks printed on node {self._node.hex()[:8]} "
            "were left out: they came too fast. loom logs has them"
        )
        self._send(job, home, ["warning", text])

    def _send(self, job: bytes, home: bytes, message: list[Any]) -> None:
        if self._gcs.connected:
            said = asking.question(_NOBODY, ["printed", job, message])
            self._gcs.command("SPUBLISH", keys.INBOX.name(keys.CLUSTER, home), said)

    def heard(self, job: bytes, message: list[Any]) -> None:
        """Another node says what was printed there."""
        self._say(job, message)

    def _say(self, job: bytes, message: list[Any]) -> None:
        for guest in self._door.guests_of(job):
            guest.say(message)
