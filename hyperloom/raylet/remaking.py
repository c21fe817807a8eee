"""Objects that were lost with a node: the control plane is asked to have them made again.

The rule: it decides (``lua/task/remake.lua``), and whoever wants the object waits for it there, as
for one that was never made: a process watches it, a task goes back and waits for its inputs.  So
nothing is kept here, and a node that dies meanwhile leaves nothing undone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs import codes
from hyperloom.ids import short
from hyperloom.raylet.conversation import namespace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.messages import Held

AGAIN = "again"  # what is said of an object that is to be looked at again

_WHY = {
    codes.FROM_ACTOR: "a method of an actor made {it}, and is not called again",
    codes.NO_RETRIES: "{its} task has max_retries=0",
    codes.NO_TRIES: "{its} task has used up its retries; give it a larger max_retries",
    codes.WAS_PUT: "{it} was put, and no task made it",
    codes.STREAMED: "{it} is an item of a generator, of which only the whole could run again",
    codes.DROPPED: (
        "the record of {its} task had to make room: all of them together take "
        f"{codes.LINEAGE_BYTES >> 20} MiB of the control plane at most"
    ),
    codes.FORGOTTEN: "nobody held {it} any more, and how it was made is forgotten",
    codes.TOO_DEEP: (
        f"more than {codes.LINEAGE_DEPTH} tasks one after the other, or {codes.LINEAGE_TASKS} in "
        "all, would have to run again"
    ),
}


class Remaking:
    """See the module."""

    def __init__(self, node: bytes, gcs: Conversation) -> None:
        self._node = node
        self._gcs = gcs
        self._put_off: dict[bytes, Held] = {}  # tasks that are on their way back

    def lost(self, oid: bytes, nodes: Sequence[bytes], then: Callable[[str], None]) -> None:
        """These nodes, which should have the object, do not; `then` why it is not made again."""
        self._gcs.apply(
            "task_remake", namespace_of(oid), oid, b"".join(nodes),
            then=lambda reply: then(_sentence(oid, reply)),
        )  # fmt: skip

    def put_off(self, task: Held, then: Callable[[], None]) -> None:
        """Hand back a task, until its inputs exist; `then`, if they never will: it stays."""

        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            mine = self._put_off.pop(task.task, None)
            if mine is task and not isinstance(reply, errors.LoomError) and reply[0] in _WHY:
                then()

        self._put_off[task.task] = task
        self._gcs.apply(
            "task_put_off", namespace_of(task.task), self._node, task.task, task.attempt,
            then=answered,
        )  # fmt: skip

    def known(self) -> set[bytes]:
        """Entries of the tasks that are on their way back."""
        return {held.entry for held in self._put_off.values()}

    def forget(self) -> None:
        """The node was given up: what it held is not its own any more."""
        self._put_off.clear()


def _sentence(oid: bytes, reply: Any) -> str:  # noqa: ANN401 - Redis' own reply
    """Why it is not made again; "" if it is, or has been."""
    if isinstance(reply, errors.LoomError):
        return f"the control plane could not be asked ({reply})"
    why = _WHY.get(reply[0])
    if why is None:
        return ""
    other = reply[1] != oid
    name = f"object {short(reply[1])}, which its task needs and is gone too,"
    return why.format(it=name if other else "it", its=f"{short(reply[1])}'s" if other else "its")
