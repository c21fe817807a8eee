"""Objects on their way between nodes: a file that is read out, and one that is filled from outside.

What travels is the object as it lies here (`layout`): the receiver changes in the header what is
its own affair, the slot.  A receiver's file is nobody's object until it is whole (`Arrival.seal`).
"""

# Names are strings here: a Path costs more than the system call it makes.

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from hyperloom.objectstore import kernel, layout, teardown

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.objectstore.places import Places
    from hyperloom.objectstore.slots import Slot, SlotPool

_TRIES: Final = 50
_COPY_BYTES: Final = 1 << 20


class Departure:
    """An object that is read out; it stays as it is until this is closed."""

    def __init__(self, fd: int, total: int) -> None:
        self.fd = fd
        self.total = total

    def head(self) -> bytes:
        """Its header."""
        return os.pread(self.fd, layout.HEADER_BYTES, 0)

    def close(self) -> None:
        """Let go of it."""
        kernel.unlock(self.fd)
        os.close(self.fd)


def depart(places: Places, oid: bytes) -> Departure | None:
    """Hold an object in order to send it; None when it is not on this node."""
    wanted = layout.padded(oid)
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(teardown.RETRY_S)  # a lock gives no sign when it is free
        try:
            fd = os.open(places.sealed(oid), os.O_RDONLY)
        except FileNotFoundError:
            return _from_disk(places, oid)
        if kernel.lock_now(fd, fcntl.LOCK_SH):
            head = os.pread(fd, layout.HEADER_BYTES, 0)
            header = layout.parse(head)
            if header is not None and layout.is_sealed(head, wanted):
                return Departure(fd, header.total)
            kernel.unlock(fd)
        os.close(fd)
    return None


def _from_disk(places: Places, oid: bytes) -> Departure | None:
    try:
        fd = os.open(places.spilled(oid), os.O_RDONLY)
    except FileNotFoundError:
        return None
    header = layout.parse(os.pread(fd, layout.HEADER_BYTES, 0))
    if header is None:
        os.close(fd)
        return None
    return Departure(fd, header.total)


class Arrival:
    """An object that comes in, from its first byte to its last, perhaps from several nodes.

    It is built in a slot of ours, or on disk when memory has no room.  For one thread.

    Attributes:
        done: bytes that are there, from the start; the header counts.
    """

    def __init__(self, pool: SlotPool, header: layout.Header, head: bytes, disk: str) -> None:
        """Take room for it.  `disk`: where it is built when there is none in memory.

        Raises:
            OSError: there is none at all.
        """
        self._pool = pool
        self._header = header
        self._head = head
        self._disk = disk
        self._file = -1
        self.total = header.total
        self.done = layout.HEADER_BYTES
        self._slot, _ = pool.take(header.total)
        if self._slot is None:
            self._begin_on_disk()
        else:
            self._write_head(self._slot.fd, self._slot.uid, self._slot.capacity, layout.VOID)

    def is_of(self, head: bytes) -> bool:
        """Whether a copy with this header has the same bytes, so that it may go on with this."""
        theirs = layout.parse(head)
        if theirs is None:
            return False
        mine = self._header
        # All the rest is each node's own affair.
        return theirs == mine._replace(uid=theirs.uid, capacity=theirs.capacity, state=theirs.state)

    def write(self, data: memoryview) -> None:
        """The bytes that come next.

        Raises:
            OSError: memory and disk have no room.
        """
        if self._slot is not None:
            try:
                self._append(self._slot.fd, data)
            except OSError as error:
                if error.errno not in kernel.NO_ROOM:
                    raise
                self._move_to_disk(self._slot)
            else:
                return
        self._append(self._file, data)

    def _append(self, fd: int, data: memoryview) -> None:
        # Written, not received into a mapping: pages that do not exist yet are neither zeroed nor
        # faulted, and a full memory is an error instead of a SIGBUS.
        written = 0
        while written < len(data):
            written += os.pwrite(fd, data[written:], self.done + written)
        self.done += written

    def seal(self, oid: bytes, publish: Callable[[Slot, bytes], None], places: Places) -> None:
        """All of it is there: it is an object from now on."""
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.filled = max(slot.filled, self.total)
            publish(slot, oid)
            return
        with contextlib.suppress(FileExistsError):  # the first one wins
            kernel.rename_new(self._disk, places.spilled(oid))
        self.abandon()

    def abandon(self) -> None:
        """It does not come: give the room back.  Harmless when done twice."""
        slot, self._slot = self._slot, None
        if slot is not None:
            self._pool.give_back(slot, self._header.oid)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            kernel.unlink_if_there(self._disk)

    def _begin_on_disk(self) -> None:
        self._file = os.open(self._disk, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._write_head(self._file, 0, self.total, layout.SEALED)

    def _move_to_disk(self, slot: Slot) -> None:
        self._begin_on_disk()
        at = layout.HEADER_BYTES
        while at < self.done:
            part = os.pread(slot.fd, min(_COPY_BYTES, self.done - at), at)
            at += os.pwrite(self._file, part, at)
        self._slot = None
        self._pool.discard(slot)

    def _write_head(self, fd: int, uid: int, capacity: int, state: int) -> None:
        os.pwrite(fd, layout.rehoused(self._head, uid=uid, capacity=capacity, state=state), 0)
