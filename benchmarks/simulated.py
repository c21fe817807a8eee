"""Raylets without workers: many nodes in one process, which speak the real protocol.

A task that is claimed "runs" for a given time and is then reported with a value; no user code runs.
Like a raylet's desk, each node has one exchange on its way at a time, so that its batches grow by
themselves when the server is busy.
"""

from __future__ import annotations

import select
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from benchmarks.harness import expect
from hyperloom import specs
from hyperloom.gcs import codes, keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.gcs.wire import Wire, fcall, raised
from hyperloom.ids import new_node_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.gcs.address import Address

VALUE = b"0" + bytes(7)
_CPU = 10_000
_LOOK_S = 0.005  # how often it is looked whether all is over


class Node:
    """One of them."""

    def __init__(self, address: Address, ns: str, slots: int, lasts_s: float) -> None:
        self.node = new_node_id()
        self.wire = Wire(address)
        self.inbox = Inbox(address, keys.INBOX.name(ns, self.node))
        self.claimed = 0
        self._ns = ns
        self._free = slots
        self._lasts_s = lasts_s
        self._running: deque[tuple[float, bytes, bytes]] = deque()  # until when, task, its refs
        self._seen = self.wire.call(*fcall("node_attach", ns, self.node))
        self._stepping = False
        self._offer_due = True

    def turn(self, now: float) -> float:
        """End what is to end, exchange if there is reason to; when to be called at the latest."""
        if not self._stepping:
            done = self._ended(now)
            if done or self._offer_due:
                self._step(done)
        return self._running[0][0] if self._running else now + 1

    def _ended(self, now: float) -> list[Any]:
        done: list[Any] = []
        while self._running and self._running[0][0] <= now:
            _, task, refs = self._running.popleft()
            done += (task, "1", refs, 1, VALUE)
            self._free += 1
        return done

    def _step(self, done: list[Any]) -> None:
        self._stepping, self._offer_due = True, False
        offer = f"{self._free};CPU:{self._free * _CPU};"
        self.wire.send(*fcall("task_step", self._ns, self.node, self._seen, offer, *done))

    def answered(self, claimed: Callable[[bytes, float], None]) -> None:
        """The exchange came back."""
        answer = self.wire.receive_now()
        if answer is False:
            return
        self._stepping = False
        stale, more, *triples = raised(answer)
        expect(stale, b"", "scale: stale results")
        self._offer_due = bool(more)
        self._take(triples, claimed)

    def hear(self, claimed: Callable[[bytes, float], None]) -> None:
        """Read the inbox."""
        for kind, *rest in self.inbox.poll(0):
            if kind == codes.TASK:
                self._seen = int(rest[0])
                self._take(rest[1:], claimed)

    def _take(self, triples: list[bytes], claimed: Callable[[bytes, float], None]) -> None:
        now = time.monotonic()
        for at in range(0, len(triples), 3):
            task, record = triples[at], triples[at + 1]
            self._running.append((now + self._lasts_s, task, specs.heading_of(record)))
            claimed(task, now)
        self._free -= len(triples) // 3
        self.claimed += len(triples) // 3

    def close(self) -> None:
        """Hang up."""
        self.wire.close()
        self.inbox.close()


def serve(
    nodes: list[Node], claimed: Callable[[bytes, float], None], over: Callable[[], bool]
) -> None:
    """Let them work until it is over."""
    poll = select.epoll()
    doors: dict[int, Callable[[Any], None]] = {}
    whose: dict[int, Node] = {}
    for node in nodes:
        for door, read in ((node.wire, node.answered), (node.inbox, node.hear)):
            poll.register(door.fileno(), select.EPOLLIN)
            doors[door.fileno()] = read
            whose[door.fileno()] = node
    due = dict.fromkeys(nodes, 0.0)
    while not over():
        now = time.monotonic()
        for node, at in due.items():
            if at <= now:
                due[node] = node.turn(now)
        pause_s = min(min(due.values()) - time.monotonic(), _LOOK_S)
        for door, _ in poll.poll(max(0.0, pause_s), 512):
            doors[door](claimed)
            due[whose[door]] = 0.0
    poll.close()
