"""The object store as drivers and workers see it: put, get, free.

Theory of operation.  A put takes a slot of this process (`slots`), copies the object in, and
renames the file to ``o/<id>``: from then on it is immutable and everybody on the node may map
it.  A get opens that name, locks the file shared and maps it (`reader`).  A free renames it
away and, when nobody looks at it, hands the slot back to its producer (`teardown`).  None of
the three speaks to another process, but for the first put into a *new* slot, whose bytes the
keeper must grant.

When the keeper has none to grant, and when memory turns out to be full after all, the object
is written to the spill folder instead: a put becomes slow before it fails.
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH110, PTH112

from __future__ import annotations

import contextlib
import itertools
import os
import time
import weakref
from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.ids import short
from hyperloom.objectstore import kernel, layout, teardown, transit, wire
from hyperloom.objectstore.descriptors import Descriptors
from hyperloom.objectstore.places import Places
from hyperloom.objectstore.reader import COPY_MAX_BYTES, Reader
from hyperloom.objectstore.slots import Slot, SlotPool
from hyperloom.objectstore.transit import Arrival

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hyperloom.objectstore.transit import Departure


_ROOM_COMES_S = (0.02, 0.05, 0.1, 0.2, 0.4)  # how long apart a full store is asked again


class StoreClient:
    """One process's door to its node's objects.  Thread-safe; survives fork on both sides."""

    def __init__(self, root: str | Path) -> None:
        self._places = Places(root)
        descriptors = Descriptors()
        self._reader = Reader(self._places, descriptors)
        self._pool = SlotPool(self._places, descriptors)
        self._member = self._pool.member
        self._disk_names = itertools.count()
        self._closed = False
        self._member.stay()
        _clients.add(self)

    def put(self, oid: bytes, kind: int, meta: bytes, buffers: Sequence[memoryview]) -> int:
        """Store an object; its size in bytes.  When there is one of that id, that one stays.

        Raises:
            ObjectStoreFull: it fits neither into memory nor onto the spill disk.
            LoomError: the client is closed, or the store's folder is gone.
        """
        self._check_open()
        views = [_flat(view) for view in buffers]
        building = _Object(oid, kind, meta, views)
        if os.path.exists(self._places.spilled(oid)):
            return building.plan.total
        try:
            self._place(building)
        except FileNotFoundError as error:
            if os.path.isdir(self._places.objects):
                raise
            raise errors.LoomError(
                f"object {oid.hex()} was not stored: the folder of the node's object store, "
                f"{self._places.root}, is gone; the node was stopped. Other nodes and what "
                "they hold are not affected. Start the node again."
            ) from error
        return building.plan.total

    def get(self, oid: bytes) -> tuple[int, memoryview | bytes, list[memoryview]] | None:
        """Kind, metadata and buffers of an object; None when it is not on this node.

        The views are read-only and not copied (above 256 KiB); as long as one of them lives,
        so do the bytes, whatever happens to the object.
        """
        if not self._member.stays:
            self._member.stay()
        return self._reader.get(oid)

    def contains(self, oid: bytes) -> bool:
        """Is the object on this node, in memory or on its disk?"""
        return self._reader.contains(oid)

    def free(self, oid: bytes) -> None:
        """End an object, whoever put it.  Views of it stay valid; unknown ids are fine."""
        with contextlib.suppress(FileNotFoundError):  # the store's folder is being removed
            if self._pool.free_own(oid):
                kernel.unlink_if_there(self._places.spilled(oid))
                return
            if teardown.free(self._places, oid, teardown.always_keep).end is teardown.End.BUSY:
                self._member.tell(wire.Say.FREE, oid)

    def depart(self, oid: bytes) -> Departure | None:
        """Hold an object in order to send it to another node; None when it is not here."""
        return transit.depart(self._places, oid)

    def expect(self, oid: bytes, head: bytes) -> Arrival:
        """Room for an object that comes from another node, where it has this header.

        Raises:
            ValueError: this is no header of that object.
            OSError: there is no room for it, in memory or on disk.
            LoomError: the client is closed.
        """
        self._check_open()
        header = layout.parse(head)
        if header is None or header.oid != layout.padded(oid):
            raise ValueError(f"what came for object {oid.hex()} is not its header")
        return Arrival(self._pool, header, head, self._disk_temporary(oid))

    def welcome(self, oid: bytes, arrival: Arrival) -> None:
        """All of it has come: it is an object of this node from now on."""
        arrival.seal(oid, self._publish, self._places)

    def close(self) -> None:
        """Leave the store.  Objects stay, and so do views; idle memory goes back."""
        self._closed = True
        _clients.discard(self)
        self._reader.forget_mappings()
        self._pool.close()

    def _place(self, building: _Object) -> None:
        for pause in _ROOM_COMES_S:
            try:
                return self._place_now(building)
            except errors.ObjectStoreFull:
                # 1. A program drops its refs and asks for what needs their room.  2. That begins.
                # 3. Only now does the node hear that the objects may go.
                time.sleep(pause)
        return self._place_now(building)

    def _place_now(self, building: _Object) -> None:
        slot, why = self._pool.take(building.plan.total)
        if slot is None or not self._build(slot, building):
            self._put_on_disk(building, why)

    def _build(self, slot: Slot, building: _Object) -> bool:
        """Copy the object into the slot and publish it; False when memory has no room for it."""
        try:
            _fill(slot, building)
            self._publish(slot, building.oid)
        except OSError as error:
            if error.errno not in kernel.NO_ROOM:
                self._pool.give_back(slot, building.oid)
                raise
            self._pool.discard(slot)
            return False
        except BaseException:  # an interrupt too must not leave a slot locked
            self._pool.give_back(slot, building.oid)
            raise
        return True

    def _publish(self, slot: Slot, oid: bytes) -> None:
        while not self._pool.seal(slot, oid):
            if self._reader.contains(oid):
                self._pool.give_back(slot, oid)
                return  # immutable, so the first one wins: a task was run again
            # What a freer left that died half way.
            teardown.tear_down(self._places, self._places.sealed(oid), teardown.always_keep)

    def _disk_temporary(self, oid: bytes) -> str:
        # The number tells the keeper whose leftover it is, should we die here.
        mine = f"{self._member.number}.{os.getpid()}-{next(self._disk_names)}"
        return f"{self._places.spilled(oid)}.{mine}.tmp"

    def _put_on_disk(self, building: _Object, why: str) -> None:
        plan = building.plan
        final = self._places.spilled(building.oid)
        temporary = self._disk_temporary(building.oid)
        try:
            fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                head = building.head(uid=0, capacity=plan.total, state=layout.SEALED)
                kernel.write_gather(fd, building.parts(head))
            finally:
                os.close(fd)
            with contextlib.suppress(FileExistsError):  # the first one wins
                kernel.rename_new(temporary, final)
        except OSError as error:
            if error.errno not in kernel.NO_ROOM:
                raise
            why = why or f"the node's memory is full, although {self._member.describe()}"
            raise errors.ObjectStoreFull(
                f"ObjectRef({short(building.oid)}) of {layout.size_text(plan.total)} was not "
                f"stored: {why} "
                f"The spill folder {os.path.realpath(self._places.spill)} has no room either "
                f"({error.strerror}). What was stored before is not affected. Drop refs to large "
                "objects, or start the node with a larger object_store_memory or more space "
                "for spilling."
            ) from error
        finally:
            kernel.unlink_if_there(temporary)

    def _check_open(self) -> None:
        if self._closed:
            raise errors.LoomError(
                "this process has left its node's object store (close() was called); "
                "nothing was stored"
            )

    def _after_fork(self) -> None:
        self._reader.after_fork()
        self._pool.after_fork()


class _Object:
    """What is being put, and where its parts will lie."""

    __slots__ = ("id_in_header", "kind", "meta", "oid", "plan", "sizes", "views")

    def __init__(self, oid: bytes, kind: int, meta: bytes, views: list[memoryview]) -> None:
        self.id_in_header = layout.padded(oid)
        self.oid = oid
        self.kind = kind
        self.meta = meta
        self.views = views
        self.sizes = [view.nbytes for view in views]
        self.plan = layout.plan(len(meta), self.sizes)

    def head(self, *, uid: int, capacity: int, state: int) -> bytearray:
        """All bytes in front of the metadata."""
        return layout.pack_head(
            self.plan,
            self.sizes,
            oid=self.id_in_header,
            kind=self.kind,
            state=state,
            uid=uid,
            capacity=capacity,
            meta_bytes=len(self.meta),
            created_ns=time.time_ns(),
        )

    def parts(self, head: bytearray) -> list[bytes | bytearray | memoryview]:
        """The whole object as one sequence of bytes, gaps filled."""
        parts: list[bytes | bytearray | memoryview] = [head, self.meta]
        end = self.plan.meta_at + len(self.meta)
        for at, view in zip(self.plan.buffers_at, self.views, strict=True):
            if at > end:
                parts.append(_ZEROS[: at - end])
            parts.append(view)
            end = at + view.nbytes
        return parts


_ZEROS = memoryview(bytes(layout.PAGE))


def _fill(slot: Slot, building: _Object) -> None:
    plan = building.plan
    head = building.head(uid=slot.uid, capacity=slot.capacity, state=layout.VOID)
    cold = plan.total <= COPY_MAX_BYTES or slot.filled < plan.total
    if cold or not _map(slot):
        # Pages that do not exist yet: written, the kernel neither zeroes nor faults them,
        # and a full memory is an error instead of a SIGBUS.
        kernel.write_gather(slot.fd, building.parts(head))
        slot.filled = max(slot.filled, plan.total)
        return
    assert slot.mapping is not None, "_map has seen to it"
    address = slot.mapping.address
    kernel.copy_to(address, head)
    kernel.copy_to(address + plan.meta_at, building.meta)
    for at, view in zip(plan.buffers_at, building.views, strict=True):
        kernel.copy_to(address + at, view)


def _map(slot: Slot) -> bool:
    """Have the slot mapped; False when the process may have no more mappings."""
    if slot.mapping is None:
        with contextlib.suppress(OSError):
            slot.mapping = kernel.Mapping(slot.fd, slot.capacity, writable=True)
    return slot.mapping is not None


def _flat(view: memoryview) -> memoryview:
    """The same bytes, as bytes."""
    if view.ndim == 1 and view.itemsize == 1:
        return view
    return view.cast("B") if view.nbytes else memoryview(b"")


_clients: weakref.WeakSet[StoreClient] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for client in list(_clients):
        client._after_fork()  # noqa: SLF001 - the hook is part of the class


os.register_at_fork(after_in_child=_after_fork_in_child)
