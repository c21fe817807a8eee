"""Programs that end in order: first their actors do, in peace, while the job is still there.

1. The driver says farewell, and how many calls it had not sent yet.  2. The control plane is asked
to let the job's actors rest, and refuses if others own the job, which then goes on (`owners`).
3. The actors here are told at once, by us, and not only by our inbox: else it would seem that none
is left.  4. When none is, the driver may hang up, and the job is closed.  It does not wait for
ever, and not for other nodes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.doors import Guest
    from hyperloom.raylet.jobs import Jobs
    from hyperloom.raylet.machine import NodeMachine
    from hyperloom.raylet.node import NodeSettings


class Parting:
    """See the module.  `gone` is told of a driver that is gone."""

    def __init__(
        self,
        settings: NodeSettings,
        gcs: Conversation,
        jobs: Jobs,
        machine: NodeMachine,
        gone: Callable[[Guest], None],
    ) -> None:
        self._whole = settings.embedded and settings.server is not None
        self._gcs = gcs
        self._jobs = jobs
        self._machine = machine
        self._gone = gone
        self._guests: dict[bytes, Guest] = {}  # job -> its driver, which waits

    def begin(self, guest: Guest, unsent: int) -> None:
        """A driver ends, with so many calls of actors that it has not sent."""
        guest.ends = True
        if guest.job is None or not self._gcs.connected:
            guest.say(["parted"])
            return
        told = partial(self._told, guest, guest.job, unsent)
        namespace = keys.job_namespace(guest.job)
        self._gcs.apply("job_rest", namespace, int(self._whole), then=told)

    def _told(self, guest: Guest, job: bytes, unsent: int, unanswered: Any) -> None:  # noqa: ANN401 - Redis' own reply
        rests = isinstance(unanswered, int) and unanswered >= 0
        lost = unsent + (unanswered if rests else 0)
        if lost:
            calls = "a call of an actor was" if lost == 1 else f"{lost:,} calls of actors were"
            text = (
                f"{calls} not answered when the program ended, and will not be: get the results "
                "first, or call detached actors"
            )
            guest.say(["warning", text])
        if rests:
            self._guests[job] = guest
            self._jobs.let_rest(job)
            self.look()
        else:
            guest.say(["parted"])

    def look(self) -> None:
        """A worker is gone: perhaps there is nobody left to wait for."""
        for job, guest in list(self._guests.items()):
            if not self._machine.has_actors(job):
                del self._guests[job]
                guest.say(["parted"])

    def left(self, guest: Guest) -> None:
        """A driver is gone, whatever it waited for."""
        if guest.job is not None:
            self._guests.pop(guest.job, None)
        self._gone(guest)
