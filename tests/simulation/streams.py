"""Streams: what a driver does who reads them, and what a worker does that makes their items.

A worker that makes items says them by itself, as one more process of the job: it has a line and an
inbox of its own, which break as others do, and words of it may arrive when it is dead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any

from hyperloom import errors, specs
from hyperloom.gcs import codes, keys
from hyperloom.ids import JOB_BYTES, PROCESS_BYTES, TASK_BYTES, index_of, object_id
from tests.simulation.network import Inbox, Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.driver import Driver
    from tests.simulation.node import Clock
    from tests.simulation.server import Server

# Retries, priority and shape, as `Driver.kinds` has them of tasks; how far they may be ahead.
STREAMS = {b"items-2.": (2, 0, "CPU:10000"), b"items-en": (-1, 0, "CPU:5000"),
           b"items-no": (0, 0, ""), b"items-la": (-1, 0, "CPU:5000")}  # fmt: skip
AHEAD = {b"items-2.": 1, b"items-en": 0, b"items-no": 2, b"items-la": 2}
LARGE_ITEMS = b"items-la"  # lie in stores
STALE = codes.FAILURE + b"stale"  # of an attempt that is not the task's any more: for nobody
_MOST = 3  # that a driver reads at a time
_ITEMS_MOST = 4
_AGAIN_S = 5.0  # after so long a worker that waits for its reader asks

_numbers = count(1)


def number_of_items(task: bytes) -> int:
    """How many a stream has; each attempt makes the same."""
    return sha256(b"items" + task).digest()[0] % (_ITEMS_MOST + 1)


# -- who reads ---------------------------------------------------------------------------------


@dataclass
class Reader:
    """As `hyperloom.core.streams.ObjectRefGenerator`."""

    task: bytes
    ahead: int
    read: int = 0
    dropped: int = 0  # of items up to this one nothing more is said
    arrived: dict[int, bytes] = field(default_factory=dict)
    finished: bool = False
    abandoned: bool = False
    asks: bool = False  # of an item whose message the end has overtaken

    @property
    def next(self) -> bytes:
        return object_id(self.task, self.read + 1)  # type: ignore[arg-type]

    @property
    def has_all(self) -> bool:
        return self.read == number_of_items(self.task)

    @property
    def end(self) -> bytes:
        return object_id(self.task, 0)  # type: ignore[arg-type]


class Streams:
    """Those of one driver.  What it says, the driver says."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._readers: dict[bytes, Reader] = {}

    @property
    def open(self) -> list[Reader]:
        return [reader for reader in self._readers.values() if not reader.abandoned]

    def begins(self) -> None:
        """One."""
        driver, rng = self._driver, self._driver.rng
        if len(self.open) == _MOST:
            self.drops(rng.choice(self.open))
            return
        kind, task, inputs = rng.choice(list(STREAMS)), driver.ids.next(), driver.some(1)
        driver.books.submitted(task, STREAMS[kind][0], inputs, b"items")
        record = specs.record(kind, inputs, (), b"items")  # type: ignore[arg-type]
        driver.says_of_tasks("task_submit", task, b"", kind, task, record, new=[task])
        self._readers[task] = reader = Reader(task, AHEAD[kind])
        driver.held.append(reader.end)

    def drops_one(self) -> None:
        """Any."""
        self.drops(self._driver.rng.choice(self.open))

    def drops(self, reader: Reader) -> None:
        """Nobody reads on."""
        driver, gone = self._driver, [reader.end]
        while reader.read + len(gone) in reader.arrived:
            gone.append(object_id(reader.task, reader.read + len(gone)))  # type: ignore[arg-type]
        reader.abandoned, reader.dropped = True, reader.read + len(gone) - 1
        driver.lets_go(gone)
        if reader.ahead and not reader.finished:
            driver.tells("stream_consume", reader.task, codes.FOR_EVER)

    def events(self) -> list[tuple[str, Callable[[], None]]]:
        """What can be read on, is."""
        return [
            ("reads on", lambda reader=reader: self._goes_on(reader))  # type: ignore[misc]
            for reader in self.open
            if not (reader.finished or reader.asks)
            and (reader.read + 1 in reader.arrived or reader.end in self._driver.values)
        ]

    def _goes_on(self, reader: Reader) -> None:
        driver = self._driver
        if reader.read + 1 in reader.arrived:
            self._takes(reader, reader.arrived.pop(reader.read + 1))
        elif driver.values[reader.end][:1] == codes.FAILURE or reader.has_all:
            reader.finished = True
        else:  # the end overtook the item's message
            reader.asks = True
            driver.line.apply(
                "object_watch", driver.ns, driver.process, reader.next,
                then=lambda values: self._told(reader, *values),
            )  # fmt: skip

    def _told(self, reader: Reader, value: bytes) -> None:
        reader.asks = False
        if value == codes.LOST and not reader.abandoned:
            self._takes(reader, value)
        elif value:
            self.arrived(reader.next, value)

    def _takes(self, reader: Reader, value: bytes) -> None:
        driver, item = self._driver, reader.next
        reader.read = reader.dropped = reader.read + 1
        driver.held.append(item)
        driver.knows(item, value)
        if reader.ahead:
            driver.tells("stream_consume", reader.task, reader.read)

    def arrived(self, oid: bytes, value: bytes) -> None:
        """Of something that the driver does not hold, as far as it knows."""
        reader = self._readers.get(oid[:TASK_BYTES])
        index = index_of(oid)  # type: ignore[arg-type]
        if reader is None or index == 0 or value == codes.LOST:
            return
        if not reader.abandoned and index > reader.read:
            reader.arrived[index] = value
        elif index > reader.dropped:
            reader.dropped = index
            self._driver.says_it_lets_go([oid])

    def heard(self, oids: list[bytes]) -> None:
        """What is in one message."""
        for oid in oids:
            if oid[:TASK_BYTES] in self._readers:
                self._driver.books.heard(oid)

    @property
    def missing(self) -> list[bytes]:
        """Items that are waited for."""
        return [
            reader.next
            for reader in self.open
            if not reader.finished and reader.read + 1 not in reader.arrived
        ]

    @property
    def unfinished(self) -> list[bytes]:
        return [reader.next for reader in self.open if not reader.finished]

    @property
    def ends(self) -> set[bytes]:
        """Held as long as they are read."""
        return {reader.end for reader in self.open}


# -- who makes ---------------------------------------------------------------------------------


class Voice:
    """A worker as a process of its job."""

    def __init__(self, server: Server, clock: Clock, job: bytes, node: bytes) -> None:
        self.ns = keys.job_namespace(job)
        number = (1 << 40) + next(_numbers)
        self.process = job + number.to_bytes(PROCESS_BYTES - JOB_BYTES, "big")
        self.clock = clock
        self.line = Line(server, self._connected_again)
        self.inbox = Inbox(server, keys.INBOX.name(self.ns, self.process))
        self.items: Items | None = None
        self.says("process_join", self.process, node)

    def says(self, function: str, *args: Any, then: Any = None) -> None:
        self.line.apply(function, self.ns, *args, then=then)

    def _connected_again(self) -> None:
        if self.items is not None:
            self.items.doubts = True

    def hears(self) -> None:
        try:
            messages = self.inbox.poll(0)
        except errors.ControlPlaneLost:
            self.inbox.reconnect()
            return
        for name, value in messages:
            if self.items is not None and name == codes.CONSUMED + self.items.task:
                self.items.consumed(int(value))

    def events(self) -> list[tuple[str, Callable[[], None]]]:
        found = self.line.events()
        if self.inbox.has_news:
            found.append(("hear", self.hears))
        return found

    def ends(self) -> None:
        """kill -9.  What it had said may still arrive."""
        self.line.close()
        self.line.cut(2)
        self.inbox.close()


class Items:
    """As `hyperloom.core.streams.Items`: one streaming task, item after item."""

    def __init__(self, voice: Voice, node: bytes, task: bytes, attempt: int, ahead: int) -> None:
        self.task = task
        self._voice = voice
        self._node = node
        self._attempt = attempt
        self._ahead = ahead
        self._consumed = 0
        self._waits_since = 0.0
        self._values: list[bytes] = []
        self.waits = False  # for an answer
        self.doubts = False  # whether the server has what was made
        self.over = b""  # why it stops
        voice.items = self
        if ahead:
            self.asks()

    @property
    def made(self) -> int:
        return len(self._values)

    @property
    def is_too_far(self) -> bool:
        return 0 < self._ahead <= self.made - self._consumed

    @property
    def can_go_on(self) -> bool:
        late = self.doubts or self._voice.clock.now - self._waits_since > _AGAIN_S
        return not self.waits and (bool(self.over) or not self.is_too_far or late)

    def consumed(self, number: int) -> None:
        self._consumed = max(self._consumed, number)

    def asks(self) -> None:
        """How far it was read; again if that takes long, since a message may be lost."""

        def answered(number: Any) -> None:
            self.waits = False
            self.consumed(number)

        self.waits, self._waits_since = True, self._voice.clock.now
        self._voice.says("stream_open", self.task, self._voice.process, then=answered)

    def add(self, value: bytes) -> None:
        """The next item."""
        self._values.append(value)
        self._waits_since = self._voice.clock.now
        self._says(self.made)

    def confirm(self) -> bool:
        """A server that came back may have forgotten items: they are said again."""
        if not (self.doubts and self._values):
            return True
        self._says(self.made)
        return False

    def _says(self, index: int) -> None:
        self.doubts = False

        def answered(answer: Any) -> None:
            self.waits = False
            if isinstance(answer, errors.Stale):
                self.over = STALE
            elif isinstance(answer, int):  # it has forgotten all behind that number
                self._says(answer + 1)
            elif answer == b"KEPT":
                if index < self.made:
                    self._says(index + 1)
            else:
                assert answer == b"ABANDONED", answer
                self.over = b"abandoned"

        self.waits = True
        words = self._node, self.task, self._attempt, index, self._values[index - 1]
        self._voice.says("task_yield", *words, then=answered)
