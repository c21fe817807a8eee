"""Tasks that wait here for long, while another node may stand idle: the control plane is asked.

The machine says which jobs have such (`sharing.may_go`), and decides what goes.  The longer one
has waited, the less often that is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.gcs import keys
from hyperloom.raylet.messages import OthersStandIdle

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.machine import NodeMachine

_SHARE = 4  # of the time that it has waited, a quarter may pass until it is asked again
_MOST_S = 2.0


class Elsewhere:
    """See the module.  `handle` takes events for the machine."""

    def __init__(
        self,
        node: bytes,
        gcs: Conversation,
        machine: NodeMachine,
        handle: Callable[[OthersStandIdle], None],
    ) -> None:
        self._node = node
        self._gcs = gcs
        self._machine = machine
        self._handle = handle
        self._next: dict[bytes, float] = {}  # job -> when to ask again

    def look(self, now: float) -> None:
        """Ask who stands idle, if it is time."""
        waiting = self._machine.may_go(now)
        self._next = {job: at for job, at in self._next.items() if job in waiting}
        for job, since in waiting.items():
            if now >= self._next.get(job, now) and self._gcs.connected:
                self._next[job] = now + min(_MOST_S, (now - since) / _SHARE)
                self._ask(job)

    def _ask(self, job: bytes) -> None:
        def answered(rows: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if not isinstance(rows, errors.LoomError):
                idle = dict(zip(rows[::2], rows[1::2], strict=True))
                idle.pop(self._node, None)
                self._handle(OthersStandIdle(job, [offer.decode() for offer in idle.values()]))

        self._gcs.command("HGETALL", keys.IDLE.name(keys.job_namespace(job)), then=answered)
