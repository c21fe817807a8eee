"""The node's side of the store: books, room, burials.

Runs in a thread of the raylet, never user code.  Clients need it for new slots only; while it
is away everything stored stays readable, and it learns all it must know from the folder.

A process that dies leaves slots half built, idle, or booked and never made.  The kernel drops
its locks; the keeper sees its line close, or its number unlocked, and buries it: reclaims what
held no object and strikes out what was never made.  Its objects stay.
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH101, PTH116, PTH208

from __future__ import annotations

import logging
import os
import selectors
import socket
import struct
import threading
import time
import weakref
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hyperloom.ids import OBJECT_BYTES, short
from hyperloom.objectstore import burial, census, kernel, layout, places, reaper, teardown, wire
from hyperloom.objectstore.capacity import default_capacity
from hyperloom.objectstore.census import Holder, StoreStats
from hyperloom.objectstore.ledger import Ledger
from hyperloom.objectstore.room import Room

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable

__all__ = ["Holder", "StoreKeeper", "StoreStats", "default_capacity"]

_log = logging.getLogger(__name__)

_TICK_S: Final = 0.2  # between two looks at zombies, and at what somebody holds up
_REST_S: Final = 1.0  # the same, if the last look found none and no client has said anything since
_SCRUB_S: Final = 10.0  # between slow looks: at every header, at long idle slots


class StoreKeeper:
    """Owner of one node's store.  `free`, `stats`, `holders` may be called from any thread."""

    def __init__(self, root: Path, spill: Path, capacity_bytes: int) -> None:
        """Make the folder, or take over what a previous keeper left.

        Raises:
            LoomError: the folder belongs to somebody else.
        """
        self._places = places.Places(root)
        self._spill = Path(spill)
        self._ledger = Ledger(capacity_bytes)
        self._lines: dict[int, _Line] = {}  # process number -> its line
        self._room = Room(self._places, self._ledger, self._keeps)
        self._stuck: deque[bytes] = deque()  # ids whose freeing somebody holds up
        self._alive = burial.enter(self._places, self._spill)
        self._next_process = burial.recover(self._places, self._ledger, self._room)
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="loom-store", daemon=True)
        self._reaper_starts: subprocess.Popen[bytes] | None = None
        self._spilled = (-1, 0, 0)  # mtime of the folder, objects, bytes
        self._idle = (-1, 0)  # mtime of the folder, bytes
        _keepers.add(self)

    def start(self, *, with_reaper: bool = True) -> None:
        """Begin to listen, and have somebody clean up should all of us be killed.

        `with_reaper`: a small process that does nothing but wait for our end.  Without it,
        whoever starts the next store here sweeps up (`reaper.sweep_stale`).
        """
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._selector.register(_listen(self._places.socket), selectors.EVENT_READ, _LISTENER)
        if with_reaper:
            self._reaper_starts = reaper.start(self._places.root)
        self._thread.start()

    def close(self, *, remove: bool) -> None:
        """Stop; with `remove` also unlink everything, in memory and on disk.

        Views that somebody still holds stay valid.
        """
        self._stopping = True
        if self._thread.is_alive():
            self._wake_writer.send(b"!")
            self._thread.join()
        if self._reaper_starts is not None:
            self._reaper_starts.wait()
        _keepers.discard(self)
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()
        kernel.unlink_if_there(self._places.socket)
        if remove:
            burial.remove(self._places)
        os.close(self._alive)

    def free(self, oids: Iterable[bytes]) -> None:
        """End objects, whoever put them; unknown ids are fine."""
        for oid in oids:
            torn = teardown.free(self._places, oid, self._keeps)
            if torn.end is teardown.End.UNLINKED:
                self._ledger.strike([torn.uid])
            elif torn.end is teardown.End.BUSY:
                self._stuck.append(oid)

    def usage(self) -> tuple[int, int]:
        """Bytes taken and bytes there are.  Idle slots are free: whoever needs room gets theirs.

        Costs next to nothing as long as none becomes idle or is taken.
        """
        changed = os.stat(self._places.used).st_mtime_ns
        if changed != self._idle[0]:
            self._idle = (changed, self._room.idle_bytes())
        taken = max(0, self._ledger.used_bytes - self._idle[1])
        return taken, self._ledger.capacity_bytes

    def stats(self) -> StoreStats:
        """The store in figures."""
        changed = os.stat(self._spill).st_mtime_ns
        if changed != self._spilled[0]:
            self._spilled = (changed, *burial.count_spilled(self._spill))
        return StoreStats(
            used_bytes=self._ledger.used_bytes,
            capacity_bytes=self._ledger.capacity_bytes,
            objects=len(os.listdir(self._places.objects)),
            idle_slots=len(os.listdir(self._places.used)),
            zombies=len(os.listdir(self._places.zombies)),
            pinned=census.count_viewed(self._places),
            spilled_objects=self._spilled[1],
            spilled_bytes=self._spilled[2],
            processes=len(self._lines),
        )

    def holders(self, n: int = 5) -> list[Holder]:
        """The largest objects in memory, and who looks at them."""
        return census.holders(self._places, n)

    def _after_fork(self) -> None:
        """In a child of the raylet: hold none of its lines open, or nobody sees it die.

        Only closes: to unregister would take them out of the parent's selector as well.
        """
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._wake_writer.close()
        os.close(self._alive)

    def _keeps(self, process: int) -> bool:
        return process in self._lines or census.is_alive(self._places, process)

    # -- The keeper's thread -------------------------------------------------------------

    def _serve(self) -> None:
        next_tick = time.monotonic()
        next_scrub = next_tick + _SCRUB_S
        while not self._stopping:
            try:
                for key, _ in self._selector.select(max(0.0, next_tick - time.monotonic())):
                    if key.data is _LISTENER:
                        self._accept(key.fileobj)
                    elif isinstance(key.data, _Line):
                        self._hear(key.data)
                    next_tick = min(next_tick, time.monotonic() + _TICK_S)
                if (now := time.monotonic()) >= next_tick:
                    next_tick = now + _TICK_S  # also if this look comes to nothing
                    scrub = now >= next_scrub
                    next_scrub = now + _SCRUB_S if scrub else next_scrub
                    if not self._tick(scrub=scrub):
                        next_tick = now + _REST_S
            except OSError:
                # The next tick looks again; the thread must live, or the node gets no new slots.
                _log.exception("the keeper of %s goes on after an error", self._places.root)

    def _accept(self, listener: object) -> None:
        assert isinstance(listener, socket.socket)
        connection, _ = listener.accept()
        # A client that does not read its answer is stopped; the others must not wait for it.
        connection.settimeout(1.0)
        self._selector.register(connection, selectors.EVENT_READ, _Line(connection))

    def _hear(self, line: _Line) -> None:
        try:
            data = line.connection.recv(65536)
            line.received += data
            while (message := wire.split(line.received)) is not None:
                self._answer(line, *message)
        except OSError:
            data = b""  # killed while it waited for our answer
        except (ValueError, struct.error) as error:
            _log.warning("a client of the object store at %s is cut off: it says what we do not "
                         "understand (%s)", self._places.root, error)  # fmt: skip
            data = b""
        if not data:
            self._selector.unregister(line.connection)
            line.connection.close()
            if self._lines.get(line.process) is line:
                del self._lines[line.process]
                self._bury_dead()

    def _answer(self, line: _Line, code: int, body: bytes) -> None:
        match wire.Say(code):
            case wire.Say.HELLO:
                process = self._welcome(line, wire.NUMBER.unpack(body)[0])
                line.send(wire.Answer.OK, wire.NUMBER.pack(process))
            case wire.Say.RESERVE:
                granted = self._reserve(line.process, *wire.RESERVE_BODY.unpack(body))
                if granted:
                    line.send(wire.Answer.OK, wire.COUNT.pack(granted))
                else:
                    line.send(wire.Answer.FULL, self._describe().encode())
            case wire.Say.UNLINKED:
                self._ledger.strike(uid for (uid,) in wire.NUMBER.iter_unpack(body))
            case wire.Say.FREE:
                self._stuck.append(body)

    def _welcome(self, line: _Line, process: int) -> int:
        if census.is_alive(self._places, process):
            # It may have made slots that the keeper before us had granted.
            burial.adopt(self._places, self._ledger, process)
        else:
            process = self._next_process
            self._next_process += 1
            # Here, not by the client: the number is taken even if both of us die now.
            os.close(os.open(f"{self._places.processes}{process}", os.O_RDWR | os.O_CREAT, 0o600))
        line.process = process
        self._lines[process] = line
        return process

    def _reserve(self, process: int, first: int, count: int, capacity: int) -> int:
        """How many of `count` slots are booked; none is granted to who asks for none."""
        for slots in sorted({count, min(count, 1)}, reverse=True):
            uids = [layout.slot_uid(process, first + index) for index in range(slots)]
            if self._ledger.book(uids, capacity):
                return slots
            try:
                self._room.make(slots * capacity)
            except OSError:
                # The client goes to disk itself, and meets whatever this is.
                _log.exception("no room was made in the object store at %s", self._places.root)
            if self._ledger.book(uids, capacity):
                return slots
        return 0

    def _tick(self, *, scrub: bool) -> bool:
        """Look after what is left; whether there was anything."""
        if self._reaper_starts is not None and self._reaper_starts.poll() is not None:
            self._reaper_starts = None
        left = self._room.sweep_zombies() > 0 or bool(self._stuck)
        self.free([self._stuck.popleft() for _ in range(len(self._stuck))])
        left = self._bury_dead() or left
        if scrub:
            self._room.trim_idle()
            burial.scrub(self._places, self._room)
        return left

    def _bury_dead(self) -> bool:
        """Whether there is any process whose end nobody would tell us."""
        known = census.processes(self._places)
        strange = [process for process in known if process not in self._lines]
        for process in strange:
            if not census.is_alive(self._places, process):
                burial.bury(self._places, self._ledger, self._room, process)
        burial.reclaim_ownerless(self._places, self._room, {*known, *self._lines})
        return bool(strange)

    def _describe(self) -> str:
        stats = self.stats()
        size = layout.size_text
        largest = "; ".join(
            f"ObjectRef({short(holder.oid[:OBJECT_BYTES])}) {size(holder.capacity_bytes)}"
            + (", freed" if holder.freed else "")
            + (f", viewed by process {', '.join(map(str, holder.viewed_by))}" if holder.viewed_by
               else "")
            for holder in self.holders()
        )  # fmt: skip
        return (
            f"the object store holds {size(stats.used_bytes)} of "
            f"{size(stats.capacity_bytes)} in {stats.objects} objects ({stats.pinned} of them in "
            f"use, {stats.zombies} freed but in use), and {size(stats.spilled_bytes)} in "
            f"{stats.spilled_objects} objects on disk. Largest: {largest or 'none'}."
        )


class _Line:
    """A client's connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.received = bytearray()
        self.process = 0

    def send(self, code: wire.Answer, body: bytes) -> None:
        self.connection.sendall(wire.frame(code, body))


_LISTENER: Final = object()


def _listen(path: str) -> socket.socket:
    kernel.unlink_if_there(path)  # of the keeper before us
    listener = socket.socket(socket.AF_UNIX)
    address, folder = places.socket_address(path)
    try:
        listener.bind(address)
        os.chmod(path, 0o600)  # the folder is private, and so is what is in it
    finally:
        if folder is not None:
            os.close(folder)
    listener.listen(128)
    return listener


_keepers: weakref.WeakSet[StoreKeeper] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for keeper in list(_keepers):
        keeper._after_fork()  # noqa: SLF001 - the hook is part of the class


os.register_at_fork(after_in_child=_after_fork_in_child)
