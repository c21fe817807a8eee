"""What the folder says: who lives, which slots there are, who looks at what.

The folder is the truth; the keeper's books are a copy of it.  A keeper that is started again,
and one that buries a process, read it here.
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH116, PTH123, PTH208

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from hyperloom.objectstore import kernel, layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hyperloom.objectstore.places import Places


class SlotFound(NamedTuple):
    """A file in memory."""

    uid: int
    capacity: int
    path: str
    state: int
    holds_object: bool  # by its name


class StoreStats(NamedTuple):
    """The store in figures, at about the same moment."""

    used_bytes: int  # booked: objects, zombies, idle slots and those being built
    capacity_bytes: int
    objects: int  # in memory
    idle_slots: int
    zombies: int  # freed while somebody looks at them
    pinned: int  # somebody looks at them, zombies included
    spilled_objects: int
    spilled_bytes: int
    processes: int  # that have put something and live


class Holder(NamedTuple):
    """A large object in memory."""

    oid: bytes  # zero padded: the header does not say how long it was
    capacity_bytes: int
    freed: bool  # it is a zombie
    viewed_by: tuple[int, ...]  # process ids


def is_alive(places: Places, process: int) -> bool:
    """Does the process of that number live?"""
    try:
        fd = os.open(f"{places.processes}{process}", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not kernel.lock_now(fd, fcntl.LOCK_EX)
    finally:
        os.close(fd)


def processes(places: Places) -> list[int]:
    """The numbers in use, of the dead too until they are buried."""
    return [int(name) for name in os.listdir(places.processes)]


def slots(places: Places) -> Iterator[SlotFound]:
    """Every slot, once; one that moves meanwhile may be missed or come twice."""
    for folder in (places.new, places.used, places.objects, places.zombies):
        holds_object = folder == places.objects
        for entry in os.scandir(folder):
            with contextlib.suppress(FileNotFoundError):
                yield _look_at(entry.path, entry.name, holds_object=holds_object)


def viewers(places: Places) -> dict[int, list[int]]:
    """Inode -> ids of the processes that hold it shared.  Empty where the kernel does not say."""
    found: dict[int, list[int]] = defaultdict(list)
    device = os.stat(places.root).st_dev
    ours = f"{os.major(device):02x}:{os.minor(device):02x}:"
    try:
        with open("/proc/locks", encoding="ascii") as lines:
            for line in lines:
                # 12: FLOCK  ADVISORY  READ 4711 00:1c:8841 0 EOF
                words = line.split()
                if words[1] == "FLOCK" and words[3] == "READ" and words[5].startswith(ours):
                    found[int(words[5].rpartition(":")[2])].append(int(words[4]))
    except FileNotFoundError:
        pass
    return found


def holders(places: Places, count: int) -> list[Holder]:
    """The largest objects in memory."""
    pids = viewers(places)
    return [
        Holder(oid, size, path.startswith(places.zombies), tuple(pids.get(inode, ())))
        for oid, size, inode, path in _largest(_held(places), count)
    ]


def viewed(places: Places, most: int) -> list[tuple[bytes, list[int]]]:
    """Objects and zombies that somebody looks at, the largest first, and by which processes."""
    pids = viewers(places)
    held = (entry for entry in _held(places) if entry.inode() in pids) if pids else ()
    return [(oid, sorted(set(pids[inode]))) for oid, _, inode, _ in _largest(held, most)]


def _held(places: Places) -> Iterator[os.DirEntry[str]]:
    """What has an object, or had one that somebody looks at still."""
    for folder in (places.objects, places.zombies):
        yield from os.scandir(folder)


def _largest(
    entries: Iterable[os.DirEntry[str]], count: int
) -> Iterator[tuple[bytes, int, int, str]]:
    """Object, size, inode and path of the largest of these, if they are there still."""
    sizes = []
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):
            sizes.append((entry.stat().st_size, entry.inode(), entry.path))
    for size, inode, path in heapq.nlargest(count, sizes):
        with contextlib.suppress(FileNotFoundError):
            header = layout.parse(_head(path)[0])
            if header is not None:
                yield header.oid, size, inode, path


def count_viewed(places: Places) -> int:
    """How many objects and zombies somebody looks at."""
    pids = viewers(places)
    return sum(entry.inode() in pids for entry in _held(places)) if pids else 0


def _look_at(path: str, name: str, *, holds_object: bool) -> SlotFound:
    head, capacity = _head(path)
    header = layout.parse(head)
    state = layout.VOID if header is None else header.state
    if not holds_object:
        return SlotFound(layout.uid_of(name), capacity, path, state, holds_object)
    if header is None:
        raise FileNotFoundError(path)  # not one of ours; nobody can have made it
    return SlotFound(header.uid, capacity, path, state, holds_object)


def _head(path: str) -> tuple[bytes, int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.pread(fd, layout.HEADER_BYTES, 0), os.fstat(fd).st_size
    finally:
        os.close(fd)
