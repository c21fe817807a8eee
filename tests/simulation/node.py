"""A raylet as it is, on a played loop, with played workers."""

from __future__ import annotations

import heapq
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hyperloom.config import Config
from hyperloom.raylet import handover
from hyperloom.raylet.agent import Agent
from hyperloom.raylet.node import NodeSettings
from hyperloom.resources import ResourceSet, of_node
from tests.simulation.network import Inbox, Line
from tests.simulation.stores import Giver, Store, Stores, Taker
from tests.simulation.streams import Voice
from tests.simulation.workers import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.books import Books
    from tests.simulation.server import Server
    from tests.simulation.workers import Worker


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


class _Door:
    """Who has come in: programs of this machine."""

    def __init__(self, guests: list[Any]) -> None:
        self._guests = guests

    def guests_of(self, job: bytes) -> list[Any]:
        return [guest for guest in self._guests if guest.job == job]


class _Nobody:
    """In memory, in logs: there is nothing to do."""

    def __init__(self, *_: Any) -> None:
        pass

    def look(self, *_: Any) -> None:
        return None

    def forget(self, worker: int) -> None:
        pass


class Stage:
    """Puts what is played in the place of what is real, for as long as a world lives."""

    def __init__(self, clock: Clock) -> None:
        self.acting: Node  # whose code runs
        self.stores = Stores()
        self.voices: list[Voice] = []  # of workers; also of the dead, if words are on their way
        self.folder = Path(tempfile.mkdtemp(prefix="loom-sim-"))  # where a drained node says so
        played = {
            "agent.Loop": lambda: self.acting.loop,
            "agent.Conversation": lambda _, __, when_back: self.acting.gets_line(when_back),
            "agent.Pool": lambda _, __, ___, listener, ____: self.acting.gets_pool(listener),
            "agent.Door": lambda *_: _Door(self.acting.guests),
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

    def all_voices(self) -> list[Voice]:
        self.voices = [each for each in self.voices if not each.line.dead or each.line.late]
        return self.voices

    def living_voices(self) -> list[Voice]:
        return [voice for voice in self.voices if not voice.line.dead]

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
        self._clock = clock
        self._stage = stage
        self.inboxes: list[Inbox] = []
        self.guests: list[Any] = []
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
        self.pool = Pool(listener, self._books, self.store, self._worker_joins)
        return self.pool

    def _worker_joins(self, job: bytes) -> Voice:
        voice = Voice(self._server, self._clock, job, self.node)
        self._stage.voices.append(voice)
        return voice

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
        found += [event for voice in self.voices() for event in voice.events()]
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

    def lets_in(self, guest: Any, about: dict[str, Any]) -> None:
        """A driver of this machine is there, and its job begins."""
        self.guests.append(guest)
        self._do(lambda: self.agent._jobs.open(guest.job, about))

    def hears_of_a_visit(self, guest: Any, process: bytes, begins: bool) -> None:  # noqa: FBT001
        """A driver of this machine is a process of another job, too; or it was."""
        if self.is_able:
            self._do(lambda: self.agent._owners.visits(guest, process, begins))

    @property
    def is_able(self) -> bool:
        return not (self.paused or self.line.dead)

    def pauses(self, *, on: bool) -> None:
        self.paused, self.store.answers = on, not on

    # -- how it leaves -----------------------------------------------------------------------

    def drains(self, timeout_s: float | None) -> None:
        """It is told to leave."""
        draining = self.agent._draining
        self._do(lambda: draining.begin("token", timeout_s, force=False, say=lambda _: None))

    def voices(self) -> list[Voice]:
        """Of its workers, those that say something by themselves."""
        voices = [worker.voice for worker in self.pool.workers.values()]
        return [voice for voice in voices if voice is not None and not voice.line.dead]

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
        for worker in self.pool.workers.values():
            worker.dies()
        for inbox in self.inboxes:
            inbox.close()
        self._stage.acting = self
        self.agent._fetching.close()
        self.store.ends()
