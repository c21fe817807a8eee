"""Cancelling from outside: by who is no part of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import failures
from hyperloom.failures import Attempt
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import fcall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.gcs.wire import Wire

_AT_ONCE = 500
_STATES = {b"CANCELLED": "cancelled", b"RUNNING": "running", b"FINISHED": "finished"}


def cancel(wire: Wire, job: bytes, tasks: Sequence[bytes], *, force: bool) -> dict[str, int]:
    """How many tasks ended at once, run and are told to stop, or were over."""
    told = dict.fromkeys(_STATES.values(), 0)
    for at in range(0, len(tasks), _AT_ONCE):
        part = tasks[at : at + _AT_ONCE]
        name = part[0] if len(tasks) == 1 else b""
        failure = codes.FAILURE + failures.cancelled(Attempt(name, "", 0, b""))
        words = fcall("task_cancel", keys.job_namespace(job), failure, int(force), *part)
        for state in wire.call(*words)[::2]:
            told[_STATES[state]] += 1
    return told


def cancel_all(wire: Wire, job: bytes, *, force: bool) -> dict[str, int]:
    """The same for all tasks of a job that are not over: those first that nobody has."""
    return cancel(wire, job, sorted(_tasks(wire, job), reverse=True), force=force)


def kill_actor(wire: Wire, job: bytes, actor: bytes, name: str) -> bool:
    """End an actor for good.  False: it is over already."""
    who = Attempt(actor, name, 0, b"")
    failure = codes.FAILURE + failures.actor_died(who, cause="it was killed from outside")
    state = wire.call(*fcall("actor_kill", keys.job_namespace(job), actor, 0, failure))
    return bool(state != b"OVER")


def _tasks(wire: Wire, job: bytes) -> Iterator[bytes]:
    ns = keys.job_namespace(job)
    yield from wire.call("HKEYS", keys.TASK.name(ns))
    flat = wire.call("HGETALL", keys.RANGE.name(ns))
    for name, row in zip(flat[::2], flat[1::2], strict=True):
        first, last = (int(part) for part in row.split(b",", 2)[:2])
        yield from (name + bytes([n]) for n in range(first, last + 1))
