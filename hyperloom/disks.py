"""Which folders lie on a disk, and which in memory: what is meant to save memory must know.

The rule: a folder counts as in memory only if the system says so; where it says nothing, we
believe in the disk.
"""

from __future__ import annotations

import os
from pathlib import Path

# Temporary, but kept over a restart of the machine: on a disk wherever there is one.
PERSISTENT_TEMPORARY = Path("/var/tmp")  # noqa: S108 - what we make there is private

_IN_MEMORY = {"tmpfs", "ramfs"}
_MOUNTS = Path("/proc/self/mountinfo")


def in_memory(folder: Path) -> bool:
    """Whether it lies, or would lie, in the machine's memory (on a tmpfs)."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        device = folder.stat().st_dev
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return False
    number = f"{os.major(device)}:{os.minor(device)}"
    # id, parent, device, root, place, options, any number of others, "-", kind, ...
    mounts = [line.split() for line in lines]
    return any(m[2] == number and m[m.index("-") + 1] in _IN_MEMORY for m in mounts)
