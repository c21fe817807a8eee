"""A task's exception to a failure record, and from the record what `get` raises.

In the worker the exception is taken apart: each exception of the tree (causes, contexts,
members of a group) as a pickle of its own, with its frames as plain data, so that one
that cannot be pickled, or whose module the reader lacks, costs only itself.

In `get` the tree is put together again.  What is raised is an instance both of
`TaskError` and of the user's class, so that `except ValueError` works as in a local call.
Its `__cause__` is the user's exception with the worker's frames, which Python prints as if
they were ours.  Not so combined, but only the cause of a plain `TaskError`, are exceptions
that mean something to the reader's own control flow (`SystemExit`, `KeyboardInterrupt`,
`StopIteration`, ...) and classes that do not let themselves be combined.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from msgspec import msgpack

from hyperloom import failures
from hyperloom.errors import (
    ActorDied,
    ActorError,
    ActorUnavailable,
    Infeasible,
    NodeLost,
    ObjectLost,
    OutOfMemory,
    PlacementGroupRemoved,
    TaskCancelled,
    TaskError,
    TaskPoisoned,
    TaskTimeout,
    WorkerCrashed,
)
from hyperloom.failure_details import FailureDetails, describe_failure
from hyperloom.serialization import frames, portable

if TYPE_CHECKING:
    from collections.abc import Iterator
from functools import lru_cache
from types import new_class

_MAX_TEXT = 4_000  # characters of a user's message in the record
_MAX_TRACEBACK = 30_000

_CLASSES: dict[failures.Category, type[TaskError]] = {
    "app": TaskError,
    "crash": WorkerCrashed,
    "cancelled": TaskCancelled,
    "timeout": TaskTimeout,
    "poisoned": TaskPoisoned,
    "oom": OutOfMemory,
    "lost": ObjectLost,
    "infeasible": Infeasible,
    "node": NodeLost,
    "died": ActorDied,
    "removed": PlacementGroupRemoved,
    "unavailable": ActorUnavailable,
}

# What we raise in a task ourselves, as an `ObjectLost` by its `get`, stays what it is.
_CATEGORIES: dict[type[BaseException], failures.Category] = {
    cls: category for category, cls in _CLASSES.items()
}


def failure_from_exception(  # noqa: PLR0913  # the fields of a record, by name
    exc: BaseException,
    *,
    task_id: bytes,
    name: str,
    attempt: int,
    node: bytes,
    pid: int,
    label: str | None = None,
    role: str = "",
) -> bytes:
    """The record of a task that raised `exc`; never raises itself.

    A failure that this task only passes on, because its `get` raised, stays the root
    cause's: this task is added to its path.  `name` is its function's.
    """
    known_as = failures.known_as(label, name)
    if isinstance(exc, TaskError) and exc._remake is not None:  # noqa: SLF001  # same idea
        return failures.extend_path(exc._remake[1], known_as)  # noqa: SLF001
    tree = portable.take_apart(exc)
    category = _CATEGORIES.get(type(exc), "app")
    text = tree.text
    if category == "app":
        text = f"{tree.type_name}: {tree.text}" if tree.text else tree.type_name
    # Nothing of the task's was running, such as when its arguments could not be had.
    before = category != "app" and not frames.theirs(traceback.extract_tb(exc.__traceback__))
    return failures.encode(
        failures.Failure(
            category,
            task_id,
            label or name,
            attempt,
            node,
            pid,
            text=text[:_MAX_TEXT],
            traceback="" if before else _printed(exc)[-_MAX_TRACEBACK:],
            path=(known_as,),
            error=b"" if before else msgpack.encode(tree),
            role=role,
        )
    )


def _printed(exc: BaseException) -> str:
    try:
        shown = traceback.TracebackException.from_exception(exc)
        for part in _chain(shown):
            part.stack = traceback.StackSummary.from_list(frames.without_ours(part.stack))
        return "".join(shown.format())
    except Exception as error:  # noqa: BLE001  # an exception may break whatever prints it
        return f"(the traceback cannot be printed: {type(error).__name__})"


def _chain(shown: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    waiting = [shown]
    while waiting:
        part = waiting.pop()
        yield part
        below = (part.__cause__, part.__context__, *(part.exceptions or ()))
        waiting += [other for other in below if other is not None]


def to_exception(record: bytes) -> TaskError:
    """What `get` raises for the failed task."""
    failure = failures.decode(record)
    details = FailureDetails(
        failure.task_id,
        failure.name,
        failure.attempt,
        failure.node,
        failure.pid,
        failure.full_path(),
        failure.traceback,
        failure.role,
    )
    error = None
    cause = None
    if failure.error:
        tree = msgpack.decode(failure.error, type=portable.Portable)
        cause = portable.put_together(tree)
        if failure.category != "died":  # an actor's end is more than what its constructor raised
            text = tree.text or f"{tree.type_name} without a message"
            error = _as_own_class(cause, text, details)
    if error is None:
        error = _CLASSES[failure.category](failure.told(), details=details, cause=cause)
        for name, value in failure.detail.items():
            if hasattr(type(error), name):
                error.__dict__[name] = value
        if isinstance(error, ActorError):
            _about_actor(error, failure)
    error.__dict__["_remake"] = (to_exception, record)
    return error


def _about_actor(error: ActorError, failure: failures.Failure) -> None:
    """Who was lost is told as the one that failed."""
    error.actor_id, error.class_name = failure.task_id.hex(), failure.name
    error.incarnation = failure.attempt
    error.method, error.may_have_run = failure.call, bool(failure.may_have_run)


def _as_own_class(cause: BaseException, message: str, details: FailureDetails) -> TaskError | None:
    """An instance of both; None when that cannot be or must not be."""
    try:
        cls = _combined(type(cause))  # type: ignore[arg-type]  # mypy on hash() of a class
        if cls is None:
            return None
        error = portable.copy_as(cls, cause)
        describe_failure(error, message, details, cause)
    except Exception:  # noqa: BLE001  # any rule of a user's class; the cause is told anyway
        return None
    return error


# Means something to the control flow of whoever calls `get`: it would end a loop.
_NOT_COMBINED = (StopIteration, StopAsyncIteration, TaskError)


@lru_cache(maxsize=256)
def _combined(cls: type[BaseException]) -> type[TaskError] | None:
    # Not an Exception: SystemExit and the like would end the reader's process.  An
    # Undeserializable stands in for a class that is not here.
    if not issubclass(cls, Exception) or issubclass(cls, (*_NOT_COMBINED, portable.StandIn)):
        return None
    name = f"TaskError[{cls.__qualname__}]"
    body = {"__module__": TaskError.__module__, "__qualname__": name, "__doc__": cls.__doc__}
    return new_class(name, (TaskError, cls), exec_body=lambda ns: ns.update(body))
