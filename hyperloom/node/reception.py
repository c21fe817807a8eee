"""Takes programs that come from other machines, and tells them how these stand.

A process of its own, for one ``loom submit`` elsewhere: its node's raylet starts it when it is
asked to (`hyperloom.raylet.reception`), so that unpacking and stopping never keep the raylet
waiting.  Questions and answers go through the control plane (`hyperloom.gcs.asking`), on a channel
that the asker has chosen; parts of a directory too, each of which is answered before the next is
sent.  So nothing of it is kept there, and no port is opened.

The rule: whoever may enter the control plane may run code on its nodes anyway; so it is let in,
and nobody else can be.  It ends when nobody has asked for a while, or the raylet has ended.
"""

from __future__ import annotations

import logging
import select
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs import asking, codes, keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.gcs.wire import Wire
from hyperloom.node import parcels, submissions
from hyperloom.raylet import log_lines
from hyperloom.raylet.node import NodeSettings

if TYPE_CHECKING:
    from hyperloom.node.submissions import Submission

_log = logging.getLogger("hyperloom.reception")

_LOOK_S = 0.5  # whether the raylet is there still
_SILENCE_S = 30.0


class Reception:
    """What it answers; `parcel` is an empty file for what comes in parts."""

    def __init__(self, session: Path, parcel: IO[bytes]) -> None:
        self._session = session
        self._parcel = parcel

    def answer(self, question: list[Any]) -> dict[str, Any]:
        """What is said to a question; ``error`` in it says that nothing was done, and why."""
        try:
            return self._answer(question)
        except errors.LoomError as error:
            return {"error": str(error)}
        except OSError as error:
            return {"error": f"the node cannot do that: {error}; nothing was started"}

    def _answer(self, question: list[Any]) -> dict[str, Any]:
        told: dict[str, Any] = {}
        match question:
            case ["part", int(at), bytes(part)]:
                told["has"] = self._take(at, part)
            case ["run", list(command), dict(env)]:
                self._parcel.seek(0)
                unpack = partial(parcels.unpack, self._parcel)
                told = submissions.begin(self._session, command, env, unpack).shown()
            case ["list"]:
                told["all"] = [each.shown() for each in submissions.of(self._session)]
            case ["find", str(text)]:
                told = self._find(text).shown()
            case ["read", str(text), int(at)]:
                known = self._find(text)  # how it stands is asked before its last words are read
                part, following = submissions.output(known, at)
                told |= {"about": known.shown(), "text": part, "next": following}
            case ["stop", str(text)]:
                submissions.stop(self._find(text))
            case ["run_again", str(text)]:
                told = submissions.run_again(self._find(text)).shown()
            case _:
                told["error"] = "the head is of another version, and does not know this question"
        return told

    def _find(self, text: str) -> Submission:
        return submissions.find(self._session, text)

    def _take(self, at: int, part: bytes) -> int:
        size = self._parcel.seek(0, 2)
        if at != size:
            raise errors.LoomError("parts of the directory came out of order; nothing was started")
        if size + len(part) > parcels.MOST_BYTES:
            raise errors.LoomError(
                f"the directory has more than {parcels.MOST_BYTES >> 20} MiB; nothing was started"
            )
        self._parcel.write(part)
        return size + len(part)


def main(folder: Path, channel: bytes, reply_to: bytes) -> int:
    """Listen on the channel, and say so to who has asked for it."""
    settings = NodeSettings.read(folder)
    log_lines.begin(settings, "reception")
    with (
        closing(Wire(settings.address)) as wire,
        closing(Inbox(settings.address, keys.INBOX.name(keys.CLUSTER, channel))) as inbox,
        tempfile.TemporaryFile(dir=folder) as parcel,
    ):

        def say(to: bytes, told: object) -> None:
            who = settings.node if to == reply_to else channel
            name = keys.INBOX.name(keys.CLUSTER, to)
            wire.call("SPUBLISH", name, asking.answer(who, told))

        reception = Reception(folder, parcel)
        say(reply_to, {})
        heard = time.monotonic()
        while time.monotonic() - heard < _SILENCE_S and not _raylet_ended():
            for kind, *parts in inbox.poll(_LOOK_S):
                if kind == codes.ASK:
                    to, *message = parts
                    say(to, reception.answer(asking.asked_of(message)))
                    heard = time.monotonic()
    return 0


def _raylet_ended() -> bool:
    """It holds the other end of our standard input, and writes nothing."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), *map(bytes.fromhex, sys.argv[2:4])))
    except errors.LoomError as error:  # the control plane is away: who asks hears nothing
        _log.critical("%s", error)
        sys.exit(1)
