"""The jobs that have something to do with this node: a `Desk` for each, and its inbox.

The rule: an offer must not be older than what it offers.  All desks offer the same resources,
so when one job leaves some, the others' offers are made anew (`offer_again`, `offer_soon`).
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from hyperloom import errors
from hyperloom.gcs import codes, keys
from hyperloom.raylet import messages as m
from hyperloom.raylet.desk import Desk
from hyperloom.raylet.doubts import Doubts
from hyperloom.raylet.remaking import AGAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hyperloom.objectstore.keeper import StoreKeeper
    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.fetching import Fetching, Lost
    from hyperloom.raylet.journal import Journal
    from hyperloom.raylet.loop import Loop
    from hyperloom.raylet.machine import NodeMachine
    from hyperloom.raylet.node import NodeSettings

_HOW: dict[bytes, Literal["kill", "rest", "part", "restart"]] = {
    codes.KILL: "kill", codes.REST: "rest", codes.PART: "part", codes.RESTART: "restart",
}  # fmt: skip
_RETRY_S = 0.1  # until a lost inbox is looked for again
_SOON_S = 0.005  # other jobs hear so late of what one has left


class Jobs:
    """See the module.  `handle` takes events for the machine, `journal` what people are told."""

    def __init__(  # noqa: PLR0913, PLR0917 - what jobs touch of a node
        self,
        settings: NodeSettings,
        gcs: Conversation,
        keeper: StoreKeeper,
        loop: Loop,
        machine: NodeMachine,
        fetching: Fetching,
    ) -> None:
        self._settings = settings
        self._gcs = gcs
        self._keeper = keeper
        self._loop = loop
        self._machine = machine
        self._fetching = fetching
        self.handle: Callable[[m.Event], None] = lambda _: None
        self.journal: Journal | None = None
        self.look_again: Callable[[], None] = lambda: None  # which jobs are open
        self._doubts = Doubts(settings, gcs, keeper)
        self._coming: dict[bytes, tuple[m.Held, Callable[[], None]]] = {}  # see `let_go`
        self._desks: dict[bytes, Desk] = {}
        self._offering_soon = False

    def __iter__(self) -> Iterator[bytes]:
        return iter(list(self._desks))

    def get(self, job: bytes) -> Desk | None:
        """The job's desk; None when the job is over."""
        return self._desks.get(job)

    # -- beginnings and ends ----------------------------------------------------------------

    def open(self, job: bytes, about: dict[str, Any]) -> None:
        """A job has begun, here or elsewhere."""
        if job in self._desks:
            return
        try:
            desk = Desk(job, about, self._settings, self._gcs, self._tell)
        except errors.ControlPlaneLost:
            self._loop.later(_RETRY_S, self.look_again)  # perhaps only this line broke
            return
        self._desks[job] = desk
        self._listen(desk)

    def close(self, job: bytes) -> None:
        """The job is over: nothing of it stays here."""
        desk = self._desks.pop(job, None)
        if desk is not None:
            self._go_deaf(desk)
            desk.close()
        self.handle(m.JobEnded(job))
        self._fetching.end_job(job)
        self.let_go()
        self._doubts.end(job)
        self._keeper.free(self._settings.objects_of(job))

    def free_what_came_late(self, job: bytes) -> None:
        """A worker is gone that may have stored something after the end of its job."""
        if job and job not in self._desks:
            self._keeper.free(self._settings.objects_of(job))

    def detach(self) -> None:
        """The node was given up: its part in the jobs begins anew."""
        self._fetching.remaking.forget()
        self.let_go()
        for job, desk in self._desks.items():
            desk.detach(self._known)
            self._doubts.missed(job)

    def pause_calls(self) -> None:
        """No more calls for the actors that live here."""
        for desk in self._desks.values():
            desk.calls.pause()

    def go_on_with_calls(self) -> None:
        """Calls again."""
        for desk in self._desks.values():
            desk.calls.go_on()

    def hang_up(self) -> None:
        """This node ends."""
        for desk in self._desks.values():
            desk.close()

    # -- tasks ------------------------------------------------------------------------------

    def exchange(self) -> None:
        """Results out, tasks in."""
        for desk in self._desks.values():
            desk.step(self._machine.offer)

    def offer_again(self) -> None:
        """What this node has room for is not what it said."""
        for desk in self._desks.values():
            desk.offer_due = True

    def offer_soon(self) -> None:
        """One job left room; if there are others, they shall hear of it."""
        if len(self._desks) > 1 and not self._offering_soon:
            self._offering_soon = True
            self._loop.later(_SOON_S, self._offer_now)

    def _offer_now(self) -> None:
        self._offering_soon = False
        self.offer_again()

    def _tell(self, event: m.Event) -> None:
        """What a desk has heard; tasks whose inputs lie elsewhere have to wait for these."""
        if not isinstance(event, m.TasksClaimed):
            self.handle(event)
            return
        lacking = [
            (held, inputs) for held in event.tasks if (inputs := self._fetching.lacking(held))
        ]
        if not lacking:
            self.handle(event)
            return
        elsewhere, homes = [held for held, _ in lacking], []
        for held, inputs in lacking:
            home = self._fetching.home(held, inputs) if held.may_be_handed_on else None
            homes.append(home)
            held.away = 0 if home else self._fetching.bytes_of(inputs)
        self.handle(m.TasksLacking(elsewhere))
        self.handle(m.TasksClaimed([held for held in event.tasks if held not in elsewhere]))
        self.offer_again()
        for (held, inputs), home in zip(lacking, homes, strict=True):
            if home is not None:
                self._hand_on(held, inputs, home)
            else:
                self._fetch(held, inputs)

    def told(self, event: m.Event) -> None:
        """Something was heard by which tasks may leave that wait here."""
        waited = self._machine.waiting() + len(self._machine.fetching)
        self.handle(event)
        if self._machine.waiting() + len(self._machine.fetching) < waited:
            self.let_go()
            self.offer_again()

    def let_go(self) -> None:
        """Nobody here waits any more for the inputs of tasks that are gone."""
        for task, (held, forget) in list(self._coming.items()):
            if self._machine.fetching.get(task) is not held:
                del self._coming[task]
                forget()

    def _hand_on(self, held: m.Held, inputs: list[tuple[bytes, int]], home: bytes) -> None:
        """To the node that has the inputs, if it is a member: it has the first choice.

        As long as that is on its way the machine has the task as one whose inputs are.
        """

        def found(there: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if there == 1 and held.task in self._machine.fetching:
                self.handle(m.InputsHere(held.task, handed_on=True))
                namespace = keys.job_namespace(held.kind.job)
                self._gcs.apply(
                    "task_hand_on", namespace, self._settings.node, home.hex(), held.task,
                    held.attempt,
                )  # fmt: skip
                self.offer_again()
            else:
                self._fetch(held, inputs)

        self._gcs.command("HEXISTS", keys.NODES.name(keys.CLUSTER), home, then=found)

    def _fetch(self, held: m.Held, inputs: list[tuple[bytes, int]]) -> None:
        if self._machine.fetching.get(held.task) is not held:
            return  # it was turned away, or is not wanted any more
        began, coming = time.monotonic(), self._fetching.bytes_of(inputs)

        def told(lost: list[Lost]) -> None:
            if held.task in self._coming and self._coming[held.task][0] is held:
                del self._coming[held.task]
            again = any(why == AGAIN for _, why, *_ in lost)
            if again and self._machine.fetching.get(held.task) is held:
                # First it is not ours any more: it may be given to us again before the answer.
                self.handle(m.InputsHere(held.task, handed_on=True))
                self._fetching.remaking.put_off(held, lambda: self.handle(m.TasksClaimed([held])))
            else:
                if not lost and self.journal is not None:
                    self.journal.fetched(held, time.monotonic() - began, coming)
                self.handle(m.InputsHere(held.task))
            self.offer_again()

        forget = self._fetching.fetch(inputs, told)
        if self._machine.fetching.get(held.task) is held:
            self._coming[held.task] = held, forget

    # -- inboxes ----------------------------------------------------------------------------

    def _listen(self, desk: Desk) -> None:
        desk.listening = True
        self._loop.on_readable(desk.inbox.fileno(), lambda: self._hear(desk))

    def _go_deaf(self, desk: Desk) -> None:
        if desk.listening:
            desk.listening = False
            self._loop.forget(desk.inbox.fileno())

    def _hear(self, desk: Desk) -> None:
        try:
            messages = desk.hear()
        except errors.ControlPlaneLost:
            self._go_deaf(desk)
            desk.inbox.close()
            self._loop.later(0, lambda: self._find_inbox(desk))
            return
        for kind, what, *rest in messages:
            if kind == codes.CANCEL:
                self.told(m.CancelAsked(what, rest == [b"1"]))
                self.offer_again()
            elif kind == codes.FREE:
                self._keeper.free([what])
            elif kind == codes.GO_ON:
                desk.offer_due = True
            elif kind == codes.CALLS:
                desk.calls.dealt(what, rest[0], rest[1], rest[2:])
            elif kind == codes.ACTOR:
                self._end_actor(desk, what, rest[0])

    def _end_actor(self, desk: Desk, actor: bytes, how: bytes) -> None:
        self.handle(m.ActorUnwanted(actor, _HOW[how]))
        if how != codes.RESTART:
            desk.calls.gone(actor)
        self.offer_again()

    def let_rest(self, job: bytes) -> None:
        """The job's program ends, and the actors that live here end first."""
        desk = self._desks.get(job)
        for actor in self._machine.residents(job):
            if desk is not None:
                self._end_actor(desk, actor, codes.PART)

    def _find_inbox(self, desk: Desk) -> None:
        if desk.closed:
            return
        found = False
        if self._gcs.connected:  # else there may be no path, and dialling would take seconds
            with suppress(errors.ControlPlaneLost):
                desk.inbox.reconnect()
                found = True
        if not found:
            self._loop.later(_RETRY_S, lambda: self._find_inbox(desk))
            return
        self._listen(desk)
        desk.reconcile(self._known)  # a message may be lost: look at the state itself
        self._doubts.missed(desk.job)

    def reconcile(self) -> None:
        """The connection broke, and an answer may be lost: look at the state itself."""
        for desk in self._desks.values():
            desk.inbox.interrupt()
            desk.reconcile(self._known)

    def _known(self, job: bytes) -> set[bytes]:
        """Entries of all tasks of a job that this node has."""
        machine = self._machine
        known = {held.entry for queue in machine.queues.values() for held in queue.tasks}
        known |= self._fetching.remaking.known()
        for books in (machine.here, machine.fetching):
            known |= {held.entry for held in books.values()}
        for worker in machine.workers.values():
            known |= {held.entry for held in worker.owns()}
        return {entry for entry in known if entry.startswith(job)}
