"""One job, as one node sees it: what it claimed, what it owes the control plane.

A `Desk` gathers finished tasks and exchanges them for new ones with ``task_step``: one call
on its way at a time, so that batches grow by themselves when the server is busy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import errors, specs
from hyperloom.gcs import codes, keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.raylet.messages import Held, Kind
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.gcs.address import Address
    from hyperloom.raylet.conversation import Conversation

    Claimed = Callable[[list[Held]], None]

_STEP_MOST = 4000  # arguments of one step: some hundreds of tasks


class Desk:
    """See the module.

    `claimed` is called with new tasks, `said` with the other messages of the job's inbox.
    """

    def __init__(  # noqa: PLR0913 - what a job's desk stands between
        self,
        job: bytes,
        about: dict[str, Any],
        node: bytes,
        address: Address,
        gcs: Conversation,
        claimed: Claimed,
    ) -> None:
        self.job = job
        self.about = about
        self.ns = keys.job_namespace(job)
        self.offer_due = True
        self.attached = False
        self._node = node
        self._gcs = gcs
        self._claimed = claimed
        self.inbox = Inbox(address, keys.INBOX.name(self.ns, node))
        self._kinds: dict[bytes, Kind] = {}
        self.bodies: dict[bytes, tuple[bytes, bytes]] = {}  # template -> body, pickled function
        self._unknown: dict[bytes, list[tuple[bytes, bytes, bytes]]] = {}
        self._done: list[Any] = []
        self._stepping = False
        self._seen = 0
        gcs.apply("node_attach", self.ns, node, then=self._is_attached)

    def _is_attached(self, answer: Any) -> None:  # noqa: ANN401 - Redis' own reply
        if isinstance(answer, errors.LoomError):
            return  # the job is over already; its end is told in the cluster's inbox
        self._seen = answer
        self.attached = True
        self.offer_due = True

    # -- results out, tasks in --------------------------------------------------------------

    def finished(self, flat: Sequence[Any]) -> None:
        """Results in the form in which ``task_step`` takes them."""
        self._done += flat

    def step(self, offer: Callable[[bytes], str]) -> None:
        """Exchange, if there is reason to and no exchange is on its way."""
        if self._stepping or not self.attached or not (self._done or self.offer_due):
            return
        if not self._gcs.connected:
            return  # what is finished is kept; `reconcile` goes on from here
        self._stepping = True
        self.offer_due = False
        done = self._next_done()
        self._gcs.apply(
            "task_step", self.ns, self._node, self._seen, offer(self.job), *done, then=self._stepped
        )

    def _next_done(self) -> list[Any]:
        if len(self._done) <= _STEP_MOST:
            done, self._done = self._done, []
            return done
        end = 0
        while end < _STEP_MOST:
            end += 4 + self._done[end + 3]
        done, self._done = self._done[:end], self._done[end:]
        return done

    def _stepped(self, answer: Any) -> None:  # noqa: ANN401 - Redis' own reply
        self._stepping = False
        if isinstance(answer, errors.LoomError):
            raise answer
        more = answer[1]
        if more:
            self.offer_due = True
        self._take(answer[2:])

    def hear(self) -> list[list[bytes]]:
        """Read the inbox: tasks are taken, other messages returned."""
        others = []
        for message in self.inbox.poll(0):
            if message[0] != codes.TASK:
                others.append(message)
            elif (served := int(message[1])) > self._seen:  # else `reconcile` has it already
                self._seen = served
                self._take(message[2:])
        return others

    def _take(self, triples: Sequence[bytes]) -> None:
        held = []
        for at in range(0, len(triples), 3):
            entry, record, inputs = triples[at : at + 3]
            template = record[:8]
            kind = self._kinds.get(template)
            if kind is None:
                self._ask_for(template, (entry, record, inputs))
            else:
                held.append(Held(entry, record, inputs, kind))
        if held:
            self._claimed(held)

    # -- templates --------------------------------------------------------------------------

    def _ask_for(self, template: bytes, task: tuple[bytes, bytes, bytes]) -> None:
        waiting = self._unknown.setdefault(template, [])
        waiting.append(task)
        if len(waiting) == 1:
            self._gcs.apply(
                "template_fetch", self.ns, template, then=lambda reply: self._know(template, reply)
            )

    def _know(self, template: bytes, reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
        waiting = self._unknown.pop(template, [])
        if reply is None or isinstance(reply, errors.LoomError):
            return  # the job ended meanwhile
        body, pickled = reply
        about = specs.decode_template(body)
        self.bodies[template] = (body, pickled)
        self._kinds[template] = Kind(
            template=template,
            job=self.job,
            name=about.name,
            queue=about.queue,
            needs=dict(ResourceSet.parse(about.shape).items()),
            outputs=about.outputs,
            timeout_s=about.timeout_s,
            single=about.timeout_s is not None or about.max_calls > 0,
        )
        self._take([part for task in waiting for part in task])

    # -- after a broken connection ----------------------------------------------------------

    def reconcile(self, known: Callable[[], set[bytes]]) -> None:
        """Take up what the node holds and does not know of; see ``task/held.lua``."""
        self._stepping = True  # nothing new until this is settled
        self._adopt("0", known)

    def _adopt(self, cursor: str, known: Callable[[], set[bytes]]) -> None:
        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(reply, errors.LoomError):
                raise reply
            self._seen = int(reply[1])
            there = known() | {self._done[at] for at in self._starts()}
            new: list[bytes] = []
            for at in range(2, len(reply), 4):
                task, attempt, record, inputs = reply[at : at + 4]
                entry = task if attempt == b"1" else task + attempt
                if entry not in there and task not in there:
                    new += (entry, record, inputs)
            self._take(new)
            if reply[0] in (b"0", 0):
                self._stepping = False
                self.offer_due = True
            else:
                self._adopt(reply[0].decode(), known)

        self._gcs.apply("task_held", self.ns, self._node, cursor, then=answered)

    def _starts(self) -> list[int]:
        starts, at = [], 0
        while at < len(self._done):
            starts.append(at)
            at += 4 + self._done[at + 3]
        return starts

    def entries_waiting_for_template(self) -> list[bytes]:
        """Tasks that were claimed and whose template is being fetched."""
        return [entry for tasks in self._unknown.values() for entry, _, _ in tasks]

    def close(self) -> None:
        """Hang up."""
        self.inbox.close()
