"""How actors end, and what becomes of the calls that they were dealt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.models.references import Refusal, output, pieces

if TYPE_CHECKING:
    from tests.models.actors import Actors


def actor_kill(
    self: Actors, actor: bytes, restart: int, attempt: int, failure: bytes
) -> bytes | int:
    if actor not in self.actors:
        return b"OVER"
    node = self.holder(actor)
    if restart:
        if node is not None:
            self.tell(node, codes.ACTOR, actor, codes.RESTART)
        return b"TOLD"
    lives = 0 if node is None else self.held[node][actor]
    if lives != attempt:
        return lives
    self.hosts.pop(actor, None)
    self.fail([actor], failure)
    self.serve()
    return b"DEAD"


def actor_over(  # noqa: PLR0913, PLR0917 - the transition's own arguments
    self: Actors, node: bytes, actor: bytes, attempt: int, failure: bytes, begun: bytes
) -> int:
    if self.held.get(node, {}).get(actor) != attempt:
        raise Refusal("STALE")
    self.hosts.pop(actor, None)
    self.fail([actor], failure)
    return self.actor_left(node, actor, begun)


def actor_left(self: Actors, node: bytes, actor: bytes, begun: bytes) -> int:
    if actor not in self.actors:
        calls = self.calls_of(actor, node)
        may = calls if begun == b"*" else pieces(begun, codes.TASK_ID)
        self.leave([call for call in calls if call in may], ran=True)
        self.leave([call for call in calls if call not in may], ran=False)
        self.serve()
    return 1


def leave(self: Actors, calls: list[bytes], *, ran: bool) -> None:
    """Calls of actors that are over become what these became."""
    for actor in dict.fromkeys([self.actor_of(call) for call in calls]):
        theirs = [call for call in calls if self.actor_of(call) == actor]
        self.fail(theirs, self.value[output(actor, 0)], ran=ran)
