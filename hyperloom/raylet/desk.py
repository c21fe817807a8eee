"""One job, as one node sees it: what it claimed, what it owes the control plane.

A `Desk` gathers finished tasks and exchanges them for new ones with ``task_step``: one call
on its way at a time, so that batches grow by themselves when the server is busy.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hyperloom import errors, failpoints, specs
from hyperloom.gcs import codes, keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.raylet.calls import Calls
from hyperloom.raylet.messages import ActorUnwanted, Held, Kind, TasksClaimed, TasksDisowned
from hyperloom.raylet.results import entries_of, without
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

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
        self._after: list[tuple[Sequence[bytes], Callable[[], None]]] = []  # see `after_results`
        self._stepping = False  # an exchange is on its way
        self._reconciling = 0  # not 0: the number of the reconciliation that is on its way
        self._rounds = 0
        self._begins_anew: Callable[[bytes], set[bytes]] | None = None
        self._listed: list[tuple[bytes, ...]] = []
        self._known_then: set[bytes] = set()  # what was here when it began
        self._seen = 0
        self._offered_at = 0  # what had been seen at the latest offer
        self._left_aside = False  # that offer, since tasks were on their way here
        self._attach(0)

    def attach(self) -> None:
        """Take part in the job again; above what was sent here before, and may yet come."""
        self._attach(self._seen + _ON_THEIR_WAY)

    def _attach(self, first: int) -> None:
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
        if self._begins_anew is not None:
            known, self._begins_anew = self._begins_anew, None
            self.reconcile(known)

    def detach(self, known: Callable[[bytes], set[bytes]]) -> None:
        """The node was given up: what it did for this job counts no more.

        1. the server is emptied  2. a job begins, and this node, of which the server knows nothing,
        takes a task of it  3. its beat is refused: all that it has is dropped, the task too.  So
        when it takes part again it looks at what it holds.
        """
        self._begins_anew = known
        self.attached = False
        self._done.clear()
        self._after.clear()
        self._unknown.clear()
        self.calls = Calls(self, self._handle)
        self.attach()

    # -- results out, tasks in --------------------------------------------------------------

    def finished(self, flat: Sequence[Any], disowned: Collection[bytes] = ()) -> None:
        """Results in the form in which ``task_step`` takes them; but not those of `disowned`.

        These may have been given to this node again, and no task may stand in a call twice.
        """
        self._done += without(flat, disowned) if disowned else flat

    def after_results(self, entries: Sequence[bytes], say: Callable[[], None]) -> None:
        """Say something about tasks when all that is finished by now is said."""
        if self._done:
            self._after.append((entries, say))
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
        self._offered_at, self._left_aside = self._seen, False
        self._gcs.apply(
            "task_step", self.ns, self._node, self._seen, offer(self.job), *done, then=self._stepped
        )
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
        if not self._reconciling:  # else the list has them; and we may have some already
            self._take(answer[2:])

    def hear(self) -> list[list[bytes]]:
        """Read the inbox: tasks are taken, other messages returned."""
        others = []
        for message in self.inbox.poll(0):
            if message[0] != codes.TASK:
                others.append(message)
            elif self._reconciling:
                continue  # it is in the list
            elif (served := int(message[1])) > self._seen:  # else `reconcile` has it already
                self._seen = served
                if self._left_aside:
                    self.offer_due, self._left_aside = True, False
                self._take(message[2:])
        return others

    def _take(self, triples: Sequence[bytes]) -> None:
        held, strays, now = [], set(), time.monotonic()
        for at in range(0, len(triples), 3):
            entry, record, inputs = triples[at : at + 3]
            template = record[:8]
            kind = self._kinds.get(template)
            if kind is None:
                self._ask_for(template, (entry, record, inputs))
            elif kind.role == "call":  # only when this node looks at what it holds
                actor = specs.actor_of(record)
                if not self.calls.take(actor, (entry, record, inputs)):
                    strays.add(actor)
            else:
                plain = specs.plain_entry(entry)
                held.append(Held(plain, record, inputs, kind, plain != entry, now))
        if held:
            if failpoints.ON:
                failpoints.hit("raylet.claimed")
            self._handle(TasksClaimed(held))
        for actor in strays:  # if it is over, and not only somewhere else
            self._gcs.apply("actor_left", self.ns, self._node, actor, b"*")

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
            self._fetch(template)

    def _fetch(self, template: bytes) -> None:
        if not self.closed:
            self._gcs.apply(
                "template_fetch", self.ns, template, then=lambda reply: self._know(template, reply)
            )

    def _know(self, template: bytes, reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
        if self.closed:
            return
        if reply is None or isinstance(reply, errors.LoomError):
            # The job has ended, and we shall hear of it; or the server has forgotten its last
            # seconds, and will be told again.
            self._gcs.later(_RETRY_S, lambda: self._fetch(template))
            return
        waiting = self._learning.pop(template, [])
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
            lane=about.group,
        ).in_group()
        for then in waiting:
            then()

    # -- actors -----------------------------------------------------------------------------

    def open_actor(self, actor: Held, unavailable: bytes, bereft: bytes) -> None:
        """It takes calls; the failures are for when this node is lost."""
        # What comes while this node looks at what it holds would not be in the list.
        granted = self.calls.opened(
            actor.task, actor.attempt, actor.kind.concurrency, paused=self._reconciling > 0
        )
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
        """Results of its calls, and its state after them and after those that were told before.

        What was told before is said before: else, if this node died between the two, the actor
        would begin with a state that has calls in it which it is given again.
        """
        words = ("actor_save", self.ns, self._node, actor.task, actor.attempt, refs, state, *flat)
        self.after_results(entries_of(flat), lambda: self._gcs.apply(*words, then=self._saved))

    def _saved(self, answer: Any) -> None:  # noqa: ANN401 - Redis' own reply
        if isinstance(answer, errors.LoomError):
            raise answer
        self.offer_due = self.offer_due or answer[1] == 1  # there is more to do

    # -- after a broken connection ----------------------------------------------------------

    def reconcile(self, known: Callable[[bytes], set[bytes]]) -> None:
        """Take up what the node holds and does not know of, and drop what it does not hold.

        See ``task/held.lua``.  A server that came back in an older state may know nothing of what
        was given to this node since, or hold against it what is finished: that is done again.

        Why nothing is lost and nothing is taken twice:

        1. All that we said and had no answer to is said again, before this (`Conversation`):
           what we finished or gave back is not held any more when the server lists.
        2. The first slice withdraws our standing claim, and we offer nothing until the last
           one: what is listed is all that was ever given to us.
        3. Messages and answers that were on their way tell the same tasks: until the list is there
           they are passed over, and then the count of a message is not above the list's.
        4. A step that was said on the old connection may arrive after this: it presents less than
           what is counted from now on, and gives us nothing.
        5. What leaves us before the list is heard (handed on, given back, reported) is said behind
           the question, and so it is listed: what we had then and have no more is passed over.
        """
        self._rounds += 1
        self._reconciling = self._rounds
        self._known_then = known(self.job)
        self._listed = []
        self.calls.pause()
        self.attach()  # a server that lost its last second may not know that we take part
        self._adopt(self._rounds, "0", known, self._seen + 1)

    def _adopt(
        self, number: int, cursor: str, known: Callable[[bytes], set[bytes]], above: int
    ) -> None:
        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if number != self._reconciling or self.closed:
                return  # the connection broke again, and a later round began
            if isinstance(reply, errors.LoomError):
                raise reply
            self._seen = int(reply[1])  # less than before, if the server has forgotten some
            self._listed += zip(*[iter(reply[2:])] * 4, strict=True)
            if int(reply[0]) == 0:
                self._know_all(number, known)
            else:
                self._adopt(number, reply[0].decode(), known, above)

        self._gcs.apply("task_held", self.ns, self._node, cursor, above, then=answered)

    def _know_all(self, number: int, known: Callable[[bytes], set[bytes]]) -> None:
        """All is listed.  What it says is taken up when all its templates are known.

        1. A message with calls of an actor is lost.  2. We look, and know the templates of some of
        them.  3. Those would begin before the others, whichever was made first.
        """
        if number != self._reconciling or self.closed:
            return
        unknown = {record[:8] for _, _, record, _ in self._listed} - self._kinds.keys()
        if unknown:
            self.learn(min(unknown), lambda: self._know_all(number, known))
            return
        self._reconciling = 0
        self.offer_due = True
        self._take_up(known(self.job))

    def _take_up(self, known: set[bytes]) -> None:
        listed = {
            specs.join_entry(task, int(attempt)): (record, inputs)
            for task, attempt, record, inputs in sorted(self._listed)
        }  # calls begin in the order in which they were made
        self._listed = []
        for actor in self.calls.not_among(listed):
            self._handle(ActorUnwanted(actor, "kill"))  # it is over, and we were not told
            self.calls.gone(actor)
        if disowned := known - listed.keys():
            self._handle(TasksDisowned(disowned))
        for template, tasks in self._unknown.items():
            self._unknown[template] = [t for t in tasks if specs.plain_entry(t[0]) in listed]
        self._done = without(self._done, set(entries_of(self._done)) - listed.keys())
        there = known | self._known_then | set(entries_of(self._done)) | self._on_their_way()
        self._known_then = set()
        new = [(entry, *listed[entry]) for entry in listed if entry not in there]
        for actor in self.calls.behind(self._actors_of(new)):
            # It has answered calls that the server gives it again: what it has become by now is
            # not what the server knows.  It starts anew, as if its process had died.
            self._handle(ActorUnwanted(actor, "restart"))
            self.calls.gone(actor)
        self._take([part for task in new for part in task])
        self.calls.go_on()

    def _actors_of(self, tasks: Iterable[tuple[bytes, bytes, bytes]]) -> list[bytes]:
        """Of those that are calls, whose."""
        kinds = ((self._kinds.get(record[:8]), record) for _, record, _ in tasks)
        return [specs.actor_of(record) for kind, record in kinds if kind and kind.role == "call"]

    def _on_their_way(self) -> set[bytes]:
        # Claimed; their template is being fetched.
        unknown = [entry for tasks in self._unknown.values() for entry, _, _ in tasks]
        entries = set(map(specs.plain_entry, unknown))
        return entries.union(self.calls.on_their_way(), *(each for each, _ in self._after))

    def close(self) -> None:
        """Hang up."""
        self.closed = True
        self.inbox.close()


def _flat(tasks: list[tuple[bytes, bytes, bytes]]) -> list[bytes]:
    return [part for task in tasks for part in task]
