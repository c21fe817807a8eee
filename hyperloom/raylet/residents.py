"""The actors that live on this node, as the control plane hears of them.

The rule: an actor's calls, and how many come, are the business of its job's `Calls`; that it
opened, was lost or ended by itself is said by the `Reporter`.  This joins the two, so that
neither goes on when the other has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.raylet.hosting import begun_calls
from hyperloom.raylet.messages import ActorEnded, ActorOpened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.raylet.jobs import Jobs
    from hyperloom.raylet.messages import Begun, Event, Held
    from hyperloom.raylet.reporter import Reporter
    from hyperloom.raylet.state import WorkerState


class Residents:
    """See the module."""

    def __init__(self, jobs: Jobs, reporter: Reporter, begun: Callable[[int], Begun]) -> None:
        self._jobs = jobs
        self._reporter = reporter
        self._begun = begun  # tasks, calls included, that a worker has begun so far

    def opened(self, actor: Held, worker: int) -> None:
        """The actor takes calls."""
        desk = self._jobs.get(actor.kind.job)
        if desk is not None:
            desk.open_actor(actor, *self._reporter.if_node_dies(actor, worker))
        self._jobs.offer_again()  # there may be room for another worker now

    def answered(self, worker: WorkerState, number: int) -> None:
        """The actor in this worker has answered so many calls."""
        desk = self._jobs.get(worker.job)
        if desk is not None and worker.sent:
            desk.calls.answered(worker.sent[0].task, number)

    def lost(self, actor: Held, worker: int, begun: Sequence[Held], killed: str) -> None:
        """Its worker is dead."""
        say = self._reporter.actor_lost(actor, worker, begun, killed)
        self._end(actor, say)

    def left(self, actor: Held, begun: Sequence[Held]) -> None:
        """It was killed, and its worker is dead."""
        ids = b"".join([call.task for call in begun])
        self._end(actor, lambda: self._reporter.actor_left(actor, ids))

    def removed(self, actor: Held, worker: WorkerState | None, failure: bytes) -> None:
        """It may not go on; its worker, or what waits for one, is told so when that is known."""
        begun = [call.held for call in worker.calls.values()] if worker else []
        self._end(actor, lambda: self._reporter.actor_over(actor, failure, begun))

    def move(self, actor: Held, worker: WorkerState) -> None:
        """It is to live elsewhere; which of its calls had begun nobody knows here."""
        begun = [call.held for call in worker.calls.values()]
        self._end(actor, lambda: self._reporter.actor_moves(actor, begun))

    def worker_says(self, worker: WorkerState, what: bytes | bool) -> Event:  # noqa: FBT001 - a word
        """The actor in this worker takes calls; or has ended by itself, with this failure."""
        if isinstance(what, bool):
            return ActorOpened(worker.number, what)
        if worker.sent:  # else the control plane was faster to end it
            actor, begun = worker.sent[0], begun_calls(worker, self._begun(worker.number))
            self._end(actor, lambda: self._reporter.actor_over(actor, what, begun))
        return ActorEnded(worker.number)

    def _end(self, actor: Held, say: Callable[[], None]) -> None:
        # What it answered is over, and must not be taken for a call that it left unanswered.
        desk = self._jobs.get(actor.kind.job)
        if desk is not None:
            desk.calls.gone(actor.task)
            desk.after_results([actor.entry], say)
        self._jobs.offer_again()
