"""How many bytes of memory every slot of the node may use: the keeper's books.

A slot is booked before its file is made and struck out after it is unlinked, in whatever
state it is in between.  So the sum is never less than what lies in memory, and needs no word
from anybody while slots are used again.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Ledger:
    """Capacity by slot.  Thread-safe: the raylet frees while the keeper's thread reserves."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self._lock = threading.Lock()
        self._slots: dict[int, int] = {}  # slot uid -> bytes
        self._used_bytes = 0

    @property
    def used_bytes(self) -> int:
        """What is booked."""
        return self._used_bytes

    def book(self, uids: Iterable[int], capacity: int) -> bool:
        """Book new slots, all or none."""
        with self._lock:
            # Asked for again when an answer was lost: booked once.
            uids = [uid for uid in uids if uid not in self._slots]
            if self._used_bytes + len(uids) * capacity > self.capacity_bytes:
                return False
            self._slots.update(dict.fromkeys(uids, capacity))
            self._used_bytes += len(uids) * capacity
            return True

    def adopt(self, uid: int, capacity: int) -> None:
        """Book a slot that exists, even beyond the capacity; once is enough."""
        with self._lock:
            if uid not in self._slots:
                self._slots[uid] = capacity
                self._used_bytes += capacity

    def strike(self, uids: Iterable[int]) -> None:
        """These are unlinked."""
        with self._lock:
            for uid in uids:
                self._used_bytes -= self._slots.pop(uid, 0)

    def of(self, process: int) -> list[int]:
        """The slots of one process."""
        with self._lock:
            return [uid for uid in self._slots if uid >> 32 == process]
