"""Fetches objects from other nodes: threads that do what `machine` decided, and report.

A thread moves one object at a time, from the socket into a slot of the store.  What has come of
an object when its source fails is kept, and the next source goes on from there.
"""

from __future__ import annotations

import queue
import select
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hyperloom import failpoints
from hyperloom.objectstore import layout
from hyperloom.objectstore.kernel import NO_ROOM
from hyperloom.transfer import endpoint, protocol
from hyperloom.transfer.machine import Failed, Moved
from hyperloom.transfer.protocol import Answer
from hyperloom.transfer.tls import hang_up

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from hyperloom.objectstore.client import StoreClient
    from hyperloom.objectstore.transit import Arrival
    from hyperloom.transfer.machine import Event
    from hyperloom.transfer.tls import Tls

_STALL_S: Final = 5.0  # nothing comes for so long: try another source
_PART_BYTES: Final = 1 << 20  # stays in the processor's cache on its way into the file


class Taker:
    """See the module.  `tell` is called from its threads."""

    def __init__(
        self,
        store: StoreClient,
        key: Callable[[], bytes],
        tell: Callable[[Event], None],
        tls: Tls | None = None,
    ) -> None:
        self._store = store
        self._key = key
        self._tell = tell
        self._tls = tls
        self._orders: queue.SimpleQueue[tuple[bytes, bytes, str] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()  # of what follows
        self._idle: dict[str, list[socket.socket]] = {}  # connections over which nothing is asked
        self._parts: dict[bytes, Arrival] = {}  # what has come of objects whose source failed
        self._busy: set[socket.socket] = set()
        self.objects = 0  # received so far
        self.bytes = 0

    def fetch(self, oid: bytes, node: bytes, where: str, threads: int) -> None:
        """Have it fetched from a node at this endpoint, by one of so many threads."""
        if len(self._threads) < threads:
            number = len(self._threads) + 1
            self._threads.append(
                threading.Thread(target=self._serve, name=f"loom-taker-{number}", daemon=True)
            )
            self._threads[-1].start()
        self._orders.put((oid, node, where))

    def forget(self, oid: bytes) -> None:
        """It is not wanted any more: what has come of it goes."""
        with self._lock:
            part = self._parts.pop(oid, None)
        if part is not None:
            part.abandon()

    def _serve(self) -> None:
        while (order := self._orders.get()) is not None:
            oid, node, where = order
            try:
                self._tell(self._fetch(oid, node, where))
            except (OSError, ValueError) as error:
                full = isinstance(error, OSError) and error.errno in NO_ROOM
                self._tell(Failed(oid, node, "full" if full else "broken", str(error)))

    def _fetch(self, oid: bytes, node: bytes, where: str) -> Event:
        if self._store.contains(oid):
            return Moved(oid, node)
        sock, answer, part = self._asked(oid, where)
        if answer is not Answer.HERE:
            self._keep(oid, part)
            self._release(where, sock)
            return Failed(oid, node, "absent" if answer is Answer.ABSENT else "busy")
        start = part.done if part else layout.HEADER_BYTES
        try:
            arrival = self._receive(sock, oid, part)
        except BaseException:
            self._hang_up(sock)
            raise
        self._release(where, sock)
        self._store.welcome(oid, arrival)
        with self._lock:
            self.objects += 1
            self.bytes += arrival.total - start
        return Moved(oid, node)

    def _asked(self, oid: bytes, where: str) -> tuple[socket.socket, Answer, Arrival | None]:
        """A connection on which the question was answered, and what we have of the object."""
        with self._lock:
            part = self._parts.pop(oid, None)
            kept = self._idle.get(where)
            sock = kept.pop() if kept else None
        start = part.done if part else 0
        try:
            if sock is not None:
                with suppress(OSError):  # it may have been closed meanwhile
                    self._hold(sock)
                    return sock, protocol.ask(sock, oid, start), part
                self._hang_up(sock)
            sock = endpoint.connect(where, _STALL_S, self._tls)
            self._hold(sock)
            try:
                protocol.knock(sock, self._key())
                return sock, protocol.ask(sock, oid, start), part
            except BaseException:
                self._hang_up(sock)
                raise
        except BaseException:
            self._keep(oid, part)
            raise

    def _receive(self, sock: socket.socket, oid: bytes, part: Arrival | None) -> Arrival:
        try:
            head = protocol.receive(sock, layout.HEADER_BYTES)
            if part is None:
                part = self._store.expect(oid, head)
            elif not part.is_of(head):
                # Made by another attempt of its task, and what comes now begins in the middle:
                # next time all of it.
                part.abandon()
                part = None
                raise ConnectionError("another value of this object lies there")
            self._fill(sock, part)
        except OSError:
            self._keep(oid, part)
            raise
        return part

    def _fill(self, sock: socket.socket, arrival: Arrival) -> None:
        view = memoryview(bytearray(min(_PART_BYTES, max(1, arrival.total - arrival.done))))
        while arrival.done < arrival.total:
            count = sock.recv_into(view, min(len(view), arrival.total - arrival.done))
            if not count:
                raise ConnectionError("the other side closed the connection")
            if failpoints.ON:
                failpoints.hit("transfer.begun")
            arrival.write(view[:count])

    def _keep(self, oid: bytes, part: Arrival | None) -> None:
        if part is not None:
            with self._lock:
                self._parts[oid] = part

    def _hold(self, sock: socket.socket) -> None:
        with self._lock:
            self._busy.add(sock)

    def _release(self, where: str, sock: socket.socket) -> None:
        with self._lock:
            self._busy.discard(sock)
            self._let_go()
            self._idle.setdefault(where, []).append(sock)

    def _let_go(self) -> None:
        """Close what others have closed: nodes come and go, and each would leave some open."""
        poll = select.poll()
        idle = {sock.fileno(): sock for socks in self._idle.values() for sock in socks}
        for number in idle:
            poll.register(number, select.POLLIN)  # nothing is asked there, so nothing may come
        ended = {idle[number] for number, _ in poll.poll(0)}
        for where, socks in list(self._idle.items()):
            self._idle[where] = [sock for sock in socks if sock not in ended]
            if not self._idle[where]:
                del self._idle[where]
        for sock in ended:
            sock.close()

    def _hang_up(self, sock: socket.socket) -> None:
        with self._lock:
            self._busy.discard(sock)
        sock.close()

    def close(self) -> None:
        """Fetch nothing any more, and wait for the threads' end."""
        for _ in self._threads:
            self._orders.put(None)
        with self._lock:
            busy = list(self._busy)
        for sock in busy:
            with suppress(OSError):
                hang_up(sock)  # wakes who waits on it
        for thread in self._threads:
            thread.join()
        for sock in [sock for socks in self._idle.values() for sock in socks]:
            sock.close()
        for oid in list(self._parts):
            self.forget(oid)
