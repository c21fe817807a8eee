"""Which calls of an actor may begin: as many of each concurrency group as its limit says.

Pure: it is told what arrives, ends or is withdrawn, and answers what begins.  Calls of a group
begin in the order in which they arrived; groups do not wait for each other.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Letter(NamedTuple):
    """A call that arrived; `number` counts those of its group, from 1 on."""

    number: int
    group: str
    entry: bytes
    record: bytes
    inputs: bytes

    @property
    def task(self) -> bytes:
        """Its id."""
        return self.entry[:16]


@dataclass(slots=True)
class Mailbox:
    """See the module."""

    limits: Mapping[str, int]
    waiting: dict[str, deque[Letter]] = field(default_factory=dict)
    running: dict[bytes, Letter] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)  # group -> calls that run
    arrived: dict[str, int] = field(default_factory=dict)  # by group, in the order of their firsts
    closed: bool = False  # none begins any more

    def arrive(self, group: str, entry: bytes, record: bytes, inputs: bytes) -> Letter:
        """A call came; it waits for its turn."""
        number = self.arrived[group] = self.arrived.get(group, 0) + 1
        letter = Letter(number, group, entry, record, inputs)
        self.waiting.setdefault(group, deque()).append(letter)
        return letter

    def place(self, group: str) -> int:
        """The group's among those of which calls have come."""
        return list(self.arrived).index(group)

    def begin(self, group: str) -> list[Letter]:
        """The calls of the group that begin now."""
        begun: list[Letter] = []
        if self.closed:
            return begun
        queue, busy = self.waiting.get(group), self.busy.get(group, 0)
        while queue and busy < self.limits[group]:
            letter = queue.popleft()
            self.running[letter.task] = letter
            begun.append(letter)
            busy += 1
        self.busy[group] = busy
        return begun

    def end(self, letter: Letter) -> list[Letter]:
        """A call has ended; those that begin now."""
        del self.running[letter.task]
        self.busy[letter.group] -= 1
        return self.begin(letter.group)

    def withdraw(self, task: bytes) -> Letter | None:
        """Nobody wants the call; None: it does not wait (any more)."""
        for queue in self.waiting.values():
            for letter in queue:
                if letter.task == task:
                    queue.remove(letter)
                    return letter
        return None

    def close(self) -> None:
        """None begins any more; those that wait are forgotten."""
        self.closed = True
        self.waiting.clear()

    def check(self) -> None:
        """Assert what must hold between events."""
        for group, limit in self.limits.items():
            running = sum(letter.group == group for letter in self.running.values())
            assert running == self.busy.get(group, 0) <= limit
            assert self.closed or running == limit or not self.waiting.get(group), (
                "one waits for nothing"
            )
