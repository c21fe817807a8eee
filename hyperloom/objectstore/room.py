"""Making room: what the keeper gives up when the node's memory is booked out.

In this order: idle slots (cost nothing but the warmth), zombies whose last view is gone, then
objects nobody looks at, the longest unused first, which go to disk.  Never an object somebody
looks at, and never one half: a reader finds it in memory or on disk at every moment.
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH104, PTH108, PTH119, PTH208

from __future__ import annotations

import contextlib
import errno
import fcntl
import heapq
import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from hyperloom import failpoints
from hyperloom.objectstore import kernel, layout, teardown

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.objectstore.ledger import Ledger
    from hyperloom.objectstore.places import Places

_log = logging.getLogger(__name__)

# When objects must go to disk, a little more than asked for, so that the next put need not
# look through all objects again.
_SPILL_AHEAD: Final = 20  # a twentieth of the capacity
# Warm slots are worth their memory while they are used; afterwards others may want it.
_IDLE_MAX_AGE_S: Final = 30.0
_IDLE_FLOOR: Final = 8  # an eighth of the capacity may stay idle for ever


class Room:
    """The keeper's hand on the files of a full store.  For one thread."""

    def __init__(self, places: Places, ledger: Ledger, keeps: Callable[[int], bool]) -> None:
        self._places = places
        self._ledger = ledger
        self._keeps = keeps  # may this process have its slots back?

    def make(self, need_bytes: int) -> None:
        """Try to have `need_bytes` unbooked."""
        target = self._ledger.capacity_bytes - need_bytes
        if target < 0:
            return
        for name in os.listdir(self._places.used):
            if self._ledger.used_bytes <= target:
                return
            self.reclaim(self._places.used + name)
        self.sweep_zombies(lambda _process: False)
        if self._ledger.used_bytes > target:
            self._spill_down_to(target)

    def reclaim(self, path: str) -> None:
        """End an idle slot, if it is idle."""
        if teardown.reclaim(path):
            self._ledger.strike([layout.uid_of(os.path.basename(path))])

    def sweep_zombies(self, keeps: Callable[[int], bool] | None = None) -> int:
        """End those whose last view is gone; how many there were."""
        names = os.listdir(self._places.zombies)
        for name in names:
            self.tear_down(self._places.zombies + name, keeps)
        return len(names)

    def tear_down(self, path: str, keeps: Callable[[int], bool] | None = None) -> teardown.End:
        """End a file and keep the books."""
        torn = teardown.tear_down(self._places, path, keeps or self._keeps)
        if torn.end is teardown.End.UNLINKED:
            self._ledger.strike([torn.uid])
        return torn.end

    def idle_bytes(self) -> int:
        """Of slots that hold nothing and wait for the next object."""
        return sum(size for _, size, _ in self._idle())

    def _idle(self) -> list[tuple[float, int, str]]:
        """Since when, how large and where they are; the oldest first."""
        idle = []
        for entry in os.scandir(self._places.used):
            with contextlib.suppress(FileNotFoundError):
                status = entry.stat()
                idle.append((status.st_mtime, status.st_size, entry.path))
        return sorted(idle)

    def trim_idle(self) -> None:
        """Give back what has been idle for long, down to a floor."""
        idle = self._idle()
        left = sum(size for _, size, _ in idle)
        floor = self._ledger.capacity_bytes // _IDLE_FLOOR
        old = time.time() - _IDLE_MAX_AGE_S  # st_mtime is wall time
        for changed, size, path in idle:
            if left <= floor or changed > old:
                return
            self.reclaim(path)
            left -= size

    def _spill_down_to(self, target: int) -> None:
        target = max(0, target - self._ledger.capacity_bytes // _SPILL_AHEAD)
        oldest = []
        for entry in os.scandir(self._places.objects):
            with contextlib.suppress(FileNotFoundError):
                oldest.append((entry.stat().st_mtime_ns, entry.name))
        heapq.heapify(oldest)
        while oldest and self._ledger.used_bytes > target:
            name = heapq.heappop(oldest)[1]
            try:
                self.spill(name)
            except OSError as error:
                if error.errno not in kernel.NO_ROOM:
                    raise
                _log.warning(
                    "object %s stays in memory: the spill folder %s has no room (%s)",
                    name, os.path.realpath(self._places.spill), error.strerror,
                )  # fmt: skip
                return

    def spill(self, name: str) -> None:
        """Move one object to disk, unless somebody looks at it.

        Raises:
            OSError: the disk has no room; the object stays where it is.
        """
        try:
            fd = os.open(self._places.objects + name, os.O_RDWR)
        except FileNotFoundError:
            return
        temporary = f"{self._places.spill}{name}.keeper.tmp"
        try:
            # EX first: pinned objects are not even copied.  Then SH: readers go on meanwhile.
            if kernel.lock_now(fd, fcntl.LOCK_EX) and kernel.lock_now(fd, fcntl.LOCK_SH):
                head = os.pread(fd, layout.HEADER_BYTES, 0)
                header = layout.parse(head)
                if header is not None and layout.is_sealed(
                    head, layout.padded(bytes.fromhex(name))
                ):
                    _copy_file(fd, temporary, header.total)
                    if failpoints.ON:
                        failpoints.hit("spill.copied")
                    self._publish(fd, name, temporary, head)
        finally:
            kernel.unlink_if_there(temporary)
            os.close(fd)

    def _publish(self, fd: int, name: str, temporary: str, head: bytes) -> None:
        """Make the copy visible, then end the original.

        1. The change from SH to EX is not atomic: somebody may have freed the object, and its
           producer may have built another in the same file, between the two.  So its header
           must still be the one we copied.
        2. Between the rename and the unlink there are two copies, alike.
        """
        if not kernel.lock_now(fd, fcntl.LOCK_EX):
            return  # somebody began to look at it
        if os.pread(fd, layout.HEADER_BYTES, 0) != head:
            return
        os.rename(temporary, self._places.spill + name)
        if failpoints.ON:
            failpoints.hit("spill.published")
        os.pwrite(fd, layout.PATCH_VOID, layout.STATE_AT)
        kernel.punch(fd)
        os.unlink(self._places.objects + name)
        header = layout.parse(head)
        assert header is not None, "it was sealed"
        self._ledger.strike([header.uid])


def _copy_file(source: int, path: str, total: int) -> None:
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        done = 0
        while done < total:
            if sys.platform == "linux":
                count = os.sendfile(target, source, done, min(total - done, 1 << 30))
            else:  # sends to sockets only
                count = os.write(target, os.pread(source, min(total - done, 1 << 20), done))
            if count == 0:
                raise OSError(errno.EIO, "a file in memory is shorter than its header says", path)
            done += count
    finally:
        os.close(target)
