"""Chooses what happens next; its choices are the seed's."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

from hyperloom.gcs import keys
from hyperloom.ids import NODE_BYTES
from tests.simulation.books import Books
from tests.simulation.groups import Groups
from tests.simulation.jobs import Jobs
from tests.simulation.leftovers import check_nodes, left
from tests.simulation.node import Clock, Node, Stage
from tests.simulation.server import Server
from tests.simulation.stores import lies_in_a_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.simulation.driver import Driver
    from tests.simulation.network import Line

_STEPS = 250  # with everything that may go wrong
_STEPS_TO_END = 20_000  # in peace, until all is over; far more than it takes
_BEATS_S = 60.0  # of played time in which a lost message is found out, or its object freed


class World:
    """A server, some nodes, one or two drivers."""

    def __init__(self, seed: int, socket: Path) -> None:
        self._rng = Random(seed)
        self.server = Server(socket)
        self.books = Books()
        self.books.value_now = self.server.value_now
        self._clock = Clock()
        self._stage = Stage(self._clock)
        self._born = 0
        self._old_lines: dict[Line, bytes] = {}  # of nodes that are dead
        self._leases_seen = -1  # when it was last looked after those of the dead
        # Of the server's data.  Who is dead or detached says nothing again that it has forgotten.
        self._backup: dict[bytes, bytes] = {}
        self._told_then: dict[bytes, bytes] = {}
        self._unknown: set[bytes] = set()  # jobs of which a restored server knew nothing
        self.nodes: list[Node] = []
        for _ in range(self._rng.randint(1, 3)):
            self._node_joins()
        self._jobs = Jobs(self.server, self.books, self._rng)
        for _ in range(self._rng.randint(1, 2)):
            self._driver_comes()
        # Each world has troubles of some kinds only.
        self._trouble = 0.0 if self._rng.random() < 0.2 else self._rng.choice([0.05, 0.15, 0.4])
        kinds = self._kinds_of_trouble()
        self._kinds = self._rng.sample(kinds, self._rng.randint(2, len(kinds)))
        self._groups = Groups()
        self._grouping = self._rng.random() < 0.3
        self._acting = self._rng.random() < 0.5
        self._streaming = self._rng.random() < 0.4
        self._keeping = self._acting and self._rng.random() < 0.3
        self._naming = self._acting and self._rng.random() < 0.3
        self._detaching = self._rng.choice([0.02, 0.02, 0.3])

    # -- living ----------------------------------------------------------------------------------

    def live(self) -> None:
        """Some time of trouble, then peace until all is over; then nothing may be left."""
        for _ in range(_STEPS):
            self._step(self._wishes() + self._troubles())
        self._settle()
        for driver in self.drivers:
            self.books.check_end(driver.held)
            driver.lets_go(driver.held)
            driver.actors.lets_go(*driver.actors.held)
        self._settle()
        self._jobs.release_what_is_detached()
        self._settle()
        check_nodes(self.server, self.nodes, self._jobs)
        there = left(self.server, self._jobs, self._unknown, forgetful=self.books.forgetful)
        assert there == {}, f"all is finished and let go, and this is left: {there}"

    def _settle(self) -> None:
        self._resume()
        calm_until = self._clock.now + _BEATS_S
        for step in range(_STEPS_TO_END):
            if self._grouping and step % 50 == 0:
                self._groups.end(self.server, self.books)
            if any(line.late for line in self._lines()):
                calm_until = self._clock.now + _BEATS_S
            over = all(driver.is_heard and not driver.waits for driver in self.drivers)
            over = over and not self._jobs.left_behind
            if over and self._clock.now > calm_until:
                return
            if all(node.is_draining for node in self.nodes):
                self._node_joins()
            self._step([])
        raise AssertionError(f"it does not end: {self._unfinished()}")

    def _unfinished(self) -> str:
        return "; ".join(
            f"{driver.ns} waits for {[oid.hex() for oid in driver.waits]}"
            for driver in self.drivers
        )

    def _step(self, more: list[tuple[str, Callable[[], None]]]) -> None:
        events = [event for who in (*self.drivers, *self.nodes) for event in who.events()]
        events += self._reads() + self._jobs.ends(self._able)
        late = [line for line in self._lines() if line.late]
        events += [("arrives late", partial(self._late, line)) for line in late]
        events += more
        if not events:
            self._time_passes_until_something_happens()
            self._drained_leave()
            return
        # When all is still, time passes; else it does so now and then.
        if self._rng.random() < 0.1:
            events.append(("time", self._time_passes))
        name, happens = self._rng.choice(events)
        self.server.trail.append(f"{self._clock.now:.3f} {name}")
        if name == "worker works":
            happens(reports=self._rng.random() < 0.5)  # type: ignore[call-arg]
        else:
            happens()
        self._drained_leave()

    def _drained_leave(self) -> None:
        for node in [node for node in self.nodes if not node.agent.loop.running]:
            self._leaves(node)

    @property
    def drivers(self) -> list[Driver]:
        return self._jobs.drivers

    @property
    def _able(self) -> list[Node]:
        return [node for node in self.nodes if not node.paused]

    def _leaves(self, node: Node) -> None:
        """A drained node is gone; it says so on a connection of its own, after all else."""
        self.nodes.remove(node)
        if not node.leaves():
            self._dead(node.node)
        assert not node.line.can_be_done(), "a word of it would come after that it has left"

    def _time_passes_until_something_happens(self) -> None:
        """For a while at most: who waits for peace looks now and then."""
        until = self._clock.now + 5
        self.server.trail.append(f"{self._clock.now:.3f} all is still")
        while self._clock.now < until:
            node = self._time_passes()
            if node is not None and (node.events() or not node.agent.loop.running):
                break

    def _time_passes(self) -> Node | None:
        """Until the next timer rings; whose it was."""
        node = min(self.nodes, key=lambda node: node.due, default=None)
        if node is None or node.due == float("inf"):
            self._clock.now += 1
            return None
        self._clock.now = max(self._clock.now, node.due)
        self._leases_end()
        node.ring()
        return node

    def _leases_end(self) -> None:
        """Of the dead, also if a node that was away itself has given them time (node_beat)."""
        self._jobs.waited_for_long_enough()
        if self._leases_seen == self.server.did:
            return
        self._leases_seen = self.server.did
        alive = {node.node for node in self.nodes}
        born = (n.to_bytes(NODE_BYTES, "big") for n in range(1, self._born + 1))
        rows = [part for name in born if name not in alive for part in (1, name)]
        if rows:
            self.server.plane.wire.call("ZADD", keys.LEASES.name(keys.CLUSTER), "XX", *rows)

    def _last_words(self, node: Node) -> None:
        """What it had sent may still be done, or not."""
        while node.line.can_be_done() and self._rng.random() < 0.5:
            node.line.do_next()

    # -- what the drivers want -------------------------------------------------------------------

    def _wishes(self) -> list[tuple[str, Callable[[], None]]]:
        found = []
        for driver in self.drivers:
            found += [("submits", driver.submits), ("submits a plan", driver.plans.submits)]
            found += self._wishes_of_actors(driver) if self._acting else []
            if self._streaming and not driver.owns:
                found.append(("begins a stream", driver.streams.begins))
                if driver.streams.open and self._rng.random() < 0.2:
                    found.append(("drops a stream", driver.streams.drops_one))
            if self._grouping:
                wishes = self._groups.creates, self._groups.uses, self._groups.removes
                found += [(wish.__name__, partial(wish, driver)) for wish in wishes]
            if driver.plans and self._rng.random() < 0.2:
                found.append(("cancels a plan", driver.plans.cancels))
            if driver.held:
                found += [("releases", driver.releases), ("reads anew", driver.reads_anew)]
                if self._rng.random() < self._detaching:
                    found.append(("detaches", self._detaches))
                if self._rng.random() < 0.2:
                    found.append(("cancels", driver.cancels))
        if self._rng.random() < 0.3 and len(self.nodes) > 1:
            found.append(("drains", self._drains))
        return found if self._rng.random() < 0.4 else []

    def _wishes_of_actors(self, driver: Driver) -> list[tuple[str, Callable[[], None]]]:
        found = [("creates", driver.actors.creates)]
        if driver.actors.held:
            found += [("calls", driver.actors.calls)] * 2
            if self._rng.random() < 0.1:
                found.append(("kills", driver.actors.kills))
            if self._keeping:
                found.append(("restarts", driver.actors.restarts))
        if self._naming and not driver.owns and not driver.named.busy:
            found.append(("names", partial(self._names, driver)))
        return found

    def _reads(self) -> list[tuple[str, Callable[[], None]]]:
        able = self._able
        return [("reads", partial(d.reads, able)) for d in self.drivers if d.places and able]

    def _drains(self) -> None:
        """A node is told to leave; with a limit to what runs, some of that runs again."""
        node, limited = self._rng.choice(self.nodes), self._rng.random() < 0.3
        if node.paused or (limited and not self._trouble):
            return
        self.books.calm = self.books.calm and not limited
        self.books.drained = True
        node.drains(self._rng.random() if limited else None)

    def _names(self, driver: Driver) -> None:
        """It makes an actor of a name, or looks for one."""
        self._backup, visitor = {}, self._jobs.a_visitor_of
        self._jobs.detached += 1
        if self._rng.random() < 0.5:
            driver.named.finds(visitor)
        else:
            driver.named.makes(self._rng.random() < 0.6, visitor)

    def _detaches(self) -> None:
        self._backup = {}
        self._jobs.detaches()

    # -- what goes wrong -------------------------------------------------------------------------

    def _troubles(self) -> list[tuple[str, Callable[[], None]]]:
        if self._rng.random() > self._trouble:
            return []
        trouble = self._rng.choice(self._kinds)
        return [(trouble.__name__, trouble)] * 3

    def _kinds_of_trouble(self) -> list[Callable[[], None]]:
        return [
            self._worker_dies, self._cut_line, self._cut_inbox, self._pause, self._give_up,
            self._node_dies, self._driver_dies, self._resume, self._node_joins, self._back_up,
            self._restore,
        ]  # fmt: skip

    def _worker_dies(self) -> None:
        running = [worker for node in self.nodes for worker in node.running_workers()]
        if running:
            self.books.calm = False
            self._rng.choice(running).dies()

    def _cut_line(self) -> None:
        voices = self._stage.living_voices()
        line = self._rng.choice([*self.nodes, *self.drivers, *voices]).line
        line.cut(self._rng.randint(0, 2))

    def _cut_inbox(self) -> None:
        boxes = [box for node in self.nodes for box in node.inboxes]
        boxes += [who.inbox for who in (*self.drivers, *self._stage.living_voices())]
        self._rng.choice([box for box in boxes if not box.closed]).cut()

    def _resume(self) -> None:
        for node in self.nodes:
            node.pauses(on=False)

    def _pause(self) -> None:
        if self.nodes:
            self._rng.choice(self.nodes).pauses(on=True)

    def _give_up(self) -> None:
        """A node's lease runs out, whether it lives or not."""
        if self.nodes:
            self._lease_ends(self._rng.choice(self.nodes))

    def _lease_ends(self, node: Node) -> None:
        self.books.calm = False
        self._dead(node.node)

    def _dead(self, node: bytes) -> None:
        self.server.plane.wire.call("ZADD", keys.LEASES.name(keys.CLUSTER), "XX", 1, node)

    def _driver_comes(self) -> None:
        if all(node.is_draining for node in self.nodes):
            self._node_joins()
        self._jobs.driver_comes(self._rng.choice([n for n in self.nodes if not n.is_draining]))

    def _driver_dies(self) -> None:
        self._dies(self._rng.choice([driver for driver in self.drivers if not driver.owns]))

    def _dies(self, driver: Driver) -> None:
        self._old_lines |= dict.fromkeys(self._jobs.driver_dies(driver), b"")
        if all(each.owns for each in self.drivers):
            self._driver_comes()

    def _node_dies(self) -> None:
        if self.nodes:
            node = self._rng.choice(self.nodes)
            self.nodes.remove(node)
            self._last_words(node)
            node.dies()
            node.line.cut(self._rng.randint(0, 2))
            self._old_lines[node.line] = node.node
            self._lease_ends(node)
            for driver in [driver for driver in self.drivers if driver.home is node]:
                self._dies(driver)

    def _back_up(self) -> None:
        """The server's disk has all that it did so far."""
        table = self.server.plane.wire.call("HKEYS", keys.JOBS.name(keys.CLUSTER))
        if not self._jobs.detached and all(driver.job in table for driver in self.drivers):
            self._backup = self.server.plane.backup()
            self._told_then = self.books.copied()

    def _restore(self) -> None:
        """The server dies, its connections with it, and comes back with what its disk has."""
        if not self._backup:
            return
        self.server.plane.restore(self._backup)
        for line in self._lines():
            line.late.clear()
        there = self.server.plane.wire.call("HKEYS", keys.JOBS.name(keys.CLUSTER))
        self._unknown |= set(self._jobs.all).difference(there)
        tables = [self.server.objects(driver.ns) for driver in self.drivers]
        known = {oid: value for table in tables for oid, value in table.items()}
        shown = self.books.copied()
        known = {o: shown.get(o, v) if lies_in_a_store(v) else v for o, v in known.items()}
        self.books.rolled_back(self._told_then, known)
        for node in self.nodes:
            node.line.cut()
        for driver in self.drivers:
            driver.line.cut()
            driver.brings_back(self.server.heard(driver.ns, driver.process), set(known))
        boxes = [box for node in self.nodes for box in node.inboxes if not box.closed]
        voices = self._stage.living_voices()
        for box in [*boxes, *(who.inbox for who in (*self.drivers, *voices))]:
            box.cut()
        for voice in voices:
            voice.line.cut()
        for name in self.server.plane.wire.call("HKEYS", keys.NODES.name(keys.CLUSTER)):
            if name not in {node.node for node in self.nodes}:
                self._dead(name)

    def _lines(self) -> list[Line]:
        """All of which words may be on their way, also of the dead."""
        unborn = [plan for driver in self.drivers for plan in driver.unborn]
        who = (*self.drivers, *unborn, *self.nodes, *self._stage.all_voices())
        return [each.line for each in who] + [*self._old_lines]

    def _late(self, line: Line) -> None:
        """A word of an old connection.  If it was that a node joins, the dead do not beat."""
        line.late_word_arrives()
        if line in self._old_lines:
            if self._old_lines[line]:
                self._dead(self._old_lines[line])
            if not line.late:
                del self._old_lines[line]

    def _node_joins(self) -> None:
        if len(self.nodes) < 3 or all(node.is_draining for node in self.nodes):
            self._born += 1
            name = self._born.to_bytes(NODE_BYTES, "big")
            cpus = self._rng.randint(1, 3)
            self.nodes.append(Node(name, cpus, self.server, self._clock, self.books, self._stage))

    def close(self) -> None:
        for node in self.nodes:
            node.dies()
        self._stage.close()
        self.server.close()


def play(seed: int, socket: Path) -> None:
    """One world, to its end; a failure tells the last of what happened in it."""
    world = World(seed, socket)
    try:
        world.live()
    except BaseException as error:
        error.add_note(f"seed {seed}; the last of what happened:\n{world.server.story(80)}")
        raise
    finally:
        world.close()
