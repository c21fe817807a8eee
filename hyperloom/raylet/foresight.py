"""What a full node looks at to take tasks ahead: the first of a queue, and the memory that is left.

The machine says which queues are to be looked at and what follows (`ahead`).  A look writes nothing
and takes nothing; by the time that the task is claimed another may stand first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import errors, specs
from hyperloom.gcs import keys
from hyperloom.raylet import messages as m
from hyperloom.resources import needs_of

if TYPE_CHECKING:
    from hyperloom.objectstore.keeper import StoreKeeper
    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.fetching import Fetching
    from hyperloom.raylet.jobs import Jobs
    from hyperloom.raylet.machine import NodeMachine

_LEFT = 20  # a twentieth of the memory stays for what tasks store


class Foresight:
    """See the module."""

    def __init__(
        self,
        gcs: Conversation,
        machine: NodeMachine,
        jobs: Jobs,
        fetching: Fetching,
        keeper: StoreKeeper,
    ) -> None:
        self._gcs = gcs
        self._machine = machine
        self._jobs = jobs
        self._fetching = fetching
        self._keeper = keeper

    def look(self) -> None:
        """At the memory that is left, if it matters."""
        if self._machine.draws:
            used, capacity = self._keeper.usage()
            self._jobs.told(m.RoomSeen(capacity - used - capacity // _LEFT))

    def seen(self, event: m.QueuesSeen, now: float) -> None:
        """These queues wait: look at the first of those of which nothing is known."""
        if self._machine.prefetch_bytes:
            for queue in self._machine.unknown(event.job, event.queues, now):
                self._ask(event.job, queue)

    def _ask(self, job: bytes, queue: str) -> None:
        def answered(first: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if first and not isinstance(first, errors.LoomError):
                self._seen(job, queue, *first)

        self._gcs.apply("task_first", keys.job_namespace(job), queue, then=answered)

    def _seen(self, job: bytes, queue: str, entry: bytes, record: bytes, inputs: bytes) -> None:
        plain = specs.plain_entry(entry)
        kind = m.Kind(record[:8], job, "", queue, needs_of(queue))
        task = m.Held(plain, record, inputs, kind, plain != entry)
        task.away = self._fetching.would_come(task)
        self._jobs.told(m.FirstSeen(task))
        if (job, queue) in self._machine.draws:
            self._jobs.offer_again()
