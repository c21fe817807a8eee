"""A node that is to leave: what runs ends, what lies here only goes to others, then it goes.

Three phases.  *work*: nothing new is taken, what was not begun is handed back, actors move when
they have answered the calls that they have, or when the time is over; what still runs then goes to
others as if the node were lost, as it leaves.  *objects*: what no other node has is fetched by
others, who are asked to.  Then it *leaves* in order.

The rule: nothing is lost for being impatient.  If objects cannot be moved the node serves on,
unless it was told to leave anyway.  What is decided is here in plain functions; `Draining` asks
and acts.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from hyperloom import errors
from hyperloom.gcs import asking, keys
from hyperloom.ids import NODE_BYTES, cut, short
from hyperloom.raylet import messages as m

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.jobs import Jobs
    from hyperloom.raylet.machine import NodeMachine
    from hyperloom.raylet.node import NodeSettings
    from hyperloom.raylet.state import NodeState, WorkerState

DRAINED = "drained"  # a file in the node's folder: whoever watches over it is to end too
_LOOK_S = 0.1
_ASK_AGAIN_S = 5.0
_STUCK_S = 60.0  # without any object having moved
_AT_ONCE = 500


@dataclass(slots=True)
class Course:
    """How far a drain is.  `until`: how long what runs may take."""

    token: str
    until: float
    force: bool
    phase: str = "work"
    objects: int = -1  # left to be moved; -1: not counted yet
    moved_at: float = 0.0  # when that was last less

    def looks(self, now: float, work: int) -> str:
        """What is to be done now: "wait", "move actors" (all of them) or "move objects"."""
        if self.phase == "work":
            if work and now < self.until:
                return "wait"
            self.phase, self.moved_at = "objects", now
            return "move actors"
        return "move objects"

    def counted(self, now: float, objects: int) -> str:
        """What follows, now that so many are left: "leave", "stay" or "wait"."""
        if not objects:
            return "leave"
        if self.objects < 0 or objects < self.objects:
            self.moved_at = now
        self.objects = objects
        if now - self.moved_at < _STUCK_S:
            return "wait"
        return "leave" if self.force else "stay"


def refusal(others: int, jobs: int, drivers: int, *, is_head: bool, force: bool) -> str:
    """Why a node is not drained; "" if it is.  `others`: nodes that take work."""
    if is_head:
        return "it is the head: the control plane's server would end with it. Use loom stop"
    if force:
        return ""
    if drivers:
        return (
            f"programs that are connected through it: {drivers}. Their jobs would end. Wait for "
            "them, or use --force"
        )
    if not others and jobs:
        return (
            f"it is the last node that takes work. Jobs that are open: {jobs}. Their tasks would "
            "wait, and what lies here would be lost. Add a node, or use --force"
        )
    return ""


def work_left(s: NodeState) -> int:
    """Tasks, and actors, that this node has."""
    sent = sum(len(worker.sent) for worker in s.workers.values())
    return sent + len(s.here) + len(s.fetching) + s.waiting()


def shared_out(
    sizes: Mapping[bytes, int], room: Mapping[bytes, int]
) -> dict[bytes, list[tuple[bytes, int]]]:
    """Which node is to take which objects: each in turn the one with the most room left."""
    left = dict(room)
    shares: dict[bytes, list[tuple[bytes, int]]] = {}
    for oid, size in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
        if not left:
            break
        node = max(left, key=lambda each: (left[each], each))
        left[node] -= size
        shares.setdefault(node, []).append((oid, size))
    return shares


def takers(rows: Mapping[bytes, Mapping[str, Any]], me: bytes) -> dict[bytes, int]:
    """The other nodes that take work, and the room in their stores."""
    return {
        node: about["store"]["capacity"] - about["store"]["used"]
        for node, about in rows.items()
        if node != me and not about.get("draining")
    }


class Node(Protocol):
    """What is to leave."""

    def drivers(self) -> int:
        """How many programs are connected through it."""

    def end(self) -> None:
        """Serve no more."""


class Draining:
    """See the module.  `move_actor` has an actor go on elsewhere."""

    def __init__(
        self,
        settings: NodeSettings,
        gcs: Conversation,
        machine: NodeMachine,
        jobs: Jobs,
        node: Node,
    ) -> None:
        self._settings = settings
        self._gcs = gcs
        self._machine = machine
        self._jobs = jobs
        self._node = node
        self.move_actor: Callable[[m.Held, WorkerState], None] = lambda *_: None
        self._course: Course | None = None
        self._failed: tuple[str, str] | None = None  # the token of a drain, and what became of it
        self._asked: dict[bytes, float] = {}  # object -> when somebody was asked to take it

    def describe(self) -> dict[str, Any]:
        """For the table of nodes."""
        if self._course is None:
            return {"drain_failed": self._failed} if self._failed else {}
        left = {"phase": self._course.phase, "work": work_left(self._machine)}
        return {"draining": left | {"objects": max(0, self._course.objects)}, "free": {}}

    def begin(
        self, token: str, timeout_s: float | None, *, force: bool, say: Callable[[Any], None]
    ) -> None:
        """Somebody wants this node to leave; `say` "" if it will, or why not."""
        if self._course is not None:
            say("")
            return

        def known(rows: dict[bytes, dict[str, Any]]) -> None:
            others = len(takers(rows, self._settings.node))
            head = self._settings.server is not None
            drivers, jobs = self._node.drivers(), len(list(self._jobs))
            why = refusal(others, jobs, drivers, is_head=head, force=force)
            say(why)
            if not why and self._course is None:
                until = inf if timeout_s is None else time.monotonic() + timeout_s
                self._course = Course(token, until, force)
                self._jobs.pause_calls()
                self._jobs.handle(m.NodeDrains(on=True))
                self._jobs.offer_again()
                self._look()

        self._rows(known)

    def _rows(self, then: Callable[[dict[bytes, dict[str, Any]]], None]) -> None:
        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if not isinstance(reply, errors.LoomError):
                pairs = zip(reply[::2], reply[1::2], strict=True)
                then({node: json.loads(about) for node, about in pairs})

        self._gcs.command("HGETALL", keys.NODES.name(keys.CLUSTER), then=answered)

    def _look(self) -> None:
        course = self._course
        if course is None:
            return
        self._gcs.later(_LOOK_S, self._look)
        if self._gcs.connected:
            self._ask_held(lambda held: self._go_on(course, held))

    def _ask_held(self, then: Callable[[int], None]) -> None:
        """How many tasks the control plane knows this node to have, or may still give it.

        More than the machine: some are on their way here, of some the result is not said yet.
        First whether a claim stands, since as long as one does, more may come.
        """
        found: list[int] = []

        def note(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            found.append(reply if isinstance(reply, int) else 1)

        node = self._settings.node
        for namespace in map(keys.job_namespace, self._jobs):
            self._gcs.command("HEXISTS", keys.IDLE.name(namespace), node, then=note)
            self._gcs.command("HLEN", keys.HELD.name(namespace, node), then=note)
        self._gcs.command("PING", then=lambda _: then(sum(found)))

    def _go_on(self, course: Course, held: int) -> None:
        if self._course is not course:
            return
        then = course.looks(time.monotonic(), max(held, work_left(self._machine)))
        self._move_actors(all_of_them=then == "move actors")
        if then == "move objects":
            self._survey(course)

    def _move_actors(self, *, all_of_them: bool) -> None:
        for worker in list(self._machine.actors.values()):
            if all_of_them or not worker.calls:
                actor = worker.sent[0]
                self.move_actor(actor, worker)
                self._jobs.handle(m.ActorUnwanted(actor.task, "kill"))

    # -- objects ------------------------------------------------------------------------------

    def _survey(self, course: Course) -> None:
        """Look which objects no other node has, and have others take them."""
        only: list[bytes] = []
        places: dict[bytes, list[bytes]] = {}

        def note(oids: list[bytes], reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if not isinstance(reply, errors.LoomError):
                places.update({o: cut(r, NODE_BYTES) for o, r in zip(oids, reply, strict=True)})

        def compare(rows: dict[bytes, dict[str, Any]]) -> None:
            if self._course is not course:
                return
            room = takers(rows, self._settings.node)
            for oid, nodes in places.items():
                if self._settings.node in nodes and not any(node in room for node in nodes):
                    only.append(oid)
            self._follow(course, only, room)

        for job in self._jobs:
            oids = list(self._settings.objects_of(job))
            for at in range(0, len(oids), _AT_ONCE):
                part = oids[at : at + _AT_ONCE]
                self._gcs.apply(
                    "object_places", keys.job_namespace(job), *part,
                    then=lambda reply, part=part: note(part, reply),  # type: ignore[misc]
                )  # fmt: skip
        self._rows(compare)  # answered last

    def _follow(self, course: Course, only: list[bytes], room: Mapping[bytes, int]) -> None:
        now = time.monotonic()
        match course.counted(now, len(only)):
            case "leave":
                self._leave()
            case "stay":
                self._stay(course, only)
            case _:
                due = [o for o in only if now - self._asked.get(o, -inf) >= _ASK_AGAIN_S]
                self._ask(due, room, now)

    def _ask(self, oids: Iterable[bytes], room: Mapping[bytes, int], now: float) -> None:
        sizes = {oid: self._size(oid) for oid in oids}
        for node, share in shared_out(sizes, room).items():
            self._asked |= dict.fromkeys([oid for oid, _ in share], now)
            inbox = keys.INBOX.name(keys.CLUSTER, node)
            for at in range(0, len(share), _AT_ONCE):
                taken = ["take", share[at : at + _AT_ONCE]]
                question = asking.question(self._settings.node, taken)
                self._gcs.command("SPUBLISH", inbox, question)

    def _size(self, oid: bytes) -> int:
        for folder in (self._settings.store / "o", self._settings.spill):
            with suppress(FileNotFoundError):
                return (folder / oid.hex()).stat().st_size
        return 0

    # -- the end ------------------------------------------------------------------------------

    def _leave(self) -> None:
        self._course = None
        (self._settings.folder / DRAINED).touch()
        self._node.end()

    def _stay(self, course: Course, only: list[bytes]) -> None:
        self._course = None
        why = (
            f"{len(only)} objects that only this node has, {short(only[0])} among them, were not "
            "taken by others: do these have room? The node takes work again, and nothing is lost"
        )
        self._failed = (course.token, why)
        self._asked.clear()
        self._jobs.go_on_with_calls()
        self._jobs.handle(m.NodeDrains(on=False))
        self._jobs.offer_again()
