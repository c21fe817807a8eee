"""Objects that lie on other nodes: this node's raylet is asked to bring them here.

Each request has a connection of its own to the raylet's door, so that no thread waits behind
another one's objects.  A raylet that died may be started again, and be asked again.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from hyperloom import errors, frames
from hyperloom.gcs import pauses
from hyperloom.ids import short

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Object, why, the nodes where it should have been, why it cannot be made again.
Lost = tuple[bytes, str, list[bytes], str]

AGAIN = "again"  # why: it is being made again, or has been; look at its value
GONE = "gone"  # the control plane did not know it


class MadeAgain(Exception):
    """An object is to be looked at again.  Never seen by users."""


class Bringer:
    """Asks the raylet whose door is at this path.

    `waits` says, when it does not answer, whether the next one in its place is waited for.
    """

    def __init__(self, door: str, waits: Callable[[], bool] = lambda: False) -> None:
        self._door = door
        self._waits = waits

    def bring(self, wanted: Sequence[tuple[bytes, int]], timeout_s: float | None) -> list[Lost]:
        """Have objects of about these sizes brought here; those that cannot be had.

        Raises:
            errors.GetTimeout: not all came in time.
            errors.LocalRayletDied: the raylet does not answer.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        tries = 0
        while True:
            try:
                answer = self._ask(wanted, deadline)
            except TimeoutError:
                raise errors.GetTimeout(
                    f"waited {timeout_s:g} s; {len(wanted)} objects, {short(wanted[0][0])} among "
                    "them, exist on other nodes and have not all come to this one. Nothing is "
                    "lost: call get() again, or pass a longer timeout="
                ) from None
            except OSError as error:
                if not self._waits():
                    raise errors.LocalRayletDied(
                        f"this machine's raylet does not answer ({error}), so objects of other "
                        "nodes cannot be brought here. They are where they were; try again when "
                        "it is back"
                    ) from error
                tries += 1
                time.sleep(pauses.after(tries))
            else:
                return [(oid, why, nodes, cannot) for oid, why, nodes, cannot in answer]

    def _ask(self, wanted: Sequence[tuple[bytes, int]], deadline: float | None) -> list[Lost]:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(left)
            sock.connect(self._door)
            sock.sendall(frames.encode(["fetch", wanted]))
            return _answer(sock)


def _answer(sock: socket.socket) -> list[Lost]:
    reader = frames.FrameReader(sock)
    while True:
        # Not `receive`, which takes a timeout for the other side's end.
        data = sock.recv(1, socket.MSG_PEEK)
        messages = reader.receive_some() if data else None
        if messages is None:
            raise ConnectionResetError("it hung up")
        for message in messages:
            if message[0] == "fetched":
                found: list[Lost] = message[1]
                return found


def explain(oid: bytes, why: str, nodes: Sequence[bytes], cannot: str) -> Exception:
    """The error for an object that cannot be brought here; `MadeAgain` when it is made again."""
    if why == AGAIN:
        return MadeAgain(short(oid))
    names = ", ".join(short(node) for node in nodes)
    if why == "full":
        return errors.ObjectLost(
            f"object {short(oid)} cannot be brought here from node {names}: neither the memory nor "
            "the spill folder of this node has room for it. It is not lost. Drop refs to large "
            "objects, or give the node more room"
        )
    text = {
        GONE: "nobody holds it any more, or the control plane lost it",
        "nodes": f"it lay in the shared memory of node {names}, which died or left",
        "absent": f"it should lie in the shared memory of node {names}, and does not",
    }[why]
    return lost(oid, text, cannot)


def lost(oid: bytes, why: str, cannot: str = "") -> errors.ObjectLost:
    """The error for an object that is not there, and is not made again."""
    because = f"It is not made again by itself, since {cannot}. " if cannot else ""
    return errors.ObjectLost(
        f"object {short(oid)} is lost: {why}. {because}Nothing else is lost; to have it again, run "
        "the task that made it, or put it, again"
    )
