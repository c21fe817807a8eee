"""Jobs whose driver's node is lost, and drivers that come back too late.

A job ends when its driver's raylet sees the driver go.  If that raylet is lost with the driver, as
when a machine loses its power, nobody sees it; and if the machine only hung, or was cut off, the
driver lives and wants its job.  From outside both look the same.  So the job of a driver whose
node is no member is an *orphan* (``lua/job/orphan.lua``): it goes on for ``job_grace_s``, by the
server's clock, and then whoever looks next closes it, as if the driver had been killed.

The rule: who was not waited for is told.  Why a job was ended without its driver stands in the
control plane; the driver finds it there by itself, or its raylet tells it (`arrivals`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs import keys
from hyperloom.ids import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.jobs import Jobs
    from hyperloom.raylet.node import NodeSettings
    from hyperloom.raylet.owners import Owners

TOLD_S = 7 * 86_400  # how long a driver that comes back is told what happened
_AT_ONCE = 500
_SOON_S = 0.02
_LOST = (
    "Its tasks were cancelled, and what it held was let go of; what is detached goes on. Call "
    "loom.shutdown() and loom.init() to begin anew"
)
NOT_BACK = (
    "this program's job was ended without it: the raylet of its node died, and the program did not "
    f"come to the next one within lease_s. {_LOST}"
)
OVER = f"this program's job is over. {_LOST}"


class Orphans:
    """See the module.  `owners` ends jobs whose drivers are not waited for any more."""

    def __init__(
        self, settings: NodeSettings, gcs: Conversation, jobs: Jobs, owners: Owners
    ) -> None:
        self._node = settings.node
        self._lease_s = settings.config.lease_s
        self._grace_s = settings.config.job_grace_s
        self._gcs = gcs
        self._jobs = jobs
        self._owners = owners
        self._next = 0  # the look that is to come; an earlier one does nothing
        self._look_in(self._lease_s)

    def _look_in(self, seconds: float) -> None:
        self._next += 1
        self._gcs.later(seconds, lambda number=self._next: self._look(number))  # type: ignore[misc]

    def _look(self, number: int) -> None:
        if number != self._next:
            return
        self._look_in(self._lease_s)
        asked = [(job, *found) for job in self._jobs if (found := self._elsewhere(job))]
        if self._gcs.connected:
            for at in range(0, len(asked), _AT_ONCE):
                self._ask(asked[at : at + _AT_ONCE])

    def _elsewhere(self, job: bytes) -> tuple[bytes, int] | None:
        """The driver's node, if it is another, and how long it is waited for (ms)."""
        desk = self._jobs.get(job)
        about = {} if desk is None or self._owners.is_forsaken(job) else desk.about
        node = bytes.fromhex(about.get("node", ""))
        if not node or node == self._node:
            return None
        return node, round(about.get("grace_s", self._grace_s) * 1000)

    def _ask(self, asked: Sequence[tuple[bytes, bytes, int]]) -> None:
        def answered(left: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(left, errors.LoomError):
                return
            waits = [ms / 1000 for ms in left if ms > 0]
            if waits and min(waits) < self._lease_s:
                self._look_in(min(waits) + _SOON_S)
            for (job, node, grace_ms), ms in zip(asked, left, strict=True):
                if ms == 0:
                    self._owners.abandon(job, _why(node, grace_ms))

        flat = [part for each in asked for part in each]
        self._gcs.apply("job_orphan", keys.CLUSTER, *flat, then=answered)


def _why(node: bytes, grace_ms: int) -> str:
    return (
        f"this program's job was ended without it: its node {short(node)} was not heard of for "
        f"{grace_ms / 1000:g} s (job_grace_s) after it had been given up. {_LOST}"
    )
