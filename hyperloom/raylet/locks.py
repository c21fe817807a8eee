"""Locks by which the processes of a session tell that they live.

The kernel drops a lock when the last descriptor of its holder closes, however that ends; so
nothing is ever left to be cleaned up, and no pid can be mistaken for another's.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SESSION = "lock"  # in a session's folder: shared by all its processes
SUPERVISOR = "supervisor"  # likewise: held by its supervisor alone


def share(file: Path) -> int:
    """Hold it with others; the descriptor is the lock."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)  # at most, somebody just looks whether it is held
    return descriptor


def take(file: Path) -> int | None:
    """Hold it alone; None when somebody else does."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def protect(folder: Path) -> None:
    """Keep systemd from tidying up in it while we live: it leaves alone what somebody locked."""
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_SH)


def is_held(file: Path) -> bool:
    """Whether anybody holds it."""
    if not file.exists():
        return False
    descriptor = take(file)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None
