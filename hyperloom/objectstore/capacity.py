"""Where a node's objects live and how much memory they may take."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

from hyperloom.objectstore.layout import size_text

SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the store makes a private folder in it
_RAM_PERCENT: Final = 30
_FREE_PERCENT: Final = 90  # of the file system: others use it too
# Below this a store in memory is no use: containers often have 64 MB.
_TINY_BYTES: Final = 256 << 20


def default_capacity(
    requested: int | None, memory: Path = SHARED_MEMORY
) -> tuple[Path, int, str | None]:
    """The folder to put the store's folder in, its capacity in bytes, and a warning or None.

    `memory` is where it should be: a folder on a tmpfs.
    """
    wanted = requested or _memory_bytes() * _RAM_PERCENT // 100
    free = _free_bytes(memory) * _FREE_PERCENT // 100
    if free >= wanted:
        return memory, wanted, None
    if free >= _TINY_BYTES:
        if requested is None:
            return memory, free, None
        return memory, free, (
            f"the object store gets {size_text(free)} instead of the {size_text(requested)} asked "
            f"for: {memory} has no more room. Objects beyond that go to disk."
        )  # fmt: skip
    folder = Path(tempfile.gettempdir())
    capacity = min(wanted, _free_bytes(folder) * _FREE_PERCENT // 100)
    return folder, capacity, (
        f"{memory} has room for {size_text(free)} only, so the object store lives in "
        f"{folder}, with {size_text(capacity)}; large objects will be slow. In a container, "
        "give it more shared memory (docker run --shm-size=2g)."
    )  # fmt: skip


def _memory_bytes() -> int:
    """The machine's memory, or what our control group may use of it."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # absent, or "max"
            total = min(total, int(Path(limit).read_text(encoding="ascii")))
    return total


def _free_bytes(folder: Path) -> int:
    """Room in the file system for an ordinary user; 0 where there is no such folder."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return 0
    return status.f_bavail * status.f_frsize if os.access(folder, os.W_OK | os.X_OK) else 0
