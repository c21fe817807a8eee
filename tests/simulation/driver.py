"""A driver: submits, hears, lets go.  Its words are numbered, as the outbox numbers them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hyperloom import errors, specs
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import fcall
from hyperloom.ids import JOB_BYTES, PROCESS_BYTES, ProcessID, TaskIds, object_id
from hyperloom.raylet.remaking import AGAIN
from hyperloom.specs import Template, encode_template
from tests.simulation.books import LOST
from tests.simulation.network import Inbox, Line
from tests.simulation.stores import lies_in_a_store, size_of

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

    def __init__(
        self, job: bytes, server: Server, books: Books, rng: Random, *, among: int = 0
    ) -> None:
        self._rng = rng
        self._books = books
        self._server = server
        self.job = job
        self.ns = keys.job_namespace(job)
        self.process = ProcessID(job + among.to_bytes(PROCESS_BYTES - JOB_BYTES, "big"))
        self.owns = among > 0  # the job; it cannot die
        self._ids = TaskIds(self.process)
        self.line = Line(server, self._connected_again)
        self.inbox = Inbox(server, keys.INBOX.name(self.ns, self.process))
        self._seq = 0
        self._answered: list[tuple[int, tuple[Any, ...], Any]] = []  # number or 0, words
        self.held: list[bytes] = []  # object ids
        self.values: dict[bytes, bytes] = {}
        self.places: dict[bytes, bytes] = {}  # objects that lie in stores, to be read
        self._has_read: dict[bytes, bytes] = {}  # likewise, and were
        self._reads: dict[bytes, Node] = {}  # by way of which node
        if not self.owns:
            self._begins()

    def _begins(self) -> None:
        about = json.dumps({"pid": 1, "process": self.process.hex()})
        self._speak(0, "job_open", self.job, about, ns=keys.CLUSTER)
        for name, (retries, priority, shape) in KINDS.items():
            template = Template(b"function----", name.decode(), 1, retries, priority, shape)  # type: ignore[arg-type]
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
        kind = self._rng.choice(list(KINDS))
        args: list[bytes] = []
        new: list[bytes] = []
        for _ in range(self._rng.randint(1, 6)):
            task = self._ids.next()
            wanted = self._rng.randint(0, _INPUTS_MOST)
            inputs = self._rng.sample(self.held, min(wanted, len(self.held)))
            args += (task, specs.record(kind, inputs, (), b"call"))  # type: ignore[arg-type]
            self._books.submitted(task, KINDS[kind][0], inputs)
            new.append(task)
            self.held.append(object_id(task, 0))
        made = int.from_bytes(new[-1][codes.PROCESS_ID :], "big")

        def accepted(answer: Any) -> None:
            assert not isinstance(answer, errors.LoomError), answer
            self._books.accepted(new)

        self._say("task_submit", made, b"", kind, *args, then=accepted)

    def releases(self) -> None:
        """Some that it holds."""
        gone = self._rng.sample(self.held, self._rng.randint(1, len(self.held)) // 2 + 1)
        self.lets_go(gone)

    def lets_go(self, gone: list[bytes]) -> None:
        self.held = [oid for oid in self.held if oid not in gone]
        self.places = {oid: place for oid, place in self.places.items() if oid in self.held}
        made = [oid for oid in gone if oid.startswith(self.process)]
        borrowed = [oid for oid in gone if oid not in made]
        self._say("ref_release", b"".join(made), b"".join(borrowed))

    def detaches(self, number: int, born: Callable[[Driver], None]) -> None:
        """Something that owns the job from now on, and holds some of what is held here."""
        kept = self._rng.sample(self.held, min(len(self.held), 3))
        process = self.process[:JOB_BYTES] + number.to_bytes(PROCESS_BYTES - JOB_BYTES, "big")

        def answered(answer: Any) -> None:
            if answer == 1:
                heir = Driver(self.job, self._server, self._books, self._rng, among=number)
                heir.held = kept
                heir._ask()
                born(heir)

        self._speak(0, "owner_add", process, b"P", b"", b"".join(kept), then=answered)

    def dies(self, arrive: int) -> None:
        """kill -9.  Of its last words so many may still arrive."""
        self.line.close()
        self.line.cut(arrive)
        self.inbox.close()

    def reads(self, nodes: Sequence[Node]) -> None:
        """One that lies in a store, by way of some node; the program may have moved, too."""
        oid = self._rng.choice(sorted(self.places))
        if self._reads.get(oid) in nodes or not nodes:
            return
        node, place = self._rng.choice(nodes), self.places[oid]
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
                self._books.lost(oid)
                self._ends(oid, LOST)
            elif node.store.contains(oid):
                self._reads_here(oid, node.store[oid])

        node.fetches(oid, size_of(place), told)

    def reads_anew(self) -> None:
        """One that it has read before; it may have been lost since."""
        again = [oid for oid in self._has_read if oid in self.held and oid in self.values]
        if again:
            oid = self._rng.choice(again)
            del self.values[oid]
            self.places[oid] = self._has_read.pop(oid)

    def _reads_here(self, oid: bytes, content: bytes) -> None:
        self._books.read(oid, content)
        self._has_read[oid] = self.places[oid]
        self._ends(oid, content)

    def _ends(self, oid: bytes, content: bytes) -> None:
        del self.places[oid]
        self.values[oid] = content

    def cancels(self) -> None:
        """One of the latest."""
        task = self._rng.choice(self.held)[: codes.TASK_ID]
        self._books.cancelled(task)
        self._speak(0, "task_cancel", b"4cancelled", self._rng.randint(0, 1), task)

    # -- what happens to it ---------------------------------------------------------------------

    def hears(self) -> None:
        try:
            messages = self.inbox.poll(0)
        except errors.ControlPlaneLost:
            self.inbox.reconnect()
            self._ask()
            return
        for entries in messages:
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
        if missing:
            self.line.apply(
                "object_watch", self.ns, self.process, *missing,
                then=lambda values: self._know(missing, values),
            )  # fmt: skip

    def _know(self, oids: list[bytes], values: list[bytes | None]) -> None:
        for oid, value in zip(oids, values, strict=True):
            if value and oid in self.held:  # an answer may come when it has let go
                self._books.told(oid, value)
                if not lies_in_a_store(value):
                    self.places.pop(oid, None)
                    self.values[oid] = value
                elif oid not in self.values:
                    self.places[oid] = value

    @property
    def waits(self) -> list[bytes]:
        return [oid for oid in self.held if oid not in self.values]

    def events(self) -> list[tuple[str, Callable[[], None]]]:
        found: list[tuple[str, Callable[[], None]]] = []
        if self.line.can_be_done():
            found.append(("server does", self.line.do_next))
        if self.line.can_be_answered():
            found.append(("answer", self.line.answer_next))
        if not self.line.connected:
            found.append(("mend", self.line.mend))
        if self.inbox.has_news:
            found.append(("hear", self.hears))
        return found

    @property
    def is_heard(self) -> bool:
        """Nothing that it said is unanswered."""
        return self.line.connected and not self.line._said
