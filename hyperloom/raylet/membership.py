"""This node's membership in the cluster: joining, beating, hearing of jobs, reaping the dead.

The rule: a node that was given up for dead while it was not (it was stopped, or cut off) must
not go on as if nothing had happened.  Its tasks run elsewhere; so it ends what it runs before
it joins again, and every late word of it is stale.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from hyperloom import errors, failpoints
from hyperloom.gcs import asking, codes, keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.gcs.pauses import persist
from hyperloom.raylet.conversation import START_S

if TYPE_CHECKING:
    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.loop import Loop
    from hyperloom.raylet.node import NodeSettings

_RETRY_S = 0.1


class Member(Protocol):
    """What a member of a cluster does."""

    def describe(self) -> dict[str, Any]:
        """How it is now, for the table of nodes."""

    def job_opened(self, job: bytes, about: dict[str, Any]) -> None:
        """A driver has joined the cluster."""

    def job_ended(self, job: bytes) -> None:
        """Nothing of the job is wanted any more."""

    def jobs(self) -> set[bytes]:
        """Those that it knows of."""

    def job_unknown(self, job: bytes) -> None:
        """The cluster does not have this job in its table."""

    def given_up(self) -> None:
        """This node was given up."""

    def reap(self, node: bytes) -> None:
        """Another node is dead."""

    def groups_changed(self) -> None:
        """What this node keeps for placement groups is to be asked for."""

    def asked(self, reply_to: bytes, question: list[Any]) -> None:
        """Somebody wants to know something of this node."""


class Membership:
    """See the module."""

    def __init__(
        self, settings: NodeSettings, gcs: Conversation, loop: Loop, member: Member
    ) -> None:
        self._settings = settings
        self._gcs = gcs
        self._loop = loop
        self._member = member
        name = keys.INBOX.name(keys.CLUSTER, settings.node)
        self._inbox = persist(lambda: Inbox(settings.address, name), START_S)
        loop.on_readable(self._inbox.fileno(), self._hear)
        self.join()
        loop.every(settings.config.beat_s, self._beat)

    def join(self) -> None:
        """Enter the cluster, or say again that we are there; hear which jobs are open."""
        # A job that begins while this is on its way is not in the answer, but not over.
        known = self._member.jobs()
        self._say("node_join", lambda jobs: self._joined(jobs, known))

    def come_back(self) -> None:
        """After a silence."""
        self._inbox.interrupt()
        self._look()

    def _look(self) -> None:
        # First hear whether we were given up meanwhile: `join` forgives it.
        self._beat()
        self.join()

    def close(self) -> None:
        """Hang up."""
        self._inbox.close()

    def _say(self, function: str, then: Any) -> None:  # noqa: ANN401 - a callback
        self._gcs.apply(
            function,
            keys.CLUSTER,
            self._settings.node,
            int(self._settings.config.lease_s * 1000),
            json.dumps(self._member.describe()),
            then=then,
        )

    def _joined(self, jobs: Any, known: set[bytes]) -> None:  # noqa: ANN401 - Redis' own reply
        if isinstance(jobs, errors.LoomError):
            # The server is full, or empty: it will do again, or nothing will.
            self._loop.later(_RETRY_S, self.join)
            return
        for at in range(0, len(jobs), 2):
            self._member.job_opened(jobs[at], json.loads(jobs[at + 1]))
        for job in known.difference(jobs[::2]):
            self._member.job_unknown(job)
        self._member.groups_changed()

    def _beat(self) -> None:
        self._say("node_beat", self._beaten)

    def _beaten(self, dead: Any) -> None:  # noqa: ANN401 - Redis' own reply
        if isinstance(dead, errors.Stale):
            # Joining is said first.  If we die after the other words, which make us take part in
            # the jobs again, somebody must see our lease run out.
            self.join()
            self._member.given_up()
        elif not isinstance(dead, errors.LoomError):
            if failpoints.ON:
                failpoints.hit("membership.beaten")
            for node in dead:
                self._member.reap(node)

    def _hear(self) -> None:
        try:
            messages = self._inbox.poll(0)
        except errors.ControlPlaneLost:
            self._loop.forget(self._inbox.fileno())
            self._inbox.close()
            self._loop.later(0, self._find_inbox)
            return
        for kind, *parts in messages:
            job, *about = parts or (b"",)
            if kind == codes.JOB_OPENED:
                self._member.job_opened(job, json.loads(about[0]))
            elif kind == codes.JOB_ENDED:
                self._member.job_ended(job)
            elif kind == codes.GROUPS:
                self._member.groups_changed()
            elif kind == codes.ASK:
                self._member.asked(job, asking.asked_of(about))

    def _find_inbox(self) -> None:
        found = False
        if self._gcs.connected:  # else there may be no path, and dialling would take seconds
            with suppress(errors.ControlPlaneLost):
                self._inbox.reconnect()
                found = True
        if not found:
            self._loop.later(_RETRY_S, self._find_inbox)
            return
        self._loop.on_readable(self._inbox.fileno(), self._hear)
        self._look()  # a message may be lost: look at the state itself
