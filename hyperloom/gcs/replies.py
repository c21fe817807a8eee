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

_REFUSALS = {
    cls.code: cls for cls in (NotFound, Exists, IllegalTransition, Stale, Gap, Backpressure)
}

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
    if not word.startswith("LOOM_"):
        return ServerRefused(message)
    refusal = _REFUSALS.get(word.removeprefix("LOOM_"))
    return LibraryBug(message) if refusal is None else refusal(sentence)
