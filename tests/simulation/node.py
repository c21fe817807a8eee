"""A raylet as it is, on a played loop, with played workers."""

from __future__ import annotations

import heapq
import shutil
import tempfile
from collections import deque
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hyperloom import specs
from hyperloom.config import Config
from hyperloom.core import words
from hyperloom.gcs.codes import FAILURE, LOST, TEMPLATE_ID
from hyperloom.ids import TASK_BYTES, object_id
from hyperloom.raylet import handover
from hyperloom.raylet.agent import Agent
from hyperloom.raylet.held import Begun
from hyperloom.raylet.node import NodeSettings
from hyperloom.resources import ResourceSet, of_node
from tests.simulation.network import Inbox, Line
from tests.simulation.stores import Giver, Store, Stores, Taker, lies_in_a_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.simulation.books import Books
    from tests.simulation.server import Server

KILLED = -9
LARGE = frozenset({b"large...", b"large-no", b"large-en"})  # templates whose results lie in stores


class Clock:
    """The same moment for everybody."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Loop:
    """Calls when the world says so."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self.readers: dict[int, Callable[[], None]] = {}
        self.running = True

    def on_readable(self, fd: int, call: Callable[[], None]) -> None:
        self.readers[fd] = call

    def forget(self, fd: int) -> None:
        self.readers.pop(fd, None)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self._clock.now + seconds, next(self._order), call))

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        def again() -> None:
            call()
            self.later(seconds, again)

        self.later(seconds, again)

    @property
    def due(self) -> float:
        return self._timers[0][0] if self._timers else float("inf")

    def ring(self) -> None:
        heapq.heappop(self._timers)[2]()


def value_of(task: bytes, inputs: Sequence[bytes]) -> bytes:
    """What a task makes of its inputs: a failure of one of them, or something of its own."""
    failed = next((value for value in inputs if value[:1] == b"4"), None)
    return failed or b"0" + sha256(task + b"".join(inputs)).digest()[:8]


class Worker:
    """Takes tasks, runs them one by one, reports some at a time, may die between any two steps."""

    def __init__(self, number: int, books: Books, store: Store) -> None:
        self.number = number
        self._books = books
        self._store = store
        self.state = "starting"
        self._queue: deque[tuple[bytes, bytes, bytes]] = deque()
        self._done: list[Any] = []
        self._done_count = 0
        self._unwanted: dict[bytes, bytes] = {}
        self.begun = 0
        self.said: deque[list[Any]] = deque()  # on its way to the raylet
        self.leaving = False

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
        return self.state == "running" and bool(self._queue or self._done or self.leaving)

    def works(self, *, reports: bool) -> None:
        """One step: run a task, report, or end."""
        if self._queue and not (reports and self._done):
            entry, record, inputs = self._queue.popleft()
            self.begun += 1
            self._run(entry, record, inputs)
        elif self._done:
            self.report()
        elif self.leaving:
            self.state = "dead"

    def _run(self, entry: bytes, record: bytes, inputs: bytes) -> None:
        task, attempt = specs.split_entry(entry)
        names, values = specs.inputs_of(record), specs.split_values(inputs)
        read = [self._read(oid, value) for oid, value in zip(names, values, strict=True)]
        value = self._books.ran(task, attempt, names, values, read)
        stopped = self._unwanted.pop(task, None)
        if stopped is not None:
            value = stopped
        elif record[:TEMPLATE_ID] in LARGE and value[:1] != FAILURE:
            value = self._store.seal(object_id(task, 0), value)
        self._done += (task, attempt, specs.heading_of(record), 1, value)
        self._done_count += 1

    def _read(self, oid: bytes, value: bytes) -> bytes | None:
        """An input's content; None, if it should lie here, and does not."""
        return self._store.get(oid) if lies_in_a_store(value) or value == LOST else value

    def report(self) -> None:
        if self._done:
            self.said.append([words.DONE, self._done_count, 0.001, self._done, b""])
            self._done, self._done_count = [], 0

    def dies(self) -> None:
        self.state = "dead"


class Pool:
    """The played workers of a node."""

    def __init__(self, listener: Any, books: Books, store: Store) -> None:
        self._listener = listener
        self._books = books
        self._store = store
        self.workers: dict[int, Worker] = {}

    def start(self, worker: int, about: dict[str, Any]) -> None:
        del about
        self.workers[worker] = Worker(worker, self._books, self._store)

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


class _Nobody:
    """At the door, in memory: there is nothing to do."""

    def __init__(self, *_: Any) -> None:
        pass

    def guests_of(self, job: bytes) -> list[Any]:
        del job
        return []

    def look(self, *_: Any) -> None:
        return None

    def forget(self, worker: int) -> None:
        pass


class Stage:
    """Puts what is played in the place of what is real, for as long as a world lives."""

    def __init__(self, clock: Clock) -> None:
        self.acting: Node  # whose code runs
        self.stores = Stores()
        self.folder = Path(tempfile.mkdtemp(prefix="loom-sim-"))  # where a drained node says so
        played = {
            "agent.Loop": lambda: self.acting.loop,
            "agent.Conversation": lambda _, __, when_back: self.acting.gets_line(when_back),
            "agent.Pool": lambda _, __, ___, listener, ____: self.acting.gets_pool(listener),
            "agent.Door": _Nobody,
            "fetching.StoreClient": lambda _: self.acting.store,
            "fetching.Taker": lambda _, __, tell, ___: self.acting.gets_taker(tell),
            "fetching.Giver": lambda *_: Giver(),
            "fetching._listen": lambda *_: (None, "played"),
            "fetching.time": clock,
            "draining.time": clock,
            "node.NodeSettings.objects_of": lambda settings, *owners: self.stores[
                settings.node
            ].objects_of(owners),
            "agent.Logs": _Nobody,
            "agent.MemoryWatch": _Nobody,
            "membership.Inbox": lambda _, name: self.acting.gets_inbox(name),
            "desk.Inbox": lambda _, name: self.acting.gets_inbox(name),
            "lookout.time": clock,
            "groups.time": clock,
        }
        self._patches = [patch(f"hyperloom.raylet.{name}", what) for name, what in played.items()]
        for each in self._patches:
            each.start()

    def close(self) -> None:
        for each in self._patches:
            each.stop()
        shutil.rmtree(self.folder)


class Node:
    """One raylet and its workers."""

    def __init__(  # noqa: PLR0913, PLR0917
        self, node: bytes, cpus: int, server: Server, clock: Clock, books: Books, stage: Stage
    ) -> None:
        self.node = node
        self.paused = False
        self._server = server
        self._books = books
        self._stage = stage
        self.inboxes: list[Inbox] = []
        self.loop = Loop(clock)
        self.store = Store(node, stage.stores)
        self.settings = NodeSettings(
            folder=stage.folder,
            node=node,
            address=server.plane.address,
            resources=ResourceSet.of({"CPU": cpus}) + of_node(node.hex()),
            store=Path("/nowhere"),
            spill=Path("/nowhere"),
            store_bytes=1 << 30,
            namespace="",
            config=Config.load(environ={}, check=True, outage_s=10),
            embedded=False,
            server=None,
        )
        stage.acting = self
        self.agent = Agent(self.settings, self.store, (0, None), clock.monotonic)  # type: ignore[arg-type]

    def gets_line(self, when_back: Callable[[], None]) -> Line:
        self.line = Line.of_an_agent(self._server, self.loop, when_back)
        return self.line

    def gets_pool(self, listener: Any) -> Pool:
        self.pool = Pool(listener, self._books, self.store)
        return self.pool

    def gets_taker(self, tell: Callable[[Any], None]) -> Taker:
        self.taker = Taker(self.store, self._stage.stores, tell)
        return self.taker

    def gets_inbox(self, name: bytes) -> Inbox:
        self.inboxes.append(Inbox(self._server, name))
        return self.inboxes[-1]

    def _do(self, what: Callable[[], None]) -> None:
        self._stage.acting = self
        what()
        self.agent._jobs.exchange()

    def events(self) -> list[tuple[str, Callable[[], None]]]:
        """What could happen here next, time aside."""
        found: list[tuple[str, Callable[[], None]]] = []
        if self.line.can_be_done():
            found.append(("server does", self.line.do_next))
        workers = list(self.pool.workers.values())
        found += [("worker works", worker.works) for worker in workers if worker.can_work]
        if self.paused:
            return found
        if self.line.can_be_answered():
            found.append(("answer", lambda: self._do(self.line.answer_next)))
        if not self.line.connected:
            found.append(("mend", lambda: self._do(self.line.mend)))
        if self.taker.orders:
            found.append(("object moves", lambda: self._do(self._moves)))
        for inbox in self.inboxes:
            if inbox.has_news and (read := self.loop.readers.get(inbox.fileno())):
                found.append(("hear", lambda read=read: self._do(read)))
        for worker in workers:
            if worker.state == "starting":
                found.append(
                    ("worker starts", lambda w=worker: self._do(lambda: self.pool.started(w)))
                )
            elif worker.state == "dead":
                found.append(("burial", lambda w=worker: self._do(lambda: self.pool.is_buried(w))))
            elif worker.said:
                found.append(
                    ("worker says", lambda w=worker: self._do(lambda: self.pool.speaks(w)))
                )
        return found

    def _moves(self) -> None:
        self.taker.moves()
        self.agent._fetching._hear()

    def fetches(self, oid: bytes, size: int, told: Callable[[list[Any]], None]) -> None:
        """A program of this node wants an object to be here."""
        self._do(lambda: self.agent._fetching.fetch([(oid, size)], told))

    def pauses(self, *, on: bool) -> None:
        self.paused, self.store.answers = on, not on

    # -- how it leaves -----------------------------------------------------------------------

    def drains(self, timeout_s: float | None) -> None:
        """It is told to leave."""
        draining = self.agent._draining
        self._do(lambda: draining.begin("token", timeout_s, force=False, say=lambda _: None))

    @property
    def is_draining(self) -> bool:
        return "draining" in self.agent._draining.describe()

    def leaves(self) -> bool:
        """Its drain is over.  False: it could not say so, and its lease has to run out."""
        heard = self.line.settle(0)
        if heard:
            handover.leave(self.settings)
            self._server.hear()
        self.dies()
        return heard

    @property
    def due(self) -> float:
        return float("inf") if self.paused else self.loop.due

    def ring(self) -> None:
        self._do(self.loop.ring)

    def running_workers(self) -> list[Worker]:
        return [worker for worker in self.pool.workers.values() if worker.state == "running"]

    def dies(self) -> None:
        """kill -9, with all its workers."""
        self.line.close()
        for inbox in self.inboxes:
            inbox.close()
        self._stage.acting = self
        self.agent._fetching.close()
        self.store.ends()


assert TASK_BYTES == 16, "entries are cut by it in the machine's messages"
