"""A producer's slots: files of its own, used again and again.

Making a new file costs ten times a copy into one whose pages exist, so a slot is kept when
its object is freed, with its descriptor and, for large ones, its mapping.  A slot of ours is
in exactly one of: `idle`, `sealed` (holds an object), or the hands of the thread that builds
in it.  flock does not exclude two threads that share a descriptor: taking a slot out of these
tables does.

The lock here is held over a few system calls on memory files, never over a call to the
keeper.  It is re-entrant because the collector may run somebody's `free()` while we hold it;
so no loop here iterates over a table while it may change.
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH104

from __future__ import annotations

import fcntl
import os
import threading
from collections import OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Final

from hyperloom.objectstore import kernel, layout, wire
from hyperloom.objectstore.membership import Membership

if TYPE_CHECKING:
    from hyperloom.objectstore.descriptors import Descriptors
    from hyperloom.objectstore.places import Places

_IDLE_MAX_BYTES: Final = 1 << 30
# Of our sealed slots, how many to look at for one that somebody else has freed: a look costs
# a microsecond, a new large slot a hundred times more.
_LOOK_AT_LARGE: Final = 16
_LOOK_AT_SMALL: Final = 4
_LARGE_BYTES: Final = 1 << 20
# New small slots are asked for by the megabyte, so that the keeper is asked seldom.
_GRANT_BYTES: Final = 1 << 20
_GRANT_MAX: Final = 32


class Slot:
    """One file.  `path` is its name as long as it holds no object."""

    __slots__ = ("capacity", "fd", "filled", "mapping", "oid", "path", "uid")

    def __init__(self, uid: int, fd: int, capacity: int, path: str) -> None:
        self.uid = uid
        self.fd = fd  # -1 when we have let go of it
        self.capacity = capacity
        self.path = path
        self.oid = b""
        self.filled = 0  # bytes from the start whose pages are known to exist
        self.mapping: kernel.Mapping | None = None

    def let_go(self) -> None:
        """Close it; the file stays."""
        if self.mapping is not None:
            # Not left to the collector: the mapping holds the lock of its descriptor.
            self.mapping.unmap()
            self.mapping = None
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


class SlotPool:
    """All slots of this process.  Thread-safe."""

    def __init__(self, places: Places, descriptors: Descriptors) -> None:
        self._places = places
        self._descriptors = descriptors
        self.member = Membership(places, self._forget_grants)
        self._start_empty()

    def _start_empty(self) -> None:
        self._lock = threading.RLock()
        self._all: dict[int, Slot] = {}  # by uid
        self._idle: dict[int, deque[Slot]] = defaultdict(deque)  # by capacity
        self._idle_bytes = 0
        self._sealed: dict[int, OrderedDict[int, Slot]] = defaultdict(OrderedDict)  # capacity, uid
        self._by_oid: dict[bytes, Slot] = {}
        self._grants: dict[int, deque[int]] = defaultdict(deque)  # capacity -> counters
        self._number = 0  # whose grants and counters these are
        self._next_counter = 0

    def take(self, total: int) -> tuple[Slot | None, str]:
        """A slot for `total` bytes, locked EX; or None, and what the keeper said about it."""
        capacity = layout.size_class(total)
        while True:
            with self._lock:
                slot = (
                    self._take_idle(capacity)
                    or self._take_freed(capacity)
                    or self._take_idle(layout.size_class(capacity + 1))
                    or self._create(capacity)
                )
            if slot is not None:
                return slot, ""
            why = self._ask_for_grants(capacity)
            if why:
                return None, why

    def seal(self, slot: Slot, oid: bytes) -> bool:
        """Publish the object built in the slot; False when there is one of that id already.

        The state word first, the name second: whoever finds the name finds it sealed.
        """
        os.pwrite(slot.fd, layout.PATCH_SEALED, layout.STATE_AT)
        try:
            kernel.rename_new(slot.path, self._places.sealed(oid))
        except FileExistsError:
            return False
        self._publish(slot, oid)
        return True

    def give_back(self, slot: Slot, oid: bytes) -> None:
        """A build failed or was not needed: the slot is idle again.

        An interrupt may have come when the object was published already; then it stays.
        """
        if slot.uid in self._sealed[slot.capacity]:
            return
        if kernel.same_file(slot.fd, self._places.sealed(oid)):
            self._publish(slot, oid)
            return
        os.pwrite(slot.fd, layout.PATCH_VOID, layout.STATE_AT)
        home = self._places.slot(slot.uid)
        if slot.path != home:
            os.rename(slot.path, home)
            slot.path = home
        kernel.unlock(slot.fd)
        with self._lock:
            self._add_idle(slot)

    def discard(self, slot: Slot) -> None:
        """Unlink a slot that we hold EX, and give its memory back."""
        kernel.punch(slot.fd)
        kernel.unlink_if_there(slot.path)
        self._drop(slot)
        self.member.tell(wire.Say.UNLINKED, wire.NUMBER.pack(slot.uid))

    def free_own(self, oid: bytes) -> bool:
        """Free an object that lies in a slot of ours and that nobody looks at: the fast way."""
        with self._lock:
            slot = self._by_oid.pop(oid, None)
            if slot is None or self._sealed[slot.capacity].pop(slot.uid, None) is None:
                return False
        if kernel.lock_now(slot.fd, fcntl.LOCK_EX):
            head = os.pread(slot.fd, layout.HEADER_BYTES, 0)
            if layout.is_sealed(head, layout.padded(oid)):
                # Sealed: its name is o/<oid>, and stays so while we hold EX.
                os.pwrite(slot.fd, layout.PATCH_VOID, layout.STATE_AT)
                os.rename(self._places.sealed(oid), slot.path)
                # One may always stay, however large.
                if self._idle_bytes and self._idle_bytes + slot.capacity > _IDLE_MAX_BYTES:
                    self.discard(slot)
                    return True
                kernel.unlock(slot.fd)
                with self._lock:
                    self._add_idle(slot)
                return True
            kernel.unlock(slot.fd)
        with self._lock:
            self._sealed[slot.capacity][slot.uid] = slot
        return False

    def close(self) -> None:
        """Let go of all slots and leave: idle ones go back to the keeper, objects stay."""
        with self._lock:
            slots = list(self._all.values())
            self._start_empty()
        for slot in slots:
            slot.let_go()
        self.member.leave()

    def after_fork(self) -> None:
        """In the child: drop the parent's slots without touching a lock.

        A descriptor that was inherited shares its lock with the parent: to unlock here would
        unlock there.  Closing does not, nor does unmapping.
        """
        slots = list(self._all.values())
        self._start_empty()
        for slot in slots:
            slot.let_go()
        self.member.after_fork()

    # -- Called with the lock held -------------------------------------------------------

    def _take_idle(self, capacity: int) -> Slot | None:
        queue = self._idle[capacity]
        while queue:
            slot = queue.popleft()
            self._idle_bytes -= capacity
            if not kernel.lock_now(slot.fd, fcntl.LOCK_EX):
                # The keeper may be reclaiming it, or a reader came too late for its object.
                self._sealed[capacity][slot.uid] = slot  # where it is found again when freed
            elif os.fstat(slot.fd).st_nlink:
                return slot
            else:
                self._drop(slot)  # reclaimed
        return None

    def _take_freed(self, capacity: int) -> Slot | None:
        """One of our sealed slots whose object somebody else has freed meanwhile."""
        sealed = self._sealed[capacity]
        look_at = _LOOK_AT_LARGE if capacity >= _LARGE_BYTES else _LOOK_AT_SMALL
        for _ in range(min(len(sealed), look_at)):
            try:
                uid, slot = sealed.popitem(last=False)
            except KeyError:
                return None
            if os.pread(slot.fd, 1, layout.STATE_AT) == b"\1" or not kernel.lock_now(
                slot.fd, fcntl.LOCK_EX
            ):
                sealed[uid] = slot
                continue
            if self._by_oid.get(slot.oid) is slot:
                del self._by_oid[slot.oid]
            if self._bring_home(slot):
                return slot
            self._drop(slot)
        return None

    def _bring_home(self, slot: Slot) -> bool:
        """Make sure that the file, which we hold EX, is where an idle slot belongs."""
        for path in (slot.path, self._places.sealed(slot.oid), self._places.zombie(slot.uid)):
            if kernel.same_file(slot.fd, path):
                os.pwrite(slot.fd, layout.PATCH_VOID, layout.STATE_AT)
                if path != slot.path:  # its freer died half way, or a view outlived the object
                    os.rename(path, slot.path)
                return True
        return False  # reclaimed

    def _create(self, capacity: int) -> Slot | None:
        grants = self._grants[capacity]
        if not grants:
            return None
        uid = layout.slot_uid(self._number, grants.popleft())
        # Born in n/, where nobody looks for idle slots before we hold its lock.
        path = self._places.new + layout.slot_name(uid)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        slot = Slot(uid, fd, capacity, path)
        self._all[uid] = slot
        kernel.lock_now(fd, fcntl.LOCK_EX)
        slot.fd = self._descriptors.settle(fd)
        os.ftruncate(slot.fd, capacity)
        return slot

    def _add_idle(self, slot: Slot) -> None:
        self._idle[slot.capacity].appendleft(slot)  # the warmest first
        self._idle_bytes += slot.capacity

    def _drop(self, slot: Slot) -> None:
        self._all.pop(slot.uid, None)
        slot.let_go()

    def _keep_few(self) -> None:
        """Too many descriptors: let go of some slots; the keeper ends them in their time."""
        while len(self._all) > self._descriptors.slots_at_most:
            sealed, idle = list(self._sealed.values()), list(self._idle.values())
            slot = next((queue.popitem(last=False)[1] for queue in sealed if queue), None)
            if slot is None:
                slot = next((queue.pop() for queue in idle if queue), None)
                if slot is None:
                    return
                self._idle_bytes -= slot.capacity
            if self._by_oid.get(slot.oid) is slot:
                del self._by_oid[slot.oid]
            self._drop(slot)

    # -- Called without the lock ---------------------------------------------------------

    def _publish(self, slot: Slot, oid: bytes) -> None:
        slot.path = self._places.slot(slot.uid)
        slot.oid = oid
        # Unlock first: once it is in the tables another thread may take the slot, and our
        # late unlock would be of its lock.
        kernel.unlock(slot.fd)
        with self._lock:
            self._by_oid[oid] = slot
            self._sealed[slot.capacity][slot.uid] = slot
            self._keep_few()

    def _ask_for_grants(self, capacity: int) -> str:
        count = max(1, min(_GRANT_MAX, _GRANT_BYTES // capacity))
        with self._lock:
            first = self._next_counter
            self._next_counter += count
        granted, why = self.member.reserve(first, count, capacity)
        with self._lock:
            if granted:
                self._number = self.member.number
                self._grants[capacity].extend(range(first, first + granted))
        return why

    def _forget_grants(self) -> None:
        with self._lock:
            self._grants.clear()
