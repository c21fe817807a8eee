"""A driver: submits, hears, lets go.  Its words are numbered, as the outbox numbers them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hyperloom import errors, specs
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import fcall
from hyperloom.ids import JOB_BYTES, PROCESS_BYTES, ProcessID, TaskIds, object_id
from hyperloom.raylet.remaking import AGAIN
from hyperloom.specs import Template, encode_template
from tests.simulation.actors import ACTORS, CALLS, Actors
from tests.simulation.books import LOST
from tests.simulation.names import Named
from tests.simulation.network import Inbox, Line
from tests.simulation.plans import Plans
from tests.simulation.stores import lies_in_a_store, size_of
from tests.simulation.streams import AHEAD, STREAMS, Streams

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from tests.simulation.books import Books
    from tests.simulation.node import Node
    from tests.simulation.server import Server

_INPUTS_MOST = 3
KINDS = {b"2retries": (2, 0, "CPU:10000"), b"endless.": (-1, 0, "CPU:10000"),
         b"urgent..": (2, 1, "CPU:5000"), b"no-retry": (0, 0, ""),
         b"large...": (3, 0, "CPU:10000"), b"large-en": (-1, 0, "CPU:5000"),
         b"large-no": (0, 0, "CPU:10000")}  # fmt: skip


class Driver:
    """One, in a job of its own; or something detached, `among` a job that is there."""

    def __init__(  # noqa: PLR0913
        self,
        job: bytes,
        server: Server,
        books: Books,
        rng: Random,
        *,
        among: int = 0,
        home: Node | None = None,
    ) -> None:
        self.rng = rng
        self.books = books
        self._server = server
        self.job = job
        self.ns = keys.job_namespace(job)
        self.process = ProcessID(job + among.to_bytes(PROCESS_BYTES - JOB_BYTES, "big"))
        self.owns = among > 0  # the job; it cannot die
        self.ids = TaskIds(self.process)
        self.line = Line(server, self._connected_again)
        self.inbox = Inbox(server, keys.INBOX.name(self.ns, self.process))
        self._seq = 0
        self._answered: list[tuple[int, tuple[Any, ...], Any]] = []  # number or 0, words
        self.held: list[bytes] = []  # object ids
        self.unborn: list[Driver] = []  # plans that are to be detached
        self.values: dict[bytes, bytes] = {}
        self.places: dict[bytes, bytes] = {}  # objects that lie in stores, to be read
        self._has_read: dict[bytes, bytes] = {}  # likewise, and were
        self._reads: dict[bytes, Node] = {}  # by way of which node
        self.kinds = KINDS
        self.cancelled = b"4cancelled"  # what its tasks become that it does not want
        self.plans = Plans(self)
        self.actors = Actors(self)
        self.streams = Streams(self)
        self.named = Named(self)
        self.born: Callable[[Driver], None] = lambda _: None  # is told of its visits
        self.home = home  # on whose machine it runs, at whose door it is
        self.guest = SimpleNamespace(job=job, ends=False, say=lambda _: None)
        if not self.owns:
            self._begins()

    def _begins(self) -> None:
        about = {"pid": 1, "process": self.process.hex()}
        if self.home is not None:
            about["node"] = self.home.node.hex()
            self.home.lets_in(self.guest, about)
        self._speak(0, "job_open", self.job, json.dumps(about), ns=keys.CLUSTER)
        for name, (retries, priority, shape) in (KINDS | ACTORS | CALLS | STREAMS).items():
            returns = specs.STREAMING if name in STREAMS else 1
            terms: Any = b"function----", name.decode(), returns, retries, priority, shape
            role: Any = "actor" if name in ACTORS else "call" if name in CALLS else ""
            template = Template(*terms, role=role, ahead=AHEAD.get(name, 0))
            body = encode_template(template)
            self._speak(
                0, "template_declare", name, 1, retries, template.queue, body, b"function----",
                b"code",
            )  # fmt: skip
        while self.line.can_be_done():
            self.line.do_next()
            self.line.answer_next()

    def _say(self, function: str, *args: Any, then: Any = None) -> None:
        self._seq += 1
        self._speak(self._seq, function, self.process, self._seq, *args, then=then)

    def _speak(
        self, number: int, function: str, *args: Any, then: Any = None, ns: str = ""
    ) -> None:
        words = fcall(function, ns or self.ns, *args)

        def answered(answer: Any) -> None:
            self._answered.append((number, words, answered))
            if then is not None:
                then(answer)

        self.line.command(*words, then=answered)

    # -- what it does of its own will -----------------------------------------------------------

    def submits(self) -> None:
        """Some tasks of one kind, which may need what it holds."""
        kind = self.rng.choice(list(KINDS))
        args: list[bytes] = []
        new: list[bytes] = []
        for _ in range(self.rng.randint(1, 6)):
            task = self.ids.next()
            inputs = self.some(_INPUTS_MOST)
            args += (task, specs.record(kind, inputs, (), b"call"))  # type: ignore[arg-type]
            self.books.submitted(task, KINDS[kind][0], inputs, b"call")
            new.append(task)
            self.held.append(object_id(task, 0))
        self.says_of_tasks("task_submit", new[-1], b"", kind, *args, new=new)

    def says_of_tasks(self, function: str, last: bytes, *args: Any, new: list[bytes]) -> None:
        """Tasks, the last of which is this; when it is answered, these are accepted."""

        def accepted(answer: Any) -> None:
            assert not isinstance(answer, errors.LoomError), answer
            self.books.accepted(new)

        made = int.from_bytes(last[codes.PROCESS_ID :], "big")
        self._say(function, made, *args, then=accepted)

    def tells(self, function: str, *args: Any, then: Any = None, ns: str = "") -> None:
        """Words without a number."""
        self._speak(0, function, *args, then=then, ns=ns)

    def some(self, most: int) -> list[bytes]:
        """Of what it holds."""
        return self.rng.sample(self.held, min(self.rng.randint(0, most), len(self.held)))

    def releases(self) -> None:
        """Some that it holds."""
        kept = {oid for plan in self.unborn for oid in plan.held} | self.streams.ends
        free = [oid for oid in self.held if oid not in kept]
        if free:
            self.lets_go(self.rng.sample(free, self.rng.randint(1, len(free)) // 2 + 1))

    def lets_go(self, gone: list[bytes]) -> None:
        self.held = [oid for oid in self.held if oid not in gone]
        self.places = {oid: place for oid, place in self.places.items() if oid in self.held}
        self.says_it_lets_go(gone)

    def says_it_lets_go(self, gone: list[bytes]) -> None:
        """The words alone."""
        made = [oid for oid in gone if oid.startswith(self.process)]
        self.says_it_lets_go_of(made, [oid for oid in gone if oid not in made])

    def says_it_lets_go_of(self, made: list[bytes], borrowed: list[bytes]) -> None:
        """The same, of what it made, and of what it holds besides."""
        self._say("ref_release", b"".join(made), b"".join(borrowed))

    def says_it_holds(self, oid: bytes) -> None:
        """Something that it came by."""
        self._say("ref_acquire", oid)

    def detaches(self, number: int, born: Callable[[Driver], None]) -> None:
        """Something that owns the job from now on, and holds some of what is held here."""
        kept = self.rng.sample(self.held, min(len(self.held), 3))
        process = self.process[:JOB_BYTES] + number.to_bytes(PROCESS_BYTES - JOB_BYTES, "big")

        def answered(answer: Any) -> None:
            if answer == 1:
                heir = Driver(self.job, self._server, self.books, self.rng, among=number)
                heir.held = kept
                heir._ask()
                born(heir)

        self._speak(0, "owner_add", process, b"P", b"", b"".join(kept), then=answered)

    def detaches_a_plan(self, number: int, born: Callable[[Driver], None]) -> None:
        """A plan is a process of its own, as soon as all of it is accepted; until then it is ours.

        (`hyperloom.plan.detached`)
        """
        before = list(self.held)  # all that is known by then

        def settled(_: Any) -> None:
            plan = Driver(self.job, self._server, self.books, self.rng, among=number)
            there = [oid for oid in before if oid in self.held]
            plan.held = self.rng.sample(there, min(len(there), 3))  # which it may take
            self.unborn.append(plan)
            plan.plans.submits()
            plan.line.command("PING", then=lambda _: accepted(plan))

        def accepted(plan: Driver) -> None:
            kept = [oid for oid in plan.held if not oid.startswith(plan.process)]
            about = plan.process, b"D", b"", b"".join(kept)
            self.tells("owner_add", *about, then=lambda answer: added(plan, answer))

        def added(plan: Driver, answer: Any) -> None:
            self.unborn.remove(plan)
            if answer == 1:
                plan._ask()
                born(plan)

        self.line.command("PING", then=settled)

    def visits(self, process: bytes, *, begins: bool) -> None:
        """It is a process of another job too, or was; it tells its raylet."""
        assert self.home is not None
        self.home.hears_of_a_visit(self.guest, process, begins)

    def dies(self, arrive: int) -> list[Line]:
        """kill -9.  Of its last words so many may still arrive, on these lines."""
        self.line.close()
        self.line.cut(arrive)
        self.inbox.close()
        return [self.line, *(line for plan in self.unborn for line in plan.dies(arrive))]

    def reads(self, nodes: Sequence[Node]) -> None:
        """One that lies in a store, by way of some node; the program may have moved, too."""
        oid = self.rng.choice(sorted(self.places))
        if self._reads.get(oid) in nodes or not nodes:
            return
        node, place = self.rng.choice(nodes), self.places[oid]
        if node.store.contains(oid):
            self._reads_here(oid, node.store[oid])
            return
        self._reads[oid] = node

        def told(lost: list[Any]) -> None:
            if self._reads.get(oid) is not node:
                return  # it was asked for anew, by way of another
            del self._reads[oid]
            if self.places.get(oid) != place:
                return  # it was let go of, or is made again
            if any(why == AGAIN for _, why, *_ in lost):
                del self.places[oid]
                self._ask()
            elif lost:
                self.books.lost(oid)
                self._ends(oid, LOST)
            elif node.store.contains(oid):
                self._reads_here(oid, node.store[oid])

        node.fetches(oid, size_of(place), told)

    def reads_anew(self) -> None:
        """One that it has read before; it may have been lost since."""
        again = [oid for oid in self._has_read if oid in self.held and oid in self.values]
        if again:
            oid = self.rng.choice(again)
            del self.values[oid]
            self.places[oid] = self._has_read.pop(oid)

    def _reads_here(self, oid: bytes, content: bytes) -> None:
        self.books.read(oid, content)
        self._has_read[oid] = self.places[oid]
        self._ends(oid, content)

    def _ends(self, oid: bytes, content: bytes) -> None:
        del self.places[oid]
        self.values[oid] = content

    def cancels(self, task: bytes = b"") -> None:
        """This, or any."""
        task = task or self.rng.choice(self.held)[: codes.TASK_ID]
        self.books.cancelled(task)
        self.tells("task_cancel", self.cancelled, self.rng.randint(0, 1), task)

    # -- what happens to it ---------------------------------------------------------------------

    def hears(self) -> None:
        try:
            messages = self.inbox.poll(0)
        except errors.ControlPlaneLost:
            self.inbox.reconnect()
            self._ask()
            return
        for entries in messages:
            self.streams.heard(entries[::2])
            self._know(entries[::2], entries[1::2])

    def _connected_again(self) -> None:
        self._ask()

    def brings_back(self, heard: int, known: set[bytes]) -> None:
        """The server remembers its words up to this number, and these objects."""
        at = max((i for i, (n, *_) in enumerate(self._answered) if 0 < n <= heard), default=-1) + 1
        forgotten, self._answered[at:] = self._answered[at:], []
        self.line.say_first([(words, then) for _, words, then in forgotten])
        self.values = {oid: value for oid, value in self.values.items() if oid in known}
        self.places = {oid: place for oid, place in self.places.items() if oid in known}

    def _ask(self) -> None:
        """A message may be lost: look at the state itself."""
        missing = [o for o in self.held if o not in self.values and o not in self.places]
        missing += self.streams.missing
        if missing:
            self.line.apply(
                "object_watch", self.ns, self.process, *missing,
                then=lambda values: self._know(missing, values),
            )  # fmt: skip

    def _know(self, oids: list[bytes], values: list[bytes | None]) -> None:
        for oid, value in zip(oids, values, strict=True):
            if value and oid in self.held:  # an answer may come when it has let go
                self.knows(oid, value)
            elif value:
                self.streams.arrived(oid, value)

    def knows(self, oid: bytes, value: bytes) -> None:
        """Of something that it holds."""
        if value == codes.LOST:
            self.books.lost(oid)
        else:
            self.books.told(oid, value)
        if not lies_in_a_store(value):
            self.places.pop(oid, None)
            self.values[oid] = value
        elif oid not in self.values:
            self.places[oid] = value

    @property
    def waits(self) -> list[bytes]:
        unread = self.streams.unfinished
        return [oid for oid in self.held if oid not in self.values] + unread

    def events(self) -> list[tuple[str, Callable[[], None]]]:
        found = self.line.events()
        if self.inbox.has_news:
            found.append(("hear", self.hears))
        found += self.streams.events()
        for plan in self.unborn:
            found += plan.events()
        return found

    @property
    def is_heard(self) -> bool:
        """Nothing that it said is unanswered."""
        return self.line.connected and not self.line._said and not self.unborn
