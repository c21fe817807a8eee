"""What the world knows by itself of tasks, and what it therefore demands.

accepted = committed + reported failed; each commit once; dependants after their inputs.

What lies in a store may be lost with its node, and is made again: then its task is committed once
more, and may fail this time.  What was committed inline is never made again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hyperloom import specs
from hyperloom.gcs.codes import FAILURE
from hyperloom.ids import TASK_BYTES, object_id
from tests.simulation.stores import lies_in_a_store
from tests.simulation.workers import value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOST = FAILURE + b"lost"


@dataclass
class _Task:
    retries: int
    inputs: list[bytes]
    call: bytes
    accepted: bool = False
    cancelled: bool = False
    runs: list[int] = field(default_factory=list)  # the attempts that a worker began
    made: set[bytes] = field(default_factory=set)  # what came of them


class Books:
    """See the module."""

    def __init__(self) -> None:
        self._tasks: dict[bytes, _Task] = {}
        self._values: dict[bytes, bytes] = {}  # object -> the value that somebody was shown
        self._stored: set[bytes] = set()  # objects of which somebody was shown where they lie
        self._failed: set[bytes] = set()  # objects that somebody was shown as failed, or lost
        self.calm = True  # nothing was killed, cut or paused
        self.forgetful = False  # the server came back in an older state
        self.value_now: Callable[[bytes], bytes | None] = self._values.get  # the server's

    def submitted(self, task: bytes, retries: int, inputs: list[bytes], call: bytes) -> None:
        self._tasks[task] = _Task(retries, inputs, call)

    def accepted(self, tasks: list[bytes]) -> None:
        for task in tasks:
            self._tasks[task].accepted = True

    def cancelled(self, task: bytes) -> None:
        self._tasks[task].cancelled = True

    def ran(
        self,
        task: bytes,
        attempt: int,
        record: bytes,
        values: Sequence[bytes],
        read: Sequence[bytes | None],
    ) -> bytes:
        """A worker begins it, with these values, and reads these contents; what comes of it."""
        known, inputs = self._tasks[task], specs.inputs_of(record)
        assert inputs == known.inputs, "it is given what it asked for"
        assert record[specs.call_start(record) :] == known.call, "it is its own call, or item"
        for oid, value, content in zip(inputs, values, read, strict=True):
            if lies_in_a_store(value):
                self._stored.add(oid)
            if content is None:
                self.lost(oid)
            elif content != value:
                self.read(oid, content)
            elif not self.forgetful or self.value_now(oid) == value:
                self.told(oid, value)  # else the server has forgotten that it gave this
        assert known.retries < 0 or attempt <= known.retries + 1, "it is tried so often, not more"
        known.runs.append(attempt)
        value = value_of(task, [LOST if content is None else content for content in read])
        known.made.add(value)
        return value

    def told(self, oid: bytes, value: bytes) -> None:
        """Somebody is shown this value, or where it lies."""
        if lies_in_a_store(value):
            self._stored.add(oid)
            return
        known = self._tasks[oid[:TASK_BYTES]]
        if value[:1] == FAILURE:
            self._justified(known, oid)
            self._failed.add(oid)
        else:
            assert value in known.made, "it is what came of that task"
        before = self._values.get(oid, value)
        assert before == value or oid in self._stored, f"{oid.hex()} was committed twice"
        self._values[oid] = value

    def read(self, oid: bytes, content: bytes) -> None:
        """Somebody reads it in a store."""
        self._stored.add(oid)
        assert content in self._tasks[oid[:TASK_BYTES]].made, "it is what came of that task"
        self._values[oid] = content

    def lost(self, oid: bytes) -> None:
        """Somebody is told that it is lost for good."""
        assert not self.calm, f"{oid.hex()} is lost, and nothing had happened"
        assert oid in self._stored or self.forgetful, "it never lay in a store"
        self._failed.add(oid)
        self._values[oid] = LOST

    def _justified(self, task: _Task, oid: bytes) -> None:
        if task.cancelled or any(each in self._failed for each in task.inputs):
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
                runs = len(task.runs)
                assert runs <= 1, f"{name.hex()} ran {runs} times in peace"
                assert runs or task.cancelled or not task.accepted, f"{name.hex()} did not run"

    @staticmethod
    def output(task: bytes) -> bytes:
        return object_id(task, 0)  # type: ignore[arg-type]
