"""The keeper's rare tasks: entering a folder, taking over, burying a process, removing all."""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH119, PTH208

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING, Final

from hyperloom import errors
from hyperloom.objectstore import census, kernel, layout, reaper, teardown

if TYPE_CHECKING:
    from pathlib import Path

    from hyperloom.objectstore.ledger import Ledger
    from hyperloom.objectstore.places import Places
    from hyperloom.objectstore.room import Room

_ENTER_WITHIN_S: Final = 10.0


def enter(places: Places, spill: Path) -> int:
    """Make the folder and hold it: a descriptor whose lock keeps the reaper waiting.

    Raises:
        LoomError: it is somebody else's, or its removal takes too long.
    """
    give_up = time.monotonic() + _ENTER_WITHIN_S
    while time.monotonic() < give_up:
        with contextlib.suppress(FileNotFoundError):
            places.create(spill)
            fd = os.open(places.alive, os.O_RDWR | os.O_CREAT, 0o600)
            if kernel.lock_now(fd, fcntl.LOCK_SH) and kernel.same_file(fd, places.alive):
                return fd
            os.close(fd)
        # The reaper of a previous session is removing the folder; it takes a moment.
        time.sleep(0.01)
    raise errors.LoomError(
        f"the folder {places.root} is being removed by the reaper of an earlier session, for "
        f"more than {_ENTER_WITHIN_S:.0f} s now; the store was not started. Try again, or start "
        "the node with another session name."
    )


def recover(places: Places, ledger: Ledger, room: Room) -> int:
    """Read the folder into the books; the next process number to give out."""
    highest = max(census.processes(places), default=0)
    for slot in census.slots(places):
        ledger.adopt(slot.uid, slot.capacity)
        # Numbers name slots: none is given out again while a slot of it lives.
        highest = max(highest, slot.uid >> 32)
        if slot.holds_object and slot.state == layout.SEALED:
            # A keeper died between the two names of a spill.  The copies are alike.
            kernel.unlink_if_there(places.spill + os.path.basename(slot.path))
    scrub(places, room)
    _unlink_temporaries(places, "keeper")
    return highest + 1


def adopt(places: Places, ledger: Ledger, process: int) -> None:
    """Book the slots of a process that another keeper has granted."""
    for slot in census.slots(places):
        if slot.uid >> 32 == process:
            ledger.adopt(slot.uid, slot.capacity)


def bury(places: Places, ledger: Ledger, room: Room, process: int) -> None:
    """End what a dead process left.  Done again by the next tick if something is still held."""
    _reclaim_of(places.new, room, process)
    _reclaim_of(places.used, room, process)
    _unlink_temporaries(places, str(process))
    left = {}
    held = False
    for slot in census.slots(places):
        if slot.uid >> 32 == process:
            left[slot.uid] = slot.capacity
            held = held or not slot.path.startswith((places.objects, places.zombies))
    for uid, capacity in left.items():
        ledger.adopt(uid, capacity)
    ledger.strike(uid for uid in ledger.of(process) if uid not in left)
    if not held:
        kernel.unlink_if_there(f"{places.processes}{process}")


def reclaim_ownerless(places: Places, room: Room, known: set[int]) -> None:
    """Idle slots of processes that were buried: somebody freed their objects since."""
    for folder in (places.used, places.new):
        for name in os.listdir(folder):
            if layout.uid_of(name) >> 32 not in known:
                room.reclaim(folder + name)


def scrub(places: Places, room: Room) -> None:
    """End what somebody who died while freeing left among the objects."""
    for slot in list(census.slots(places)):
        if slot.holds_object and slot.state != layout.SEALED:
            room.tear_down(slot.path)


def count_spilled(spill: Path) -> tuple[int, int]:
    """Objects on disk, and their bytes."""
    count = size = 0
    for entry in os.scandir(spill):
        if reaper.is_spill_file(entry.name) and not entry.name.endswith(".tmp"):
            with contextlib.suppress(FileNotFoundError):
                size += entry.stat().st_size
                count += 1
    return count, size


def remove(places: Places) -> None:
    """Unlink everything, on disk too; memory nobody looks at is given back at once."""
    for folder in (places.objects, places.used, places.new, places.zombies):
        for entry in os.scandir(folder):
            # Unlinking alone would leave the pages to whoever has the file mapped for reuse.
            teardown.reclaim(entry.path)
    reaper.remove_store(places.root)


def _reclaim_of(folder: str, room: Room, process: int) -> None:
    for name in os.listdir(folder):
        if layout.uid_of(name) >> 32 == process:
            room.reclaim(folder + name)


def _unlink_temporaries(places: Places, owner: str) -> None:
    for name in os.listdir(places.spill):
        if name.endswith(".tmp") and name.split(".")[1] == owner:
            kernel.unlink_if_there(places.spill + name)
