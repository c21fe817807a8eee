"""What a node tells people of its attempts: `hyperloom.events`, gathered, job by job.

The rule: nobody waits for it and nothing depends on it.  Workers make the runs, this passes them
on unread, some thousand attempts in one call or what there is after a moment.  Of what the raylet
saw itself it makes a row: the end of a worker, a task that was stopped, inputs that were fetched,
that an attempt goes on for so long that it would be missed if the node were lost, and since when a
task waits here for its turn, if it does so for long.
"""

from __future__ import annotations

import os
import time
from itertools import islice
from typing import TYPE_CHECKING

from hyperloom import events, failures
from hyperloom.core.attempts import Attempts, Silence, Tracebacks, makers_of, told_alone
from hyperloom.gcs import codes, keys
from hyperloom.ids import TASK_BYTES, TaskID, job_of

if TYPE_CHECKING:
    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.loop import Loop
    from hyperloom.raylet.machine import NodeMachine
    from hyperloom.raylet.messages import Held
    from hyperloom.raylet.pool import Pool

_AFTER_S = 0.05
LONG_S = 1.0  # what has run for so long is told of before it ends
_WAITING_MOST = 2000  # tasks that wait are looked at
_BYTES = 1 << 16  # are told at once


class Journal:
    """See the module.  `on`: whether anybody wants to know (`Config.events`)."""

    def __init__(self, gcs: Conversation, loop: Loop, node: bytes, *, on: bool) -> None:
        self.on = on
        self._gcs = gcs
        self._loop = loop
        self._node = node
        self._runs: dict[bytes, list[bytes]] = {}
        self._fetches: dict[bytes, bytearray] = {}
        self._begun: dict[bytes, bytearray] = {}
        self._known: set[bytes] = set()  # entries of what goes on and was told of
        self._taken: set[bytes] = set()  # and of what waits here
        self._tracebacks = Tracebacks()
        self._bytes: dict[bytes, int] = {}  # of a job, since it was told last

    def open(self, job: bytes, about: str) -> None:
        """A job begins, before anything of it is known to the control plane."""
        if self.on:
            self._gcs.apply("event_open", keys.job_namespace(job), about)

    def attempts(self) -> Attempts:
        """For tasks that the raylet runs itself."""
        return Attempts(os.getpid()) if self.on else Silence(os.getpid())

    def ran(self, job: bytes, run: bytes) -> None:
        """A worker's attempts: a `Run`, encoded; empty: it says nothing."""
        if run:
            self._runs.setdefault(job, []).append(run)
            self._tell(job, len(run))

    def row(self, pid: int, row: bytes, error: events.Error | None = None) -> None:
        """One attempt, as `told_alone` takes it; an empty row says nothing."""
        if row:
            self.ran(job_of(TaskID(row[:TASK_BYTES])), told_alone(pid, row, error))

    def fetched(self, task: Held, seconds: float, size: int) -> None:
        """A task may begin: its inputs have come from other nodes, so many bytes for it."""
        if self.on:
            attempt = min(task.attempt, events.ATTEMPTS_SHOWN)
            begun = time.time() - seconds
            row = events.FETCH.pack(task.task, task.kind.template, attempt, begun, seconds, size)
            self._fetches.setdefault(task.kind.job, bytearray()).extend(row)
            self._tell(task.kind.job, len(row))

    def watch(self, machine: NodeMachine, pool: Pool) -> None:
        """Tell of what goes on for long, now and then."""
        if self.on:
            self._loop.every(LONG_S, lambda: self._look(machine, pool))

    def _look(self, machine: NodeMachine, pool: Pool) -> None:
        self._look_at_waiting(machine)
        now, known = time.monotonic(), self._known
        self._known = set()
        for worker in machine.workers.values():
            if not worker.sent or worker.state not in {"busy", "blocked", "hosting"}:
                continue
            first = worker.sent[0]
            seconds = now - worker.since
            if first.entry not in known and worker.state != "blocked" and seconds >= LONG_S:
                attempt = min(first.attempt, events.ATTEMPTS_SHOWN)
                pid, at = pool.pid(worker.number), time.time() - seconds
                row = events.BEGUN.pack(first.task, first.kind.template, attempt, pid, at)
                self._begun.setdefault(first.kind.job, bytearray()).extend(row)
                self._tell(first.kind.job, len(row))
                self._known.add(first.entry)
            elif first.entry in known:
                self._known.add(first.entry)

    def _look_at_waiting(self, machine: NodeMachine) -> None:
        """What began at once needs no word of when it was taken; what waits here has a time."""
        now, known = time.monotonic(), self._taken
        self._taken = set()
        rows: dict[bytes, bytearray] = {}
        for held in islice(machine.not_begun(), _WAITING_MOST):
            if not held.since or now - held.since < LONG_S:
                continue
            self._taken.add(held.entry)
            if held.entry not in known:
                attempt = min(held.attempt, events.ATTEMPTS_SHOWN)
                at = time.time() - (now - held.since)
                row = events.TAKEN.pack(held.task, attempt, at)
                rows.setdefault(held.kind.job, bytearray()).extend(row)
        for job, told in rows.items():
            payload = self._node + bytes(told)
            self._gcs.apply("event_add", keys.job_namespace(job), codes.TAKEN, payload)

    def _tell(self, job: bytes, size: int) -> None:
        """Soon; at once if there is much."""
        if job not in self._bytes:
            self._bytes[job] = 0
            self._loop.later(_AFTER_S, lambda: self.flush(job))
        self._bytes[job] += size
        if self._bytes[job] >= _BYTES:
            self.flush(job)

    def came_to_nothing(  # noqa: PLR0913 - what there is to tell
        self, task: Held, pid: int, began: float | None, failure: bytes, *, retried: bool,
        at: float | None = None,
    ) -> None:  # fmt: skip
        """An attempt whose worker died, or that was stopped; `failure` is its record.

        It `began` then, as `time.monotonic` gives it (None: it had not), and ended `at` then, or
        now.
        """
        if not self.on:
            return
        ended = events.Ended.RETRIED if retried else events.Ended.FAILED
        now = time.monotonic()
        at = now if at is None else at
        seconds = 0.0 if began is None else at - began
        row = events.ROW.pack(
            task.task,
            task.kind.template,
            min(task.attempt, events.ATTEMPTS_SHOWN),
            ended,
            0.0 if began is None else time.time() - (now - began),
            seconds,
            0,
        )
        error = self._tracebacks.error(task.kind.template, failures.decode(failure))
        self.row(pid, row + makers_of(task.record), error)

    def raised(self, row: bytes, pid: int, failure: bytes, *, retried: bool) -> None:
        """The worker's row of an attempt that its options say to retry; maybe none was left."""
        if not row:
            return
        task, template, attempt, _, *rest = events.ROW.unpack_from(row)
        makers = row[events.ROW.size :]
        ended = events.Ended.RETRIED if retried else events.Ended.FAILED
        error = self._tracebacks.error(template, failures.decode(failure))
        row = events.ROW.pack(task, template, attempt, ended, *rest)
        self.row(pid, row + makers, error)

    def flush(self, job: bytes) -> None:
        """Tell what is there now."""
        if self._bytes.pop(job, 0):
            fetches, begun = (bytes(of.pop(job, b"")) for of in (self._fetches, self._begun))
            payload = events.told(self._node, self._runs.pop(job, []), fetches, begun)
            self._gcs.apply("event_add", keys.job_namespace(job), codes.RAN, payload)

    def flush_all(self) -> None:
        """Tell all; the node ends."""
        for job in list(self._bytes):
            self.flush(job)
