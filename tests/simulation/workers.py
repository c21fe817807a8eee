"""The played workers of a node, and what comes of the tasks that they run."""

from __future__ import annotations

from collections import deque
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from hyperloom import specs
from hyperloom.core import words
from hyperloom.gcs.codes import FAILURE, LOST, TEMPLATE_ID
from hyperloom.ids import TASK_BYTES, cut, object_id
from hyperloom.raylet.held import Begun
from hyperloom.raylet.results import tasks_of
from tests.simulation.stores import lies_in_a_store
from tests.simulation.streams import AHEAD, LARGE_ITEMS, STALE, Items, Voice, number_of_items

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.simulation.books import Books
    from tests.simulation.stores import Store

KILLED = -9
KILLED_ACTOR = b"4killed"
EXITED_ACTOR = b"4exited"
LARGE = frozenset({b"large...", b"large-no", b"large-en", b"call-big"})  # results lie in stores
# Of actors whose state is kept: after how many calls.
KEPT = {b"actor-s1": 1, b"actor-s2": 2, b"actor-sn": 1}
_EXITS = 20  # one in so many calls is the last one of its actor
assert TASK_BYTES == 16, "entries are cut by it in the machine's messages"


def value_of(task: bytes, inputs: Sequence[bytes]) -> bytes:
    """What a task makes of its inputs: a failure of one of them, or something of its own."""
    failed = next((value for value in inputs if value[:1] == b"4"), None)
    return failed or b"0" + sha256(task + b"".join(inputs)).digest()[:8]


class Worker:
    """Takes tasks, runs them one by one, reports some at a time, may die between any two steps."""

    def __init__(self, number: int, books: Books, store: Store, joins: Callable[[], Voice]) -> None:
        self.number = number
        self._books = books
        self._store = store
        self.state = "starting"
        self._queue: deque[tuple[bytes, bytes, bytes]] = deque()
        self._done: list[Any] = []
        self._done_count = 0
        self._unwanted: dict[bytes, bytes] = {}
        self._blocked = False  # it waits, and the raylet knows it
        self.begun = 0
        self.said: deque[list[Any]] = deque()  # on its way to the raylet
        self.leaving = False
        self._actor = b""  # that lives here
        self._incarnation = 0
        self._every = 0  # after so many calls of the actor its state is kept
        self._state: list[bytes] = []  # of the actor: its calls, in their order
        self._kept: list[bytes] = []  # as it was said to keep it last
        self._joins = joins
        self.voice: Voice | None = None  # it said something by itself
        self._streams: tuple[bytes, bytes, bytes, Items] | None = None  # entry, record, end

    def hears(self, message: list[Any]) -> None:
        match message:
            case [words.TASKS, _, flat, _]:
                self._queue.extend(zip(flat[::3], flat[1::3], flat[2::3], strict=True))
            case [words.EXIT]:
                self.leaving = True
            case [words.GIVE_BACK]:
                self.report()
                self.said.append([words.BACK, [entry for entry, _, _ in self._queue]])
                self._queue.clear()
            case [words.STOP, task, failure]:
                self._unwanted[task] = failure

    @property
    def can_work(self) -> bool:
        if self.state == "running" and self._streams is not None:
            return self._streams[3].can_go_on or self._streams[3].task in self._unwanted
        return self.state == "running" and bool(self._queue or self._done or self.leaving)

    def works(self, *, reports: bool) -> None:
        """One step: run a task, or a part of it, report, or end."""
        if self._streams is not None:
            self._streams_on(*self._streams)
        elif self._queue and not (reports and self._done):
            entry, record, inputs = self._queue.popleft()
            self.begun += 1
            self._run(entry, record, inputs)
        elif self._done:
            self.report()
        elif self.leaving:
            self.dies()

    def _run(self, entry: bytes, record: bytes, inputs: bytes) -> None:
        task, attempt = specs.split_entry(entry)
        names, values = specs.inputs_of(record), specs.split_values(inputs)
        read = [self._read(oid, value) for oid, value in zip(names, values, strict=True)]
        twice = task in self._state
        assert not twice or self._books.forgetful, f"{task.hex()} is in its actor's state already"
        value = self._books.ran(task, attempt, record, values, read, self._incarnation)
        stopped = self._unwanted.pop(task, None)
        if record.startswith(b"actor"):
            self._every = KEPT.get(record[:TEMPLATE_ID], 0)
            self._becomes(task, attempt, value)
            return
        if self._every:
            self._state.append(task)
        if self._actor and sha256(entry).digest()[0] % _EXITS == 0:
            self._exits(EXITED_ACTOR)
            return
        if record[:TEMPLATE_ID] in AHEAD and stopped is None and value[:1] != FAILURE:
            self._begins_to_stream(entry, record, value)
            return
        if stopped is not None:
            value = stopped
        elif record[:TEMPLATE_ID] in LARGE and value[:1] != FAILURE:
            value = self._store.seal(object_id(task, 0), value)
        self._finished(entry, record, value)
        if self._every and len(self._state) % self._every == 0:
            refs = b"".join(names[:1])
            self._kept = list(self._state)
            self.report(refs, b"".join(self._state))

    def _finished(self, entry: bytes, record: bytes, value: bytes) -> None:
        task, attempt = specs.split_entry(entry)
        self._done += (task, attempt, specs.heading_of(record), 1, value)
        self._done_count += 1

    def _join(self) -> Voice:
        if self.voice is None:
            self.voice = self._joins()
            self.said.append([words.SESSION, self.voice.process])
        return self.voice

    def _begins_to_stream(self, entry: bytes, record: bytes, end: bytes) -> None:
        task, attempt = specs.split_entry(entry)
        ahead = AHEAD[record[:TEMPLATE_ID]]
        items = Items(self._join(), self._store.node, task, attempt, ahead)
        self._streams = entry, record, end, items

    def _streams_on(self, entry: bytes, record: bytes, end: bytes, items: Items) -> None:
        """One step of the generator."""
        task = items.task
        stopped = self._unwanted.pop(task, None)
        over = stopped is not None or items.over or items.made == number_of_items(task)
        if items.is_too_far and not over:
            self._waits_for_its_reader(items)
            return
        if over and stopped is None and not items.over and not items.confirm():
            return
        if self._blocked:
            self._blocked = False
            self.said.append([words.UNBLOCKED])
        if over:
            self._streams = None
            self._finished(entry, record, stopped or (STALE if items.over == STALE else end))
            return
        item = object_id(task, items.made + 1)
        value = self._books.yields(item, end)
        if record[:TEMPLATE_ID] == LARGE_ITEMS:
            value = self._store.seal(item, value)
        items.add(value)

    def _waits_for_its_reader(self, items: Items) -> None:
        if not self._blocked:
            self._blocked = True
            self.report()
            self.said.append([words.BLOCKED, [entry for entry, _, _ in self._queue]])
            self._queue.clear()
        if items.confirm():
            items.asks()

    def _becomes(self, actor: bytes, attempt: int, value: bytes) -> None:
        """It is made, unless what it is made of is a failure."""
        if value[:1] == FAILURE:
            self._exits(value)
            return
        self._actor, self._incarnation = actor, attempt
        if self._every and attempt > 1:
            self._join().says("actor_saved", actor, then=self._takes_up)
        else:
            self.said.append([words.OPEN, False])

    def _takes_up(self, kept: bytes | None) -> None:
        """What an earlier incarnation has kept."""
        self._state = cut(kept or b"", TASK_BYTES)
        self._kept = list(self._state)
        self._books.restored(self._actor, self._state)
        self.said.append([words.OPEN, False])

    def _exits(self, failure: bytes) -> None:
        """The actor wants to end."""
        self._books.may_end(self._actor)
        self.report()
        self.said.append([words.OVER, failure])
        self._queue.clear()
        self.leaving = True

    def _read(self, oid: bytes, value: bytes) -> bytes | None:
        """An input's content; None, if it should lie here, and does not."""
        if not lies_in_a_store(value) and value != LOST:
            return value
        # A task begins when its inputs are here; an actor fetches those of its calls by itself.
        return self._store.find(oid) if self._actor else self._store.get(oid)

    def report(self, *saved: bytes) -> None:
        if self._done:
            if self._every:
                for call in tasks_of(self._done):
                    self._books.reported(call, self._kept)
            self.said.append([words.DONE, self._done_count, 0.001, self._done, b"", *saved])
            self._done, self._done_count = [], 0

    def dies(self) -> None:
        self.state = "dead"
        if self.voice is not None:
            self.voice.ends()


class Pool:
    """The played workers of a node."""

    def __init__(
        self, listener: Any, books: Books, store: Store, joins: Callable[[bytes], Voice]
    ) -> None:
        self._listener = listener
        self._books = books
        self._store = store
        self._joins = joins
        self.workers: dict[int, Worker] = {}

    def start(self, worker: int, about: dict[str, Any]) -> None:
        joins = partial(self._joins, about["job"])
        self.workers[worker] = Worker(worker, self._books, self._store, joins)

    def started(self, worker: Worker) -> None:
        worker.state = "running"
        self._listener.worker_ready(worker.number)

    def speaks(self, worker: Worker) -> None:
        self._listener.worker_says(worker.number, worker.said.popleft())

    def is_buried(self, worker: Worker) -> None:
        """What it said before its end is still read."""
        while worker.said:
            self.speaks(worker)
        self._listener.worker_exited(worker.number, KILLED, Begun(worker.begun))
        del self.workers[worker.number]

    def send(self, worker: int, message: list[Any]) -> None:
        if self.workers[worker].state != "dead":
            self.workers[worker].hears(message)

    control = send

    def kill(self, worker: int) -> None:
        if worker in self.workers:
            self.workers[worker].dies()

    def pid(self, worker: int) -> int:
        return worker

    def pids(self) -> dict[int, int]:
        return {number: number for number in self.workers}

    def begun(self, worker: int) -> Begun:
        return Begun(self.workers[worker].begun if worker in self.workers else 0)

    def tail(self, worker: int) -> list[str]:
        del worker
        return []

    def hear_out(self, worker: int, *, ended: bool) -> None:
        """Played tasks print nothing."""
