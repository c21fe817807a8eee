"""What the world knows by itself of tasks, and what it therefore demands.

accepted = committed + reported failed; each commit once; dependants after their inputs.

What lies in a store may be lost with its node, and is made again: then its task is committed once
more, and may fail this time.  What was committed inline is never made again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hyperloom import specs
from hyperloom.gcs.codes import FAILURE, PROCESS_ID
from hyperloom.ids import JOB_BYTES, TASK_BYTES, index_of, object_id
from tests.simulation.stores import lies_in_a_store
from tests.simulation.streams import STALE
from tests.simulation.workers import value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOST = FAILURE + b"lost"
_END = 1 << 30  # as the place of a stream's end among its items


@dataclass
class _Task:
    retries: int
    inputs: list[bytes]
    call: bytes
    accepted: bool = False
    cancelled: bool = False
    runs: list[int] = field(default_factory=list)  # the attempts that a worker began
    made: set[bytes] = field(default_factory=set)  # what came of them
    actor: bytes = b""  # of a call
    place: int = 0  # of a call, among all: so also among those of its caller
    may_end: bool = False  # of an actor: somebody wanted that
    heard: int = 0  # of a stream: the last item that a message told of
    kept: frozenset[bytes] | None = None  # of a call that was reported: what its actor had kept
    answered: set[bytes] = field(default_factory=set)  # of an actor: what has to be in its state
    last: dict[tuple[int, bytes], int] = field(default_factory=dict)  # incarnation, caller -> place


class Books:
    """See the module."""

    def __init__(self) -> None:
        self._tasks: dict[bytes, _Task] = {}
        self._values: dict[bytes, bytes] = {}  # object -> the value that somebody was shown
        self._stored: set[bytes] = set()  # objects of which somebody was shown where they lie
        self._failed: set[bytes] = set()  # objects that somebody was shown as failed, or lost
        self.killed: set[bytes] = set()  # processes; what they had said of a plan may be cancelled
        self.named: dict[bytes, bytes] = {}  # the actors that were found by these names last
        self.detached: set[bytes] = set()  # actors that need nobody
        self.calm = True  # nothing was killed, cut or paused
        self.drained = False  # a node was: actors moved
        self.forgetful = False  # the server came back in an older state
        self.value_now: Callable[[bytes], bytes | None] = self._values.get  # the server's

    def submitted(
        self, task: bytes, retries: int, inputs: list[bytes], call: bytes, actor: bytes = b""
    ) -> None:
        self._tasks[task] = _Task(retries, inputs, call, actor=actor, place=len(self._tasks))

    def accepted(self, tasks: list[bytes]) -> None:
        for task in tasks:
            self._tasks[task].accepted = True

    def cancelled(self, task: bytes) -> None:
        self._tasks[task].cancelled = True

    def may_end(self, actor: bytes) -> None:
        """Somebody killed it, or let go of it, or it wants to end by itself."""
        if actor:
            self._tasks[actor].may_end = True

    def ran(  # noqa: PLR0913, PLR0917
        self,
        task: bytes,
        attempt: int,
        record: bytes,
        values: Sequence[bytes],
        read: Sequence[bytes | None],
        incarnation: int = 0,
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
        moved = self.drained and known.call == b"make"  # which uses up no restart
        enough = known.retries < 0 or attempt <= known.retries + 1 or moved
        assert enough, f"{task.hex()} is tried for the {attempt}th time"
        if known.actor:
            self._in_order(known, task, incarnation)
        known.runs.append(attempt)
        value = value_of(task, [LOST if content is None else content for content in read])
        known.made.add(value)
        return value

    def yields(self, item: bytes, end: bytes) -> bytes:
        """A worker makes this item of a stream, whose end will be that."""
        value = value_of(item, [end])
        self._tasks[item[:TASK_BYTES]].made.add(value)
        return value

    def heard(self, oid: bytes) -> None:
        """A message tells of a stream's item, or of its end: each once, and in this order."""
        stream, place = self._tasks[oid[:TASK_BYTES]], index_of(oid) or _END  # type: ignore[arg-type]
        if not self.forgetful and oid not in self._stored:
            assert place > stream.heard, f"{oid.hex()} is told of after number {stream.heard}"
        stream.heard = max(stream.heard, place)

    def _in_order(self, call: _Task, task: bytes, incarnation: int) -> None:
        """Each incarnation begins a caller's calls in their order, and none too often."""
        if self.forgetful:
            return
        once = call.retries < 0 or len(call.runs) <= call.retries
        assert once, f"{task.hex()} ran {len(call.runs)} times before"
        last = self._tasks[call.actor].last
        caller = incarnation, task[:PROCESS_ID]
        assert last.get(caller, -1) < call.place, f"{task.hex()} ran after a later call"
        last[caller] = call.place

    def told(self, oid: bytes, value: bytes) -> None:
        """Somebody is shown this value, or where it lies."""
        self._is_kept(oid, value)
        if lies_in_a_store(value):
            self._stored.add(oid)
            return
        known = self._tasks[oid[:TASK_BYTES]]
        assert value != STALE, f"{oid.hex()} is what an attempt said that was not its task's"
        if value[:1] == FAILURE:
            self._justified(known, oid)
            self._failed.add(oid)
        else:
            assert value in known.made, "it is what came of that task"
        before = self._values.get(oid, value)
        assert before == value or oid in self._stored, f"{oid.hex()} was committed twice"
        self._values[oid] = value

    def reported(self, call: bytes, kept: list[bytes]) -> None:
        """A worker says what came of it, when these calls are in what it has said to keep."""
        known = self._tasks[call]
        known.kept = frozenset(kept) if known.kept is None else known.kept & frozenset(kept)

    def _is_kept(self, oid: bytes, value: bytes) -> None:
        """What was answered is in the state with which its actor starts again."""
        known = self._tasks[oid[:TASK_BYTES]]
        if known.kept and value[:1] != FAILURE:
            self._tasks[known.actor].answered |= known.kept

    def restored(self, actor: bytes, state: list[bytes]) -> None:
        """An incarnation begins, and these calls are in its state."""
        missing = self._tasks[actor].answered.difference(state)
        assert self.forgetful or not missing, f"{actor.hex()} has an older state, without {missing}"

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

    def asked_for(self, name: bytes, job: bytes, before: bytes, found: bytes) -> None:
        """Who has a name in that job; `before`, when that was asked, this had it somewhere."""
        there = before and not self._is_over(before)
        if found:
            others = there and found != before and not self._is_over(found)
            assert not others, f"{name!r} is had by {found.hex()}, and by {before.hex()}"
            self.named[name] = found
        else:
            lost = there and before[:JOB_BYTES] == job
            assert not lost, f"{before.hex()} had the name {name!r}, and is not found"

    def _is_over(self, actor: bytes) -> bool:
        """Of one that starts again without end: somebody wanted that."""
        killed = actor[:PROCESS_ID] in self.killed and actor not in self.detached
        return self._tasks[actor].may_end or killed or self.forgetful

    def _justified(self, task: _Task, oid: bytes) -> None:
        if task.cancelled or any(each in self._failed for each in task.inputs):
            return
        if oid[:PROCESS_ID] in self.killed and (self.forgetful or not task.accepted):
            return
        actor = self._tasks.get(task.actor)
        if task.may_end or (actor and (actor.may_end or self._has_died(actor))):
            return
        calm = self.calm and not (actor and self.drained)
        assert not calm, f"{oid.hex()} failed, and nothing had happened"
        endless = task.retries < 0 and (actor is None or actor.retries < 0)
        assert not endless, f"{oid.hex()} is retried without end, and failed"

    def _has_died(self, actor: _Task) -> bool:
        """Of what it was made of."""
        return any(each in self._failed for each in actor.inputs)

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
                runs, actor = len(task.runs), self._tasks.get(task.actor, task)
                again = self.drained and actor.call == b"make"  # it moved
                assert runs <= 1 or again or actor.may_end, f"{name.hex()} ran {runs} times"
                ended = actor.may_end or (actor is not task and self._has_died(actor))
                runs = runs or ended or task.cancelled or not task.accepted
                assert runs, f"{name.hex()} did not run"

    @staticmethod
    def output(task: bytes) -> bytes:
        return object_id(task, 0)  # type: ignore[arg-type]
