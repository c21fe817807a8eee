"""Drivers that come to this node: their job begins, goes on, or was ended without them.

A driver comes when it begins, and again when the raylet died or was given up.  A job may have been
ended meanwhile because nobody heard of its driver (`orphans`).  The rule: nothing of a job is
opened (again) before the control plane was asked for that.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import keys
from hyperloom.raylet.orphans import OVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.doors import Door, Guest
    from hyperloom.raylet.jobs import Jobs
    from hyperloom.raylet.journal import Journal
    from hyperloom.raylet.node import NodeSettings


class Arrivals:
    """See the module."""

    def __init__(
        self, settings: NodeSettings, gcs: Conversation, journal: Journal, jobs: Jobs, door: Door
    ) -> None:
        self._settings = settings
        self._gcs = gcs
        self._journal = journal
        self._jobs = jobs
        self._door = door

    def comes(self, guest: Guest, job: bytes, about: dict[str, Any]) -> None:
        """A driver says which job is its own."""
        guest.job = job
        about["node"] = self._settings.node.hex()  # the node whose raylet ends the job,
        about["grace_s"] = self._settings.config.job_grace_s  # if it is not lost for so long

        def begin() -> None:
            if guest in self._door.guests_of(job):  # else it is gone meanwhile
                self._jobs.open(job, about)
                welcome = ["welcome", self._settings.welcome()]
                self._open(job, about, lambda _: guest.say(welcome))

        self._check(job, about, begin)

    def unknown(self, job: bytes) -> None:
        """The cluster's table does not have it: it is over, or the server lost its beginning."""
        desk = self._jobs.get(job)
        if desk is not None and self._door.guests_of(job):
            about = desk.about
            self._check(job, about, lambda: self._open(job, about), lambda: self._jobs.close(job))
        else:
            self._jobs.close(job)

    def ended(self, job: bytes) -> None:
        """It is over, or goes on without its driver: one that is here is told."""
        desk = self._jobs.get(job)
        if desk is not None and self._door.guests_of(job):
            self._check(job, desk.about)

    def _check(
        self,
        job: bytes,
        about: dict[str, Any],
        goes_on: Callable[[], None] = lambda: None,
        over: Callable[[], None] = lambda: None,
    ) -> None:
        def answered(heard: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if heard == -1 or isinstance(heard, bytes):
                for guest in self._door.guests_of(job):
                    guest.job = None  # its end is not the end of anything
                    guest.say(["over", OVER if heard == -1 else heard.decode()])
                over()
            else:
                goes_on()

        process = bytes.fromhex(about.get("process", ""))
        self._gcs.apply("process_heard", keys.job_namespace(job), process, then=answered)

    def _open(
        self, job: bytes, about: dict[str, Any], then: Callable[[Any], None] = lambda _: None
    ) -> None:
        self._journal.open(job, json.dumps(about))
        self._gcs.apply("job_open", keys.CLUSTER, job, json.dumps(about), then=then)
