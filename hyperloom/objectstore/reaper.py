"""The end of everything: removes a store's folder when the last of its processes is gone.

A tiny process, started by the keeper and adopted by init.  It waits in the kernel for an
exclusive lock on ``alive``, which every process of the store holds shared: it gets it when all
are gone, however they went, and costs no time until then.  If it is killed too, the next
start on the machine sweeps (`sweep_stale`).

This file is also run by itself, before any site-packages: it may import nothing of ours.
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH104, PTH106, PTH108, PTH116, PTH208

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

_SPILL_FILE: Final = re.compile(r"[0-9a-f]{2,56}(\.(keeper|\d+\.[0-9-]+)\.tmp)?")
_REMOVED: Final = ".removed-"
# A folder without `alive` is being made, or was left by a crash in its making.
_MAKING_MAX_S: Final = 60.0


def start(root: str) -> subprocess.Popen[bytes]:
    """Have the folder removed when nobody lives; harmless when somebody sees to it already.

    Call it while holding the lock on ``alive``.  What is handed back ends within 20 ms, and
    wants to be waited for; the reaper itself is nobody's child.
    """
    # Isolated and without site: 8 MB, and no code of the user's in it.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, root],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )


def sweep_stale(parent: str | Path) -> list[Path]:
    """Remove folders of this user's sessions that nobody holds; which ones.

    Give it the parents of spill folders too.
    """
    removed = []
    for folder in sorted(Path(parent).glob(f"loom-{os.getuid()}-*")):
        with contextlib.suppress(OSError):  # somebody else may be sweeping
            if folder.is_symlink() or folder.lstat().st_uid != os.getuid():
                continue
            if _is_stale_spill(folder):
                _remove_spill(str(folder))
                removed.append(folder)
            elif _is_stale(folder):
                remove_store(str(folder))
                removed.append(folder)
    return removed


def remove_store(root: str) -> None:
    """Unlink a store's folder and its spill files."""
    spill = os.path.realpath(f"{root}/s")
    # Aside first, in one step: a keeper that starts now makes a new folder instead of
    # moving into one that is being emptied.
    aside = root if _REMOVED in root else f"{root}{_REMOVED}{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        if aside != root:
            os.rename(root, aside)
        _remove_spill(spill)
        shutil.rmtree(aside)


def is_spill_file(name: str) -> bool:
    """Is this the name of an object on disk, finished or not?"""
    return _SPILL_FILE.fullmatch(name) is not None


def _remove_spill(folder: str) -> None:
    """Remove what is ours in the folder, and the folder if nothing else is in it."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(folder):
            if is_spill_file(name) or name == "root":
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{folder}/{name}")
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def _is_stale_spill(folder: Path) -> bool:
    """A spill folder whose store is gone, for example with the machine's last boot."""
    mark = folder / "root"
    return mark.is_symlink() and not mark.exists()


def _is_stale(folder: Path) -> bool:
    if (folder / "root").is_symlink():
        return False
    try:
        fd = os.open(folder / "alive", os.O_RDONLY)
    except FileNotFoundError:
        made_long_ago = time.time() - folder.lstat().st_mtime > _MAKING_MAX_S
        return _REMOVED in folder.name or made_long_ago
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def _main(root: str) -> None:
    alive = os.open(f"{root}/alive", os.O_RDONLY)
    if os.fork():
        os._exit(0)  # the starter holds `alive` until we are on our own
    os.setsid()  # out of reach of the terminal's Ctrl-C
    only_one = os.open(f"{root}/reaper", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(only_one, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    fcntl.flock(alive, fcntl.LOCK_EX)  # waits for the last of them
    if _is_at(alive, f"{root}/alive"):
        remove_store(root)


def _is_at(fd: int, path: str) -> bool:
    """Has it not been removed, and perhaps been made again by another session?"""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    _main(sys.argv[1])
