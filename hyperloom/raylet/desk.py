"""One job, as one node sees it: what it claimed, what it owes the control plane.

A `Desk` gathers finished tasks and exchanges them for new ones with ``task_step``: one call
on its way at a time, so that batches grow by themselves when the server is busy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import errors, failpoints, specs
from hyperloom.gcs import codes, keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.ids import TASK_BYTES, TaskID, object_id
from hyperloom.raylet.calls import Calls
from hyperloom.raylet.messages import ActorUnwanted, Held, Kind, TasksClaimed
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.messages import Event
    from hyperloom.raylet.node import NodeSettings

_RETRY_S = 0.1
_LEFT_ASIDE = 2  # see ``task/step.lua``
_ON_THEIR_WAY = 1 << 20  # more tasks than can be in an inbox, not read yet
_STEP_MOST = 4000  # arguments of one step: some hundreds of tasks


class Desk:
    """See the module.  `handle` takes events for the machine."""

    def __init__(
        self,
        job: bytes,
        about: dict[str, Any],
        settings: NodeSettings,
        gcs: Conversation,
        handle: Callable[[Event], None],
    ) -> None:
        self.job = job
        self.about = about
        self.ns = keys.job_namespace(job)
        self.offer_due = True
        self.attached = False
        self.closed = False
        self.listening = False  # somebody reads the inbox
        self._node = settings.node
        self._gcs = gcs
        self._handle = handle
        self.calls = Calls(self, handle)
        self.inbox = Inbox(settings.address, keys.INBOX.name(self.ns, self._node))
        self._kinds: dict[bytes, Kind] = {}
        self.bodies: dict[bytes, tuple[bytes, bytes]] = {}  # template -> body, pickled function
        self._unknown: dict[bytes, list[tuple[bytes, bytes, bytes]]] = {}
        self._learning: dict[bytes, list[Callable[[], None]]] = {}
        self._done: list[Any] = []
        self._after: list[tuple[bytes, Callable[[], None]]] = []  # see `after_results`
        self._stepping = False  # an exchange is on its way
        self._reconciling = 0  # not 0: the number of the reconciliation that is on its way
        self._rounds = 0
        self._listed: list[tuple[bytes, ...]] = []
        self._seen = 0
        self._offered_at = 0  # what had been seen at the latest offer
        self._left_aside = False  # that offer, since tasks were on their way here
        self.attach()

    def attach(self) -> None:
        """Take part in the job (again)."""
        first = self._seen + _ON_THEIR_WAY if self._seen else 0
        self._gcs.apply("node_attach", self.ns, self._node, first, then=self._is_attached)

    def _is_attached(self, answer: Any) -> None:  # noqa: ANN401 - Redis' own reply
        if isinstance(answer, errors.NotFound) or self.closed:
            return  # the job is over already; its end is told in the cluster's inbox
        if isinstance(answer, errors.LoomError):
            # STALE: our tasks are still being taken from us; or the server's memory is full.
            self._gcs.later(_RETRY_S, self.attach)
            return
        self._seen = answer
        self.attached = True
        self.offer_due = True

    def detach(self) -> None:
        """The node was given up: what it did for this job counts no more."""
        self.attached = False
        self._done.clear()
        self._after.clear()
        self._unknown.clear()
        self.calls = Calls(self, self._handle)
        self.attach()

    # -- results out, tasks in --------------------------------------------------------------

    def finished(self, flat: Sequence[Any]) -> None:
        """Results in the form in which ``task_step`` takes them."""
        self._done += flat

    def after_results(self, task: bytes, say: Callable[[], None]) -> None:
        """Say something about a task when all that is finished by now is said."""
        if self._done:
            self._after.append((task, say))
        else:
            say()

    def step(self, offer: Callable[[bytes], str]) -> None:
        """Exchange, if there is reason to and no exchange is on its way."""
        if self._stepping or not (self._done or self.offer_due):
            return
        # Without a server what is finished is kept; `reconcile` goes on from here.  While that
        # is on its way nothing is offered: what it lists must not change behind its back.
        if not self.attached or self._reconciling or not self._gcs.connected:
            return
        self._stepping = True
        self.offer_due = False
        done = self._next_done()
        if failpoints.ON and done:
            failpoints.hit("raylet.before_step")
        self._offered_at, self._left_aside = self._seen, False
        self._gcs.apply(
            "task_step", self.ns, self._node, self._seen, offer(self.job), *done, then=self._stepped
        )
        if failpoints.ON and done:
            failpoints.hit("raylet.after_step")
        while self._after and not self._done:
            self._after.pop(0)[1]()

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
        if self.closed:
            return
        if isinstance(answer, errors.LoomError):
            raise answer
        more = answer[1]
        if more == _LEFT_ASIDE and self._seen == self._offered_at:
            # 1. tasks were put into our inbox  2. we offered without having read them, and were
            # told so  3. we read them: then is the time to offer again.
            self._left_aside = True
        elif more:
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
                if self._left_aside:
                    self.offer_due, self._left_aside = True, False
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
            elif kind.role == "call":  # only when this node looks at what it holds
                self.calls.take(specs.actor_of(record), (entry, record, inputs))
            else:
                held.append(Held(entry, record, inputs, kind))
        if held:
            if failpoints.ON:
                failpoints.hit("raylet.claimed")
            self._handle(TasksClaimed(held))

    # -- templates --------------------------------------------------------------------------

    def _ask_for(self, template: bytes, task: tuple[bytes, bytes, bytes]) -> None:
        waiting = self._unknown.setdefault(template, [])
        waiting.append(task)
        if len(waiting) == 1:
            self.learn(template, lambda: self._take(_flat(self._unknown.pop(template, []))))

    def kind(self, template: bytes) -> Kind | None:
        """What is known of the template."""
        return self._kinds.get(template)

    def learn(self, template: bytes, then: Callable[[], None]) -> None:
        """Fetch the template; `then` it is known."""
        waiting = self._learning.setdefault(template, [])
        waiting.append(then)
        if len(waiting) == 1:
            self._gcs.apply(
                "template_fetch", self.ns, template, then=lambda reply: self._know(template, reply)
            )

    def _know(self, template: bytes, reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
        waiting = self._learning.pop(template, [])
        if self.closed or reply is None or isinstance(reply, errors.LoomError):
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
            retries=about.retries,
            single=about.timeout_s is not None or about.max_calls > 0 or about.role == "actor",
            light=about.light,
            role=about.role,
            concurrency=about.concurrency,
        ).in_group()
        for then in waiting:
            then()

    # -- actors -----------------------------------------------------------------------------

    def open_actor(self, actor: Held, unavailable: bytes, bereft: bytes) -> None:
        """It takes calls; the failures are for when this node is lost."""
        granted = self.calls.opened(actor.task, actor.attempt, actor.kind.concurrency)
        self._gcs.apply(
            "actor_open", self.ns, self._node, actor.task, actor.attempt, granted, unavailable,
            bereft,
        )  # fmt: skip

    def grant(self, actor: bytes, attempt: int, granted: int, then: Callable[[Any], None]) -> None:
        """The actor takes so many calls in all."""
        self._gcs.apply(
            "actor_open", self.ns, self._node, actor, attempt, granted, b"", b"", then=then
        )

    def saved(self, actor: Held, flat: Sequence[Any], refs: bytes, state: bytes) -> None:
        """Results of its calls, and its state after them."""

        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(reply, errors.LoomError):
                raise reply
            self.offer_due = self.offer_due or reply[1] == 1  # a crowd is left to wake

        self._gcs.apply(
            "actor_save", self.ns, self._node, actor.task, actor.attempt, refs, state, *flat,
            then=answered,
        )  # fmt: skip

    # -- after a broken connection ----------------------------------------------------------

    def reconcile(self, known: Callable[[], set[bytes]]) -> None:
        """Take up what the node holds and does not know of; see ``task/held.lua``.

        Why nothing is lost and nothing is taken twice:

        1. All that we said and had no answer to is said again, before this (`Conversation`):
           what we finished or gave back is not held any more when the server lists.
        2. The first slice withdraws our standing claim, and we offer nothing until the last
           one: what is listed is all that was ever given to us.
        3. Messages that were on their way tell the same tasks; their count is not above the
           one that comes with the list, so `hear` passes over them.
        """
        self._rounds += 1
        self._reconciling = self._rounds
        self._listed = []
        self.calls.pause()
        self.attach()  # a server that lost its last second may not know that we take part
        self._adopt(self._rounds, "0", known)

    def _adopt(self, number: int, cursor: str, known: Callable[[], set[bytes]]) -> None:
        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if number != self._reconciling or self.closed:
                return  # the connection broke again, and a later round began
            if isinstance(reply, errors.LoomError):
                raise reply
            self._seen = max(self._seen, int(reply[1]))
            self._listed += zip(*[iter(reply[2:])] * 4, strict=True)
            if int(reply[0]) == 0:
                self._reconciling = 0
                self.offer_due = True
                self._take_up(known())
            else:
                self._adopt(number, reply[0].decode(), known)

        self._gcs.apply("task_held", self.ns, self._node, cursor, then=answered)

    def _take_up(self, known: set[bytes]) -> None:
        listed = sorted(self._listed)  # calls begin in the order in which they were made
        there = known | set(tasks_of(self._done)) | self._on_their_way()
        new: list[bytes] = []
        for task, attempt, record, inputs in listed:
            if task not in there:
                new += (task if attempt == b"1" else task + attempt, record, inputs)
        self._take(new)
        for actor in self.calls.not_among({task for task, *_ in listed}):
            self._handle(ActorUnwanted(actor, "kill"))  # it is over, and we were not told
            self.calls.gone(actor)
        self.calls.go_on()

    def _on_their_way(self) -> set[bytes]:
        # Claimed; their template is being fetched.
        tasks = {entry[:TASK_BYTES] for tasks in self._unknown.values() for entry, _, _ in tasks}
        return tasks | self.calls.on_their_way() | {task for task, _ in self._after}

    def close(self) -> None:
        """Hang up."""
        self.closed = True
        self.inbox.close()


def _flat(tasks: list[tuple[bytes, bytes, bytes]]) -> list[bytes]:
    return [part for task in tasks for part in task]


def tasks_of(flat: Sequence[Any]) -> list[bytes]:
    """The ids in results of the form in which ``task_step`` takes them."""
    tasks: list[bytes] = []
    at = 0
    while at < len(flat):
        tasks.append(flat[at])
        at += 4 + flat[at + 3]
    return tasks


def outputs_of(tasks: Iterable[Held]) -> Iterator[bytes]:
    """The ids of the objects that these tasks make."""
    for held in tasks:
        for index in range(held.kind.outputs):
            yield object_id(TaskID(held.task), index)
