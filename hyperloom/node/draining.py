"""A node is asked to leave, and is watched until it has."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs import asking, overview

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.gcs.wire import Wire

_LOOK_S = 0.2


def drain(
    wire: Wire,
    node: bytes,
    timeout_s: float | None = None,
    *,
    force: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Have a node finish what runs (for so long), hand on the rest and leave; wait for it.

    `told` hears what is left, each time that it changes.

    Raises:
        errors.NotConnected: the node does not answer.
        errors.LoomError: it does not leave, and says why; it works on as before.
    """
    token = os.urandom(4).hex()
    answers = asking.ask(wire, [node], ["drain", token, timeout_s, force])
    if node not in answers:
        raise errors.NotConnected(
            f"node {node.hex()} does not answer, so it was not drained. Is it alive? See loom ls "
            "nodes; if it is gone, others take over what it had by themselves"
        )
    if answers[node]:
        raise errors.LoomError(f"node {node.hex()} is not drained: {answers[node]}")
    said, was_silent = "", False
    while (about := _about(wire, node)) is not None:
        # Longer than until the next beat: who leaves in order is not silent for half its lease.
        was_silent = about["silent_s"] > about["left_s"]
        failed = about.get("drain_failed")
        if failed and failed[0] == token:
            raise errors.LoomError(f"node {node.hex()} did not leave: {failed[1]}")
        text = progress(about)
        if text != said:
            told(text)
            said = text
        time.sleep(_LOOK_S)
    if was_silent:
        raise errors.LoomError(
            f"node {node.hex()} was not heard of any more while it was drained, and was given up: "
            "it did not hand over what it had. Its tasks run again elsewhere if they may; objects "
            "that only it had are made again or lost. See loom ls tasks --state failed"
        )


def _about(wire: Wire, node: bytes) -> dict[str, Any] | None:
    return next((each for each in overview.nodes(wire) if each["node"] == node.hex()), None)


def progress(about: dict[str, Any]) -> str:
    """What is left to be done of a drain, by the row of the node's table; "" without one."""
    left = about.get("draining")
    if not left:
        return ""
    if left["phase"] == "work":
        return f"draining: {left['work']} tasks and actors are here still"
    return f"draining: {left['objects']} objects are to be moved"
