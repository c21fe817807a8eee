"""Objects that lie on other nodes: this node's raylet is asked to bring them here.

Each request has a connection of its own to the raylet's door, so that no thread waits behind
another one's objects.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from hyperloom import errors, frames
from hyperloom.ids import short

if TYPE_CHECKING:
    from collections.abc import Sequence

# Object, why, the nodes where it should have been, why it cannot be made again.
Lost = tuple[bytes, str, list[bytes], str]

AGAIN = "again"  # why: it is being made again, or has been; look at its value
GONE = "gone"  # the control plane did not know it


class MadeAgain(Exception):
    """An object is to be looked at again.  Never seen by users."""


class Bringer:
    """Asks the raylet whose door is at this path."""

    def __init__(self, door: str) -> None:
        self._door = door

    def bring(self, wanted: Sequence[tuple[bytes, int]], timeout_s: float | None) -> list[Lost]:
        """Have objects of about these sizes brought here; those that cannot be had.

        Raises:
            errors.GetTimeout: not all came in time.
            errors.LocalRayletDied: the raylet does not answer.
        """
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(timeout_s)
                sock.connect(self._door)
                sock.sendall(frames.encode(["fetch", wanted]))
                answer = _answer(sock)
        except TimeoutError:
            raise errors.GetTimeout(
                f"waited {timeout_s:g} s; {len(wanted)} objects, {short(wanted[0][0])} among them, "
                "exist on other nodes and have not all come to this one. Nothing is lost: call "
                "get() again, or pass a longer timeout="
            ) from None
        except OSError as error:
            raise errors.LocalRayletDied(
                f"this machine's raylet does not answer ({error}), so objects of other nodes "
                "cannot be brought here. They are where they were; try again when it is back"
            ) from error
        return [(oid, why, nodes, cannot) for oid, why, nodes, cannot in answer]


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
