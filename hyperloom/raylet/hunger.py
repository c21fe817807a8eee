"""When a node takes what others have the first choice of.

A task may wish for a node, or for labels, or it was handed on to the node that has its inputs.  A
node that could not do what it wishes leaves it alone, as long as it finds something else to do.
After it had room for `HUNGRY_AFTER_S` and got nothing, it is *hungry*, and takes such tasks too,
until it is given one that may as well run here; one that others left is none such.

But a node may have room for such a task and never have nothing else to do: its CPUs are taken
without end, and the task asks for none.  If that is so of all nodes, and none is as it wishes,
nobody would ever take it.  So of a queue that was seen waiting for `PATIENT_S` a node asks for one
task, then for another after as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.resources import CPU, UNIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperloom.raylet.messages import Kind
    from hyperloom.raylet.state import NodeState

HUNGRY_AFTER_S = 0.3
PATIENT_S = 1.5
GLANCE_S = 1.5  # a queue that was not seen for so long was empty meanwhile
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
    if first(s, kind.queue):
        s.hungry, s.room_since = False, None


def first(s: NodeState, queue: str) -> bool:
    """Whether this node is one that comes first for the tasks of a queue, as most do for most."""
    return grants(s.total, queue)


def seen(s: NodeState, job: bytes, queue: str) -> None:
    """A queue has tasks that no node has taken yet."""
    name = (job, queue)
    if s.now >= s.sought.get(name, s.now) + GLANCE_S:
        s.passed_by.pop(name, None)
    if not first(s, queue):
        s.passed_by.setdefault(name, s.now)
    s.sought[name] = s.now


def has_waited(s: NodeState, job: bytes, queue: str) -> bool:
    """Whether nobody took its tasks for so long that this node may."""
    return s.now >= s.passed_by.get((job, queue), s.now) + PATIENT_S


def grants(units: Mapping[str, int], queue: str) -> bool:
    """Whether a node that has these comes first for the tasks of a queue."""
    wish = queue.split("|")[2:]
    if not wish or wish[0] in {"spread", "pack"}:
        return True
    return all("@" + mark in units for mark in wish[0].split("&"))
