"""Error replies of the server, and the exceptions that they become."""

from __future__ import annotations

import re

from hyperloom.errors import (
    Backpressure,
    Exists,
    Gap,
    IllegalTransition,
    LibraryBug,
    LoomError,
    NotFound,
    ServerRefused,
    Stale,
)


class NotNow(ServerRefused):
    """The server can do nothing of the kind for now; the same words will do later."""


_REFUSALS = {
    cls.code: cls for cls in (NotFound, Exists, IllegalTransition, Stale, Gap, Backpressure)
}

_NOT_NOW = {
    "MISCONF": "the server cannot write to its disk, which is full or broken, and takes nothing "
    "until it can; what it had accepted is there. Make room on the disk of its folder ({})",
    "READONLY": "the server is a replica now, and takes nothing ({}). See to its primary",
    "CLUSTERDOWN": "the server's cluster is down for now ({})",
    "BUSY": "the server is busy with a script for long ({})",
}
_NO_LIBRARY = "ERR Function not found"
_LIBRARY_GONE = (
    "the server has lost the library of HyperLoom ({}); its data is there. A node that may loads "
    "it again by itself; if none does, start one anew"
)

# Redis appends this to what a function raises, and only to that.
_RAISED = re.compile(r" script: .*on @user_function:\d+\.$")


def from_reply(message: str) -> LoomError:
    """The exception for an error reply of the Lua library."""
    word, _, sentence = message.partition(" ")
    # The server's own word when `maxmemory` is reached: it refuses before the function runs.
    if word == "OOM":
        return Backpressure(f"the server's memory is full, nothing was accepted: {sentence}")
    if _RAISED.search(message):
        return LibraryBug(message)
    if word in _NOT_NOW or message.startswith(_NO_LIBRARY):
        return NotNow(_NOT_NOW.get(word, _LIBRARY_GONE).format(message))
    if not word.startswith("LOOM_"):
        return ServerRefused(message)
    refusal = _REFUSALS.get(word.removeprefix("LOOM_"))
    return LibraryBug(message) if refusal is None else refusal(sentence)
