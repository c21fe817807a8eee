"""How a file of the store ends: idle, zombie, or gone.

Rules, kept by everybody who renames or unlinks in the folder:

1. Names of a file change only under a lock of that file.  EX may do anything; SH may only
   turn SEALED into ZOMBIE and move ``o/`` to ``z/``.
2. After open and lock, look again whether the name still means the locked file.
3. Nobody waits for another process: every lock is asked for once, and asked again later.

So one may die between any two lines here, and what is left is a state of `places` that the
keeper's sweep, the producer's next claim or the next put of the same id puts right.
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH104, PTH108

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from hyperloom.objectstore import kernel, layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.objectstore.places import Places

# EX is held for microseconds; only a stopped process holds it longer.
_TRIES = 50
RETRY_S = 0.0002


class End(enum.Enum):
    """What became of the file."""

    IDLE = enum.auto()  # waits in b/ for its producer's next object
    ZOMBIE = enum.auto()  # somebody looks at it; the keeper ends it later
    UNLINKED = enum.auto()  # pages and name are gone; tell the ledger
    GONE = enum.auto()  # there was no such file
    BUSY = enum.auto()  # somebody has been ending it for 10 ms: stopped half way; try again later


class Torn(NamedTuple):
    """The end of one file."""

    end: End
    uid: int = 0


def always_keep(_process: int) -> bool:
    """A client's choice: the producer, or else the keeper, will find the idle slot."""
    return True


def free(places: Places, oid: bytes, keep: Callable[[int], bool]) -> Torn:
    """End an object wherever it is; views of it stay valid."""
    torn = tear_down(places, places.sealed(oid), keep)
    # Memory first: the spiller publishes its copy before it lets go of the original, so
    # whoever no longer finds the original finds the copy here.
    kernel.unlink_if_there(places.spilled(oid))
    return torn


def tear_down(places: Places, path: str, keep: Callable[[int], bool]) -> Torn:
    """End one file.  `keep` says of a process whether it may get its slot back."""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(RETRY_S)  # the holder of the lock gives no sign when it is done
        try:
            fd = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return Torn(End.GONE)
        try:
            torn = _tear_down_open(places, fd, path, keep)
        finally:
            os.close(fd)
        if torn is not None:
            return torn
    return Torn(End.BUSY)


def _tear_down_open(places: Places, fd: int, path: str, keep: Callable[[int], bool]) -> Torn | None:
    """None: somebody else holds it, or it changed its name; look again."""
    alone = kernel.lock_now(fd, fcntl.LOCK_EX)
    if not alone and not kernel.lock_now(fd, fcntl.LOCK_SH):
        return None
    try:
        if not kernel.same_file(fd, path):
            return None
        header = layout.parse(os.pread(fd, layout.HEADER_BYTES, 0))
        if header is None:
            return Torn(End.GONE)
        if not alone:
            return _make_zombie(places, fd, path, header.uid)
        os.pwrite(fd, layout.PATCH_VOID, layout.STATE_AT)
        if keep(header.uid >> 32):
            os.rename(path, places.slot(header.uid))
            return Torn(End.IDLE, header.uid)
        kernel.punch(fd)
        os.unlink(path)
        return Torn(End.UNLINKED, header.uid)
    finally:
        kernel.unlock(fd)


def _make_zombie(places: Places, fd: int, path: str, uid: int) -> Torn:
    if not path.startswith(places.zombies):
        os.pwrite(fd, layout.PATCH_ZOMBIE, layout.STATE_AT)
        # SH is not exclusive: another one may have moved it a moment ago.
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, places.zombie(uid))
    return Torn(End.ZOMBIE, uid)


def reclaim(path: str) -> bool:
    """Unlink an idle slot and give its pages back; False when somebody uses it or took it."""
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if not kernel.lock_now(fd, fcntl.LOCK_EX) or not kernel.same_file(fd, path):
            return False
        kernel.punch(fd)
        os.unlink(path)
    finally:
        os.close(fd)
    return True
