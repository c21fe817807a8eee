"""Who owns a job besides its driver: processes that visit it, and what is detached.

A driver or worker may have a session in another job: it *visits* that, as a process of its own,
and the raylet of its machine buries that process when the visitor is gone.  What is detached
belongs to nobody who could die; but until all of it was said, it is a visit of who says it.

The rule: when a job's driver is gone, the control plane is asked to close the job, and refuses as
long as the job has owners (``lua/owner/add.lua``).  Then only what the driver held is let go, and
the raylet of the driver's node asks again every second.  So nobody has to tell it that the last
owner is gone, and nothing that was lost on the way can keep a job for ever.

Nor can the end of that node, which may be the driver's own: the job is *forsaken* from then on, as
the cluster's table says of it, and every raylet asks now and then.  A driver whose node is lost
before that is waited for (`orphans`).

A raylet that hears of a job whose driver should be here, and is not, waits for it, for the time of
a lease: it has itself taken the place of another, or the server came back in an older state and
does not know any more that the job is over.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.core import words
from hyperloom.gcs import codes, keys
from hyperloom.raylet import orphans

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.doors import Guest
    from hyperloom.raylet.jobs import Jobs
    from hyperloom.raylet.journal import Journal
    from hyperloom.raylet.loop import Loop
    from hyperloom.raylet.node import NodeSettings

_CLOSED_S = 600  # how long late words about an ended job are ignored
_ASK_EVERY_S = 1.0
_OTHERS_EVERY_S = 5.0
_KEPT = -1  # the answer of ``job_close``
FORSAKEN = "forsaken"  # in what is known of a job: its driver is gone, and it goes on


class Owners:
    """See the module.

    `bury` is told of processes that have ended, `mourn` of those that were killed, `ended` of jobs
    that are over.
    """

    def __init__(
        self, settings: NodeSettings, gcs: Conversation, loop: Loop, journal: Journal, jobs: Jobs
    ) -> None:
        self._node = settings.node
        self._lease_s = settings.config.lease_s
        self._gcs = gcs
        self._loop = loop
        self._journal = journal
        self._jobs = jobs
        self.bury: Callable[[bytes], None] = lambda _: None
        self.mourn: Callable[[bytes], None] = lambda _: None
        self.ended: Callable[[bytes], None] = lambda _: None
        self.drivers_of: Callable[[bytes], Sequence[Guest]] = lambda _: ()  # that are here
        self._visitors: dict[bytes, object] = {}  # process -> who of this machine it is
        self._kept: set[bytes] = set()  # jobs of this node's drivers that go on without them
        self._forsaken: set[bytes] = set()  # jobs of any node's that do
        self._strangers: set[bytes] = set()  # visitors from here that nobody here is, so far
        loop.every(_ASK_EVERY_S, lambda: self._ask_again(self._kept))
        loop.every(_OTHERS_EVERY_S, lambda: self._ask_again(self._forsaken - self._kept))

    # -- visitors ---------------------------------------------------------------------------

    def visits(self, who: object, process: bytes, how: int) -> None:
        """Somebody of this machine is this process too, from or up to now (`words.VISITS`)."""
        if how == words.BEGINS:
            self._visitors[process] = who
        elif self._visitors.pop(process, None) is not None and how == words.ENDS:
            self.bury(process)

    def gone(self, who: object) -> None:
        """Somebody is gone."""
        for process in [each for each, of in self._visitors.items() if of == who]:
            del self._visitors[process]
            self.mourn(process)

    def reap(self, node: bytes, jobs: Collection[bytes]) -> None:
        """Another node is dead, and its drivers' visits with it."""
        for job in jobs:
            self._list(job, lambda found: self._bury_all(found, node))

    def _bury_all(self, found: dict[bytes, bytes], node: bytes) -> None:
        for process, about in found.items():
            if about == codes.VISITOR + node:
                self.mourn(process)

    # -- the end of jobs --------------------------------------------------------------------

    def left(self, guest: Guest) -> None:
        """A driver is gone: its job ends, unless that has other owners."""
        self.gone(guest)
        if guest.job is not None:
            self._without_driver(guest.job, self.bury if guest.ends else self.mourn)

    def abandon(self, job: bytes, why: str) -> None:
        """Nobody waits for a job's driver any more, which may live: it hears why."""
        self._without_driver(job, self.mourn, why)

    def is_forsaken(self, job: bytes) -> bool:
        """Whether it goes on without its driver."""
        return job in self._forsaken

    def _without_driver(self, job: bytes, bury: Callable[[bytes], None], *why: str) -> None:
        if not self.drivers_of(job):
            driver = bytes.fromhex(self._about(job).get("process", ""))
            self._ask(job, driver, bury, *why)

    def _about(self, job: bytes) -> dict[str, Any]:
        desk = self._jobs.get(job)
        return {} if desk is None else desk.about

    def opened(self, job: bytes, about: dict[str, Any]) -> None:
        """A job is open, or told of anew: its driver is gone, or there again."""
        (self._forsaken.add if about.get(FORSAKEN) else self._forsaken.discard)(job)
        if about.get("node") == self._node.hex() and not self.drivers_of(job):
            self._loop.later(self._lease_s, lambda: self._end_if_not_back(job))

    def _end_if_not_back(self, job: bytes) -> None:
        """Its driver was here, or here with another raylet."""
        if self._about(job).get("node") == self._node.hex() and not self.is_forsaken(job):
            self._without_driver(job, self.mourn, orphans.NOT_BACK)

    def forget(self, job: bytes) -> None:
        """It is over."""
        self._kept.discard(job)
        self._forsaken.discard(job)

    def _ask_again(self, jobs: Collection[bytes]) -> None:
        if self._gcs.connected:
            for job in tuple(jobs):
                self._ask(job, b"", self.bury)

    def _ask(self, job: bytes, driver: bytes, bury: Callable[[bytes], None], *why: str) -> None:
        """Close the job if nobody owns it, now that its driver, that process, is gone."""

        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if reply != _KEPT:
                self._gcs.apply("job_forget", keys.CLUSTER, job)
                # 1. the job is closed  2. the server comes back in an older state, and has it again
                # 3. it is forgotten: no table of the cluster has it any more, and nobody ends it.
                self._gcs.apply("job_close", namespace, keep_s, driver, *why)
                self.ended(job)
            elif driver:
                self._kept.add(job)
                about = json.dumps({**self._about(job), FORSAKEN: True})
                self._gcs.apply("job_open", keys.CLUSTER, job, about)
                bury(driver)
            else:
                self._list(job, self._look_at)

        self._journal.flush(job)
        keep_s = orphans.TOLD_S if why else _CLOSED_S
        namespace = keys.job_namespace(job)
        self._gcs.apply("job_close", namespace, keep_s, driver, *why, then=answered)

    def _look_at(self, found: dict[bytes, bytes]) -> None:
        """Bury visitors from here that died before this raylet knew of them.

        Seen once, one may have begun just now: it tells us first, and then the control plane, but
        we may read that in the other order.
        """
        here = codes.VISITOR + self._node
        unknown = {p for p, about in found.items() if about == here and p not in self._visitors}
        for process in unknown & self._strangers:
            self.mourn(process)
        self._strangers = (self._strangers - set(found)) | unknown

    def _list(self, job: bytes, then: Callable[[dict[bytes, bytes]], None]) -> None:
        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if not isinstance(reply, errors.LoomError):
                then(dict(zip(reply[::2], reply[1::2], strict=True)))

        self._gcs.apply("owner_list", keys.job_namespace(job), then=answered)
