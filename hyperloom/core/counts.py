"""How many refs this process has to each object.

The rule: the control plane hears only of the first and the last.  An object that this
process made starts with one ref and no entry here; an entry appears with the second ref, or
with the first ref to an object that somebody else made.

Everything is called with the session's lock held; what ``__del__`` does is elsewhere.
"""

from __future__ import annotations


class RefCounts:
    """Local counts; no locks, no I/O."""

    __slots__ = ("_borrowed", "_count", "_pinned")

    def __init__(self) -> None:
        self._count: dict[bytes, int] = {}  # only where it is not the plain one
        self._borrowed: set[bytes] = set()
        self._pinned: set[bytes] = set()

    def adopt(self, oid: bytes, *, known: bool) -> bool:
        """One ref more.  True: the control plane must hear that we hold it.

        `known`: this process holds it already (it made it, or adopted it before).
        """
        if not known:
            self._borrowed.add(oid)
            self._count[oid] = 1
            return True
        self._count[oid] = self._count.get(oid, 1) + 1
        return False

    def drop(self, oid: bytes) -> bool:
        """One ref less.  True: it was the last."""
        if oid in self._count:
            left = self._count[oid] - 1
            if left:
                self._count[oid] = left
                return False
            del self._count[oid]
        return oid not in self._pinned

    def forget(self, oid: bytes) -> bool:
        """It is released.  True: this process had made it; False: it had borrowed it."""
        if oid in self._borrowed:
            self._borrowed.remove(oid)
            return False
        return True

    def pin(self, oid: bytes) -> None:
        """Keep it for the rest of the session: its id left in a way that nobody counts."""
        self._pinned.add(oid)
