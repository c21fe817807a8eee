"""What the world knows by itself of tasks, and what it therefore demands.

accepted = committed + reported failed; each commit once; dependants after their inputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hyperloom.ids import TASK_BYTES, object_id
from tests.simulation.node import value_of

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class _Task:
    retries: int
    inputs: list[bytes]
    accepted: bool = False
    cancelled: bool = False
    runs: list[int] = field(default_factory=list)  # the attempts that a worker began


class Books:
    """See the module."""

    def __init__(self) -> None:
        self._tasks: dict[bytes, _Task] = {}
        self._values: dict[bytes, bytes] = {}  # object -> the value that somebody was shown
        self.calm = True  # nothing was killed, cut or paused
        self.forgetful = False  # the server came back in an older state
        self.value_now: Callable[[bytes], bytes | None] = self._values.get  # the server's

    def submitted(self, task: bytes, retries: int, inputs: list[bytes]) -> None:
        self._tasks[task] = _Task(retries, inputs)

    def accepted(self, tasks: list[bytes]) -> None:
        for task in tasks:
            self._tasks[task].accepted = True

    def cancelled(self, task: bytes) -> None:
        self._tasks[task].cancelled = True

    def ran(self, task: bytes, attempt: int, inputs: list[bytes], values: list[bytes]) -> None:
        """A worker begins it."""
        known = self._tasks[task]
        assert inputs == known.inputs, "it is given what it asked for"
        for oid, value in zip(inputs, values, strict=True):
            if not self.forgetful or self.value_now(oid) == value:
                self.told(oid, value)  # else the server has forgotten that it gave this
        assert known.retries < 0 or attempt <= known.retries + 1, "it is tried so often, not more"
        known.runs.append(attempt)

    def told(self, oid: bytes, value: bytes) -> None:
        """Somebody is shown this value."""
        assert self._values.setdefault(oid, value) == value, f"{oid.hex()} was committed twice"
        task = oid[:TASK_BYTES]
        known = self._tasks[task]
        if value[:1] == b"4":
            self._justified(known, oid)
        else:
            assert known.runs, "somebody ran it"
            if self.forgetful and not self._values.keys() >= set(known.inputs):
                return  # what it was given was told in a past that is forgotten
            inputs = [self._values[each] for each in known.inputs]
            assert value == value_of(task, inputs), "it is the value of that task"

    def _justified(self, task: _Task, oid: bytes) -> None:
        if task.cancelled or any(self._values.get(i, b"")[:1] == b"4" for i in task.inputs):
            return
        assert not self.calm, f"{oid.hex()} failed, and nothing had happened"
        assert task.retries >= 0, f"{oid.hex()} is retried without end, and failed"

    def copied(self) -> dict[bytes, bytes]:
        """What was told so far."""
        return dict(self._values)

    def rolled_back(self, told_then: dict[bytes, bytes], known: dict[bytes, bytes]) -> None:
        """It is where it was when this was told and known; what came since counts no more."""
        self.calm, self.forgetful = False, True
        still = {oid: v for oid, v in self._values.items() if known.get(oid) == v}
        self._values = told_then | still

    def check_end(self, held: list[bytes]) -> None:
        """All is over: what is held has a value, and in a calm world nothing was done twice."""
        for oid in held:
            assert oid in self._values, f"{oid.hex()} was accepted, and nothing came of it"
        if self.calm:
            for name, task in self._tasks.items():
                assert len(task.runs) <= 1, f"{name.hex()} ran {len(task.runs)} times in peace"

    @property
    def unaccepted(self) -> list[bytes]:
        return [name for name, task in self._tasks.items() if not task.accepted]

    @staticmethod
    def output(task: bytes) -> bytes:
        return object_id(task, 0)  # type: ignore[arg-type]
