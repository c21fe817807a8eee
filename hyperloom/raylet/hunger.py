"""When a node takes what others have the first choice of.

A task may wish for a node, or for labels, or it was handed on to the node that has its inputs.  A
node that could not do what it wishes leaves it alone, as long as it finds something else to do.
After it had room for `HUNGRY_AFTER_S` and got nothing, it is *hungry*, and takes such tasks too,
until it is given one that may as well run here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.resources import CPU, UNIT

if TYPE_CHECKING:
    from hyperloom.raylet.messages import Kind
    from hyperloom.raylet.state import NodeState

HUNGRY_AFTER_S = 0.3
MARK = "~"  # in an offer; see ``lua/task/_room.lua``


def look(s: NodeState) -> None:
    """Whether there is room, and since when."""
    if s.hungry:
        return
    has_room = not s.queues and s.free.get(CPU, 0) >= min(UNIT, s.total.get(CPU, 0))
    if not has_room:
        s.room_since = None
        return
    if s.room_since is None:
        s.room_since = s.now
    s.hungry = s.now >= s.room_since + HUNGRY_AFTER_S
    if not s.hungry:
        s.at(s.room_since + HUNGRY_AFTER_S)


def fed(s: NodeState, kind: Kind) -> None:
    """It was given a task of this kind."""
    wish = kind.queue.split("|")[2:]
    if not wish or wish[0] in {"spread", "pack"} or grants(s, wish[0]):
        s.hungry, s.room_since = False, None


def grants(s: NodeState, wish: str) -> bool:
    """Whether this is a node that is wished for."""
    return all("@" + mark in s.total for mark in wish.split("&"))
