"""The folder of a node's store: what lies where.

::

    <root>/            0700, for example /dev/shm/loom-1000-4f1c-9a2e
      alive            every process of the store holds flock SH; the reaper waits for EX
      reaper           held by the one reaper
      agent.sock       the keeper listens here; only cold paths go through it
      p/<p>            liveness of process number p: flock EX as long as it lives
      o/<oid hex>      sealed objects: the object table
      n/<p>-<k>        brand-new slots in their first build; never scanned for room
      b/<p>-<k>        used slots of p: EX held = being rebuilt, no lock = idle, the keeper may
                       reclaim them
      z/<p>-<k>        zombies: freed, the last view is not gone yet
      s -> <spill>     where objects go when memory is full: <oid hex>; while being written
                       <oid hex>.keeper.tmp or <oid hex>.<p>.<unique>.tmp
                       <spill>/root -> <root> tells the sweeper whose it is

Rule: names of a file change only under a lock of that file (see `teardown`).
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH100, PTH103, PTH108, PTH115, PTH211

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from hyperloom import errors
from hyperloom.objectstore import layout

if TYPE_CHECKING:
    from pathlib import Path

_FOLDERS: Final = ("p", "o", "n", "b", "z")
# Room in a unix socket's address; some systems have 104.
_SOCKET_PATH_MAX: Final = 100


class Places:
    """Names in one store's folder.  Strings, because they are made on every put and get."""

    def __init__(self, root: str | Path) -> None:
        self.root = os.fspath(root)
        self.objects = f"{self.root}/o/"
        self.new = f"{self.root}/n/"
        self.used = f"{self.root}/b/"
        self.zombies = f"{self.root}/z/"
        self.processes = f"{self.root}/p/"
        self.spill = f"{self.root}/s/"
        self.alive = f"{self.root}/alive"
        self.socket = f"{self.root}/agent.sock"

    def sealed(self, oid: bytes) -> str:
        """Where the object is while it is in memory."""
        return self.objects + oid.hex()

    def spilled(self, oid: bytes) -> str:
        """Where the object is while it is on disk."""
        return self.spill + oid.hex()

    def slot(self, uid: int) -> str:
        """Where a used slot waits for its next object."""
        return self.used + layout.slot_name(uid)

    def zombie(self, uid: int) -> str:
        """Where a freed slot waits for its last view to go."""
        return self.zombies + layout.slot_name(uid)

    def create(self, spill: Path) -> None:
        """Make all folders, private to this user.

        Raises:
            LoomError: the folder exists and is somebody else's.
        """
        for folder in (self.root, *(f"{self.root}/{name}" for name in _FOLDERS)):
            _make_private(folder)
        spill.mkdir(mode=0o700, parents=True, exist_ok=True)
        _point(f"{self.root}/s", os.fspath(spill.absolute()))
        _point(os.fspath(spill / "root"), os.path.abspath(self.root))


def socket_address(path: str) -> tuple[str, int | None]:
    """An address for `path` that fits in a socket's, and a descriptor to close after its use."""
    if len(os.fsencode(path)) <= _SOCKET_PATH_MAX:
        return path, None
    folder, name = os.path.split(path)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    return f"/proc/self/fd/{fd}/{name}", fd


def _make_private(folder: str) -> None:
    try:
        os.makedirs(folder, mode=0o700)
    except FileExistsError:
        found = os.lstat(folder)
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if not ours or stat.S_IMODE(found.st_mode) & 0o077:
            raise errors.LoomError(
                f"the folder {folder} exists and is not private to this user; another user "
                "may have made it. The store was not started and nothing was changed. "
                "Remove the folder, or start the node with another session name."
            ) from None


def _point(link: str, target: str) -> None:
    try:
        if os.readlink(link) == target:
            return
        os.unlink(link)
    except FileNotFoundError:
        pass
    os.symlink(target, link)
