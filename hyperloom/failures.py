"""What takes the place of a value when a task fails: the failure record.

The rule: this is plain msgpack, made and passed on by parties that never unpickle user
data.  A raylet makes one when a worker dies; a worker makes one from an exception
(`serialization.failure_from_exception`), and only then is there an `error`, opaque here;
whoever calls `get` turns it into an exception (`serialization.to_exception`).

A task that cannot run because its input failed fails with the *same* record, its own name
appended to `path` (:func:`extend_path`), so that the reader always sees the root cause.
Chains may be a hundred thousand tasks long; of their names the first and last are kept.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct, msgpack
from msgspec.structs import replace

from hyperloom.ids import short

if TYPE_CHECKING:
    from collections.abc import Sequence

Category = Literal[
    "app",  # the task raised
    "crash",  # its worker died
    "cancelled",
    "timeout",
    "poisoned",  # it killed every worker it was given to
    "oom",
    "lost",  # an input, or the result, is gone and cannot be made again
    "infeasible",  # no node has what it asks for
    "node",  # its node is gone
    "died",  # its actor is dead
    "removed",  # its placement group was removed
    "unavailable",  # its actor was lost while the call may have run; it starts again
]

PATH_ENDS = 8  # names kept at either end of a path
STDERR_LINES = 20  # of a dead worker, kept in its record
_STDERR_CHARS = 400  # a line
_LABEL_CHARS = 80  # of a label on a path


class Attempt(NamedTuple):
    """Who failed: one attempt of one task, as far as who says it knows (else empty, 0)."""

    task_id: bytes
    name: str
    attempt: int
    node: bytes
    pid: int = 0
    role: str = ""  # as a template has it: a plain task, an actor, or a call of one


class Failure(Struct, frozen=True, array_like=True):
    """Why there is no value.  Fields are only ever added, before the last two."""

    category: Category
    task_id: bytes
    name: str  # the task's label, or its function's name
    attempt: int
    node: bytes
    pid: int
    text: str  # the message, without the header that says where
    traceback: str = ""  # as printed by the worker, for readers who cannot rebuild `error`
    path: tuple[str, ...] = ()
    hidden: int = 0  # names left out of the middle of `path`
    detail: dict[str, int | float | str | tuple[str, ...] | None] = {}  # copied by msgspec
    error: bytes = b""  # see serialization/exceptions.py
    role: str = ""  # what failed: a plain task, an actor, or a call of one

    # Of a call of an actor that was lost or is over.  The control plane says these of each call
    # (``lua/actor/_told.lua``), so they stay the last, and nobody else says them.
    may_have_run: bool | None = None
    call: str = ""

    def told(self) -> str:
        """The message, and what that means for the call."""
        if self.may_have_run is None:
            return self.text
        if not self.may_have_run:
            return f"{self.text}\n  This call of {self.call} did not run"
        again = ""
        if self.category == "unavailable":
            again = ", and has no retry left (max_task_retries); the actor starts again"
        return f"{self.text}\n  This call of {self.call} may have run, wholly or in part{again}"

    def full_path(self) -> tuple[str, ...]:
        """The path for readers: what was left out is counted."""
        if not self.hidden:
            return self.path
        gap = f"({self.hidden} more)"
        return (*self.path[:PATH_ENDS], gap, *self.path[PATH_ENDS:])


_decoder = msgpack.Decoder(Failure)


def decode(record: bytes | memoryview) -> Failure:
    """The failure that the bytes stand for."""
    return _decoder.decode(record)


def encode(failure: Failure) -> bytes:
    """The bytes that travel."""
    return msgpack.encode(failure)


def beginning(category: Category) -> bytes:
    """What every record of this category begins with: by that, who reads none knows it."""
    record = encode(Failure(category, b"", "", 0, b"", 0, ""))
    return record[: record.index(category.encode()) + len(category)]


def known_as(label: str | None, function: str) -> str:
    """What a task is called on the way of a failure: by its label, and its function's name."""
    return f"{label[:_LABEL_CHARS]} ({function})" if label and label != function else function


def extend_path(record: bytes, name: str) -> bytes:
    """The failure of task `name`, which waited for what failed with `record`."""
    failure = decode(record)
    path = (*failure.path, name)
    hidden = failure.hidden
    if len(path) > 2 * PATH_ENDS:
        path = path[:PATH_ENDS] + path[PATH_ENDS + 1 :]
        hidden += 1
    return encode(replace(failure, path=path, hidden=hidden))


# -- What raylets say ----------------------------------------------------------------------


def made(
    category: Category,
    who: Attempt,
    text: str,
    **detail: float | str | tuple[str, ...] | None,
) -> bytes:
    """A record with this message; the functions below know what to say."""
    path = (who.name or "?",)
    return encode(Failure(category, **who._asdict(), text=text, path=path, detail=detail))


def crashed(who: Attempt, *, exit_code: int, stderr: Sequence[str] = ()) -> bytes:
    """The worker is dead.  A negative code is a signal's number, as in `subprocess`."""
    text = f"the worker that ran {who.name} died: {how_it_ended(exit_code)}{_quoted(stderr)}"
    return made("crash", who, text, **_death(exit_code, stderr))


def poisoned(who: Attempt, *, deaths: int, exit_code: int, stderr: Sequence[str] = ()) -> bytes:
    """The task has now killed `deaths` workers."""
    text = (
        f"{who.name} killed the {deaths} workers it was given to and is not tried again; "
        f"the last: {how_it_ended(exit_code)}{_quoted(stderr)}"
    )
    return made("poisoned", who, text, **_death(exit_code, stderr))


def out_of_memory(
    who: Attempt,
    *,
    used_bytes: int,
    node_used_bytes: int,
    node_total_bytes: int,
    largest: Sequence[str] = (),
) -> bytes:
    """The raylet ended the task to save its node; `largest` are lines about who had most."""
    most = "".join([f"\n  | {line}" for line in largest])
    text = (
        f"{who.name} was ended because its node ran out of memory: the task used "
        f"{_gib(used_bytes)}, the node {_gib(node_used_bytes)} of {_gib(node_total_bytes)}.\n"
        "  Ask for memory= so that fewer run at the same time, or make its share smaller."
        f"{most and f'{chr(10)}  Tasks that used most:{most}'}"
    )
    detail = {"used_bytes": used_bytes, "node_used_bytes": node_used_bytes}
    return made("oom", who, text, **detail, node_total_bytes=node_total_bytes)


def timed_out(who: Attempt, *, limit_s: float) -> bytes:
    """The raylet ended the task at its `timeout_s`."""
    text = f"{who.name} was ended after its timeout_s={limit_s:g}; it has no result"
    return made("timeout", who, text, limit_s=limit_s)


def cancelled(who: Attempt) -> bytes:
    """Somebody called `cancel`."""
    nameless = f"task {short(who.task_id)}" if who.task_id else "the task"
    return made("cancelled", who, f"{who.name or nameless} was cancelled; it has no result")


def stopped() -> bytes:
    """Another task of its plan failed, and the plan was to stop then."""
    text = (
        "the task was cancelled, since another of its plan failed and the plan was submitted with "
        'on_error="stop"; it has no result'
    )
    return made("cancelled", Attempt(b"", "", 0, b""), text)


def group_removed(who: Attempt, *, group: str) -> bytes:
    """The placement group in which it was to run, or ran, does not exist any more."""
    text = (
        f"placement group {group} does not exist any more: it was removed, or its job has ended. "
        f"{who.name or 'What was to run in it'} was stopped, or never began, and has no result.\n"
        "  Make a new group, and submit again"
    )
    return made("removed", who, text)


def redirected_too_often(who: Attempt, *, most: int) -> bytes:
    """It named another task in its place, and that one another, and so on."""
    text = (
        f"{who.name} named another task in its place, as {most:,} tasks before it had done; a task "
        "may be redirected so often.\n"
        "  If that is a loop without end, mend its condition; else do several steps in one task."
    )
    return made("app", who, text)


def node_lost(who: Attempt, *, reason: str = "it was not heard of in time") -> bytes:
    """The control plane, or the one who watches, gave the node up."""
    text = f"the node that ran {who.name or 'the task'} is lost ({reason}), and no retry was left"
    return made("node", who, text)


def actor_died(who: Attempt, *, cause: str, restarts: int = 0) -> bytes:
    """The actor is over.  `who`: its id, class and incarnation."""
    spent = f" and its {restarts} restarts are used up" if restarts > 0 else ""
    text = f"{_actor(who)} is dead: {cause}{spent}"
    return made("died", _as_actor(who), text, cause_of_death=f"{cause}{spent}")


def actor_unavailable(who: Attempt, *, cause: str) -> bytes:
    """The actor was lost and starts again; a call that may have run is not run again."""
    text = f"{_actor(who)} was lost: {cause}"
    return made("unavailable", _as_actor(who), text, cause_of_death=cause)


def why_lost(killed: str, *, exit_code: int, stderr: Sequence[str] = ()) -> str:
    """Why an actor's worker is gone; `killed`: why its raylet ended it."""
    if killed == "restart":
        return "it was killed to start again"
    if killed == "oom":
        return "it was ended because its node ran out of memory"
    return f"its worker process died: {how_it_ended(exit_code)}{_quoted(stderr)}"


def _as_actor(who: Attempt) -> Attempt:
    return who._replace(role="actor")


def _actor(who: Attempt) -> str:
    number = f", incarnation {who.attempt}" if who.attempt else ""
    return f"actor {who.name} ({short(who.task_id)}{number})"


def object_lost(who: Attempt, *, oid: str, reason: str) -> bytes:
    """No copy of the object is left and it cannot be made again."""
    text = f"object {oid} is lost and cannot be made again: {reason}"
    return made("lost", who, text)


def infeasible(who: Attempt, *, asked: str, missing: Sequence[str]) -> bytes:
    """No node has what the task asks for, even when idle."""
    text = (
        f"{who.name} asks for {asked}, which no node has in all: {', '.join(missing)} missing.\n"
        "  Ask for less, or add a node that has them."
    )
    return made("infeasible", who, text, missing=tuple(missing))


def how_it_ended(exit_code: int) -> str:
    """`exit code 3`, or `killed by SIGSEGV` (with what that mostly means)."""
    name = signal_name(exit_code)
    if name is None:
        return f"exit code {exit_code}"
    hint = {
        "SIGKILL": " (by somebody, or by the kernel when memory was out: see dmesg)",
        "SIGSEGV": " (a bug in native code)",
        "SIGBUS": " (shared memory or disk full, or a mapped file cut off)",
        "SIGABRT": " (native code gave up: see its last lines)",
    }.get(name, "")
    return f"killed by {name}{hint}"


def signal_name(exit_code: int) -> str | None:
    """The signal behind a negative exit code; `None` for an ordinary exit."""
    if exit_code >= 0:
        return None
    try:
        return signal.Signals(-exit_code).name
    except ValueError:  # real-time signals have no name
        return f"signal {-exit_code}"


def _death(exit_code: int, stderr: Sequence[str]) -> dict[str, int | str | tuple[str, ...] | None]:
    name = signal_name(exit_code)
    return {
        "exit_code": exit_code if name is None else None,
        "signal": name,
        "stderr": _last(stderr),
    }


def _last(stderr: Sequence[str]) -> tuple[str, ...]:
    return tuple(line.rstrip("\n")[:_STDERR_CHARS] for line in stderr[-STDERR_LINES:])


def _quoted(stderr: Sequence[str]) -> str:
    lines = _last(stderr)
    if not lines:
        return ""
    return "\n  Its last lines on stderr:\n" + "\n".join(f"  | {line}" for line in lines)


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.2f} GiB"
