"""Which workers use no CPU, since their tasks wait for something: a file, an answer, a while."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

_SLEEPS = frozenset((psutil.STATUS_SLEEPING, psutil.STATUS_DISK_SLEEP, psutil.STATUS_IDLE))


def asleep(pids: Mapping[int, int]) -> frozenset[int]:
    """Those of the workers (number -> process id) whose main thread sleeps now."""
    found = set()
    for number, pid in pids.items():
        with suppress(psutil.Error):  # it is gone
            if psutil.Process(pid).status() in _SLEEPS:
                found.add(number)
    return frozenset(found)
