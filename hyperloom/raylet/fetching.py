"""What this node fetches from others, and gives to them: the raylet's side of the channel.

`PullMachine` decides, the threads of `Taker` and `Giver` move the bytes; here the loop learns from
the control plane where objects lie, and tells whoever waits: tasks whose inputs are elsewhere,
and processes of this node that ask for an object at the door.

An object that cannot be had from anywhere is made again, if it can be (`Remaking`): then who wants
it is told to look again.  Else they are told why not.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import time
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Any, assert_never

from hyperloom import errors, specs
from hyperloom.gcs import codes, keys
from hyperloom.ids import NODE_BYTES, OBJECT_BYTES, cut
from hyperloom.objectstore.client import StoreClient
from hyperloom.raylet.conversation import namespace_of
from hyperloom.raylet.remaking import AGAIN, Remaking
from hyperloom.raylet.secrecy import KEY, cluster_key, tls_of
from hyperloom.transfer import endpoint
from hyperloom.transfer import machine as t
from hyperloom.transfer.giver import Giver
from hyperloom.transfer.protocol import KEY_BYTES
from hyperloom.transfer.taker import Taker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hyperloom.objectstore.keeper import StoreKeeper
    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.loop import Loop
    from hyperloom.raylet.messages import Held
    from hyperloom.raylet.node import NodeSettings
    from hyperloom.transfer.tls import Tls

    # Object, why it cannot be had, from which nodes, why it is not made again.
    Lost = tuple[bytes, str, list[bytes], str]
    Told = Callable[[bytes, Lost | None], None]

_log = logging.getLogger(__name__)

_MOVES_MOST = 4  # objects on their way at a time
_WORTH_BYTES = 1 << 20  # a task goes after inputs of this size; smaller ones come to it
_SHARE = 4  # of the store's bytes, a quarter may be on their way
_MARK = b":" + codes.SHARED  # in a task's inputs: a value that lies in shared memory
_GONE = b"1:" + codes.LOST  # the same: none at all


class Fetching:
    """See the module."""

    def __init__(
        self, settings: NodeSettings, gcs: Conversation, loop: Loop, keeper: StoreKeeper
    ) -> None:
        self._node = settings.node
        self._gcs = gcs
        self._loop = loop
        self._keeper = keeper
        self._checks = settings.config.check
        self._key = b""
        self._store = StoreClient(settings.store)
        self.remaking = Remaking(settings.node, gcs)
        self._machine = t.PullMachine(settings.store_bytes // _SHARE, _MOVES_MOST)
        self._waiting: dict[bytes, list[Told]] = {}
        self._where: dict[bytes, str] = {}  # node -> its endpoint, as last heard
        self._events: deque[t.Event] = deque()  # from the threads
        self._told: set[bytes] = set()  # nodes of which it is in the log that they give nothing
        self._tick_at = inf
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)  # noqa: FBT003
        loop.on_readable(self._woken.fileno(), self._hear)
        tls = tls_of(settings.config)
        listener, self.endpoint = _listen(settings, gcs, tls)
        self._giver = Giver(listener, self._store, lambda: self._key, tls)
        self._taker = Taker(self._store, lambda: self._key, self._tell, tls)
        self.learn_key()

    def learn_key(self) -> None:
        """The cluster's key is what the first node of it put into the control plane."""
        about = keys.ABOUT.name(keys.CLUSTER)
        self._gcs.command("HSETNX", about, KEY, secrets.token_hex(KEY_BYTES))

        def known(key: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(key, bytes):
                self._key = cluster_key(key)

        self._gcs.command("HGET", about, KEY, then=known)

    def describe(self) -> dict[str, Any]:
        """For the table of nodes: where others find objects, and what moved so far."""
        moved = {
            "received": self._taker.objects,
            "received_bytes": self._taker.bytes,
            "sent": self._giver.objects,
            "sent_bytes": self._giver.bytes,
        }
        return {"objects": self.endpoint, "transfers": moved}

    # -- who wants something ------------------------------------------------------------------

    def lacking(self, task: Held) -> list[tuple[bytes, int]]:
        """The task's inputs that lie on other nodes only, or nowhere, and about how large."""
        if _MARK not in task.inputs and _GONE not in task.inputs:
            return []
        names, values = specs.inputs_of(task.record), specs.split_values(task.inputs)
        return [
            (oid, 0 if kept == codes.LOST else codes.stored_bytes(kept))
            for oid, kept in zip(names, values, strict=True)
            if kept == codes.LOST
            or (
                kept[:1] == codes.SHARED
                and kept[1 : 1 + NODE_BYTES] != self._node
                and not self._store.contains(oid)
            )
        ]

    def home(self, task: Held, lacking: Sequence[tuple[bytes, int]]) -> bytes | None:
        """The node on which a task should rather run, since most bytes of its inputs lie there."""
        there: dict[bytes, int] = {}
        away = {oid for oid, _ in lacking}
        names, values = specs.inputs_of(task.record), specs.split_values(task.inputs)
        for oid, kept in zip(names, values, strict=True):
            if kept[:1] == codes.SHARED:
                node = kept[1 : 1 + NODE_BYTES] if oid in away else self._node
                there[node] = there.get(node, 0) + codes.stored_bytes(kept)
        if not there:
            return None  # none of them is anywhere
        most = max(there, key=lambda node: there[node])
        return most if most != self._node and there[most] >= _WORTH_BYTES else None

    def would_come(self, task: Held) -> int:
        """How much would have to come for a task if this node had it, and ran it."""
        lacking = self.lacking(task)
        if lacking and task.may_be_handed_on and self.home(task, lacking) is not None:
            return 0
        return self.bytes_of(lacking)

    def bytes_of(self, wanted: Iterable[tuple[bytes, int]]) -> int:
        """How much would have to come for these, besides what others wait for already."""
        return sum(size for oid, size in wanted if oid not in self._waiting)

    def fetch(
        self, wanted: Iterable[tuple[bytes, int]], then: Callable[[list[Lost]], None]
    ) -> Callable[[], None]:
        """Have objects of about these sizes brought here.

        `then` all have come, or cannot: of those it is told why, and where they should have been.
        What is returned is for who does not want them any more; then nobody is told.
        """
        left = dict(wanted)
        lost: list[Lost] = []

        def told(oid: bytes, why: Lost | None) -> None:
            del left[oid]
            if why is not None:
                lost.append(why)
            if not left:
                then(lost)

        for oid, size in list(left.items()):
            self._waiting.setdefault(oid, []).append(told)
            self._handle(t.Wanted(oid, size))

        def forget() -> None:
            for oid in left:
                waiting = self._waiting.get(oid, [])
                if told in waiting:
                    waiting.remove(told)
                    if not waiting:
                        del self._waiting[oid]
                        self._handle(t.Unwanted(oid))
            left.clear()

        return forget

    def end_job(self, job: bytes) -> None:
        """Nothing of the job is wanted any more."""
        for oid in [oid for oid in self._waiting if oid.startswith(job)]:
            del self._waiting[oid]
            self._handle(t.Unwanted(oid))

    # -- deciding and acting ------------------------------------------------------------------

    def _handle(self, event: t.Event) -> None:
        for effect in self._machine.handle(event, time.monotonic()):
            self._perform(effect)
        if self._machine.due < self._tick_at:
            self._tick_at = self._machine.due
            self._loop.later(max(0.0, self._tick_at - time.monotonic()), self._tick)
        if self._checks:
            self._machine.check()

    def _tick(self) -> None:
        if time.monotonic() >= self._tick_at:
            self._tick_at = inf
            self._handle(t.Tick())

    def _perform(self, effect: t.Effect) -> None:
        match effect:
            case t.Locate(oid):
                self._locate(oid)
            case t.Move(oid, node):
                self._taker.fetch(oid, node, self._where[node], _MOVES_MOST)
            case t.Here(oid):
                self._register(oid)
                self._answer(oid, None)
            case t.GaveUp(oid):
                self._give_up(oid, effect)
            case t.Forget(oid):
                self._taker.forget(oid)
            case _:
                assert_never(effect)

    def _locate(self, oid: bytes) -> None:
        def places(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            nodes = [] if isinstance(reply, errors.LoomError) else cut(reply[0], NODE_BYTES)
            others = [node for node in nodes if node != self._node]
            if others:
                self._gcs.command(
                    "HMGET", keys.NODES.name(keys.CLUSTER), *others,
                    then=lambda rows: self._located(oid, nodes, others, rows),
                )  # fmt: skip
            else:
                self._handle(t.Located(oid, nodes, []))

        self._gcs.apply("object_places", namespace_of(oid), oid, then=places)

    def _located(
        self,
        oid: bytes,
        nodes: Sequence[bytes],
        others: Sequence[bytes],
        rows: Any,  # noqa: ANN401
    ) -> None:
        members = []
        for node, row in zip(others, rows, strict=True):
            where = json.loads(row).get("objects") if row else None
            if where:
                self._where[node] = where
                members.append(node)
        self._handle(t.Located(oid, nodes, members))

    def _register(self, oid: bytes) -> None:
        """It lies here too from now on; if it has ended meanwhile, it goes again."""

        def ended(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(reply, bytes) and reply:
                self._keeper.free(cut(reply, OBJECT_BYTES))

        self._gcs.apply("object_copied", namespace_of(oid), self._node, oid, then=ended)

    def _give_up(self, oid: bytes, why: t.GaveUp) -> None:
        nodes = list(why.nodes)
        if why.why == "full":
            self._answer(oid, (oid, why.why, nodes, ""))
            return

        def asked(cannot: str) -> None:
            self._answer(oid, (oid, why.why if cannot else AGAIN, nodes, cannot))

        self.remaking.lost(oid, nodes, asked)

    def _answer(self, oid: bytes, why: Lost | None) -> None:
        for told in self._waiting.pop(oid, ()):
            told(oid, why)

    # -- the threads --------------------------------------------------------------------------

    def _tell(self, event: t.Event) -> None:
        self._events.append(event)
        try:
            self._waker.send(b"!", socket.MSG_DONTWAIT)
        except BlockingIOError:
            return  # it is awake, and has more to read than it can

    def _hear(self) -> None:
        self._woken.recv(4096)
        while self._events:
            event = self._events.popleft()
            if isinstance(event, t.Failed) and event.why == "broken":
                self.learn_key()  # a control plane that lost its data has another one
                self._tell_once(event)
            elif isinstance(event, t.Moved):
                self._told.discard(event.node)
            self._handle(event)

    def _tell_once(self, event: t.Failed) -> None:
        """Of a node that gives nothing, until it does: it will be asked again and again."""
        if event.node not in self._told:
            self._told.add(event.node)
            _log.warning(
                "object %s did not come from node %s at %s, and is asked for again: %s",
                event.oid.hex(), event.node.hex(), self._where.get(event.node), event.text,
            )  # fmt: skip

    def close(self) -> None:
        """Give and fetch nothing any more."""
        self._giver.close()
        self._taker.close()
        self._loop.forget(self._woken.fileno())
        self._woken.close()
        self._waker.close()
        self._store.close()
        if self.endpoint.startswith("unix:"):
            os.unlink(self.endpoint.removeprefix("unix:"))  # noqa: PTH108


def _listen(
    settings: NodeSettings, gcs: Conversation, tls: Tls | None
) -> tuple[socket.socket, str]:
    """Where other nodes find this one: on the network if the control plane is there."""
    server = settings.server
    port = settings.config.object_port
    if server is not None and server["host"]:
        advertised = server["url"].removeprefix("redis://").rpartition(":")[0]
        return endpoint.listen_tcp(server["host"], port, advertised, tls)
    if settings.address.url.startswith("unix:"):
        return endpoint.listen_unix(str(settings.folder / "objects.sock"))
    # The address by which we reach the control plane is one by which others reach us.
    host = gcs.local_host()
    return endpoint.listen_tcp(host, port, f"[{host}]" if ":" in host else host, tls)
