"""How many descriptors the store may use, and which.

A pin is a descriptor, and so is every slot that a producer keeps.  The rule: we never use up
what the program around us needs.  Above a part of the limit the store copies instead of
pinning and forgets slots instead of keeping them; and it leaves the low numbers to code that
still calls `select`, which knows none above 1023.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
from typing import Final

_WANTED: Final = 65536  # more only makes programs slow that close "all" descriptors one by one
_LOW: Final = 256  # of ours below this number none is moved: few, and moving costs 2 us
_ABOVE_SELECT: Final = 1024


class Descriptors:
    """The limit of this process, as it was when asked."""

    def __init__(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                soft = wanted
        limit = wanted if soft == resource.RLIM_INFINITY else soft
        self._move = limit >= 4 * _ABOVE_SELECT
        # Numbers are given out lowest first: a number tells how many are in use.
        self.pins_below = limit * 8 // 10
        self.slots_at_most = limit // 4

    def settle(self, fd: int) -> int:
        """The descriptor, moved out of the way of others when there are many."""
        if fd < _LOW or fd >= _ABOVE_SELECT or not self._move:
            return fd
        try:
            moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _ABOVE_SELECT)
        except OSError:
            return fd
        os.close(fd)
        return moved
