"""What a task ends with instead of a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.errors.root import LoomError
from hyperloom.failure_details import FailureDetails, describe_failure

if TYPE_CHECKING:
    from collections.abc import Callable


class TaskError(LoomError):
    """A task failed; raised by `get` of its results and of all that depend on them.

    When the task raised, what `get` raises is an instance of the user's own class too, and
    the user's exception, with the frames of the worker, is its `cause`.  An attribute that
    both define, say `path`, is the user's; ours are always in `.details`.
    """

    cause: BaseException | None
    details: FailureDetails
    task_id: bytes
    task_name: str
    attempt: int
    node: bytes
    pid: int
    path: tuple[str, ...]
    remote_traceback: str

    # How to make this one again in another process; set by who made it from a record,
    # because the record survives what the exception's own pickling may not.
    _remake: tuple[Callable[[bytes], BaseException], bytes] | None = None

    def __init__(
        self,
        message: str = "",
        *,
        details: FailureDetails | None = None,
        cause: BaseException | None = None,
    ) -> None:
        super().__init__(message)
        describe_failure(self, message, details or FailureDetails(), cause)

    def __str__(self) -> str:
        lines = [self._message, self.details.header()]
        if self.__cause__ is None and self.details.remote_traceback:
            lines.append(self.details.remote_traceback)  # nobody else will show it
        return "\n".join(part for part in lines if part)

    def __reduce__(self) -> tuple[object, ...]:
        if self._remake is None:
            return super().__reduce__()
        function, record = self._remake
        return function, (record,)

    _message: str


class WorkerCrashed(TaskError):
    """The worker process died while it ran the task; the message says of what.

    Raised when no retry was left.  The task's result is lost, and whatever it did outside
    may have been done in part.  `stderr` holds the worker's last lines.
    """

    exit_code: int | None = None
    signal: str | None = None  # such as "SIGSEGV"
    stderr: tuple[str, ...] = ()


class TaskPoisoned(WorkerCrashed):
    """The task killed every worker it was given to, so it is not tried again.

    Run it by hand (`f(...)` runs here), or look at `stderr` and the core dump.
    """


class OutOfMemory(WorkerCrashed):
    """The task was ended because its node was about to run out of memory.

    The node and its other tasks live on.  Ask for `memory=` so that fewer of them run at
    the same time, or make the task's share smaller.
    """


class TaskCancelled(TaskError):
    """The task, or one that it waited for, was cancelled.  It has no result."""


class TaskTimeout(TaskError, TimeoutError):
    """The task ran longer than its `timeout_s` and was ended.  It has no result."""

    limit_s: float | None = None


class NodeLost(TaskError):
    """The node that ran the task is gone, and no retry was left."""


class PlacementGroupRemoved(TaskError):
    """The placement group in which the task, or the actor, was to run does not exist any more."""


class ActorError(TaskError):
    """An actor was lost before it had answered a call: either of the two below.

    `method` is the call's, as ``Class.method``.  Whoever repeats a call looks at `may_have_run`: if
    False, nothing of it was done.
    """

    actor_id: str = ""  # as loom show takes it
    class_name: str = ""
    incarnation: int = 0  # of which it died, from 1 on; 0: none lived then
    cause_of_death: str = ""
    method: str = ""
    may_have_run: bool = False  # wholly or in part


class ActorDied(ActorError):
    """The actor is over, and so are the calls that it had not answered; see `max_restarts`.

    When its constructor raised, that exception is the `cause`.
    """


class ActorUnavailable(ActorError):
    """The actor was lost while the call may have run, and starts again; see `max_task_retries`."""


class ObjectLost(TaskError):
    """No copy of the object can be had, and it is not made again by itself.

    The message says where it was and why no task makes it again: it was put, an actor made it, its
    task is not to run twice or has used up its retries.
    """


class Infeasible(TaskError):
    """The task asks for resources that no node of the cluster has in all.

    It would wait for ever.  Ask for less, or add a node that has them.
    """

    missing: tuple[str, ...] = ()
