"""Every exception HyperLoom raises on purpose.

A refusal by the control plane is an answer, not an accident: the Lua library *returns*
it as ``LOOM_<CODE> <sentence>``, and `hyperloom.gcs.replies` turns it into the class that
carries that code.  Anything Lua *raises* is a bug of ours and becomes `LibraryBug`.

What a task ends with instead of a value is a `TaskError`; its fields are in
`hyperloom.failure_details`.  How it travels is told in `failures.py`.

The rule: every exception here survives pickling with its attributes and its cause,
whatever its `__init__` asks for (`LoomError.__reduce__`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hyperloom.failure_details import FailureDetails, describe_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class LoomError(Exception):
    """Base of everything below."""

    def __reduce__(self) -> tuple[object, ...]:
        # Not BaseException's: it would call __init__(*args), and ours ask for more.
        return _restore, (type(self), self.args, self.__dict__, self.__cause__)


def _restore(
    cls: type[LoomError],
    args: tuple[object, ...],
    attributes: Mapping[str, object],
    cause: BaseException | None,
) -> LoomError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(attributes)
    if cause is not None:  # setting None would hide the context
        error.__cause__ = cause
    return error


# -- The control plane says no, or says nothing ------------------------------------------


class Refused(LoomError):
    """The control plane looked at the request and said no; nothing was written."""

    code: ClassVar[str]


class NotFound(Refused):
    """There is no such row: it never existed, or its job ended and it was swept."""

    code = "NOT_FOUND"


class Exists(Refused):
    """The row is already there.  Harmless when a submission is sent twice."""

    code = "EXISTS"


class IllegalTransition(Refused):
    """The row is in a state that this transition does not start from."""

    code = "ILLEGAL"


class Stale(Refused):
    """The caller acts for an attempt that is over: somebody else holds the row now.

    Seen when a node is declared dead, its tasks are given away, and it then turns out
    to be merely slow.  The caller must drop its result and let go of the row.
    """

    code = "STALE"


class Gap(Refused):
    """An earlier call of this process was not applied, so this one must not overtake it.

    The calls of a process are numbered; the message names the last one that was applied.
    The process says everything after it again, in the old order.
    """

    code = "GAP"


class Backpressure(Refused):
    """The server's memory is full, so a submission was refused; nothing was accepted.

    What was accepted before goes on and frees memory.  Submit again a little later; if it
    stays, drop refs you no longer need, or give the server a larger `maxmemory`.
    """

    code = "BACKPRESSURE"


class ServerRefused(LoomError):
    """The server itself would not do it: no permission, disk full, a read-only replica.

    The message is the server's own.  Nothing was written; tell whoever runs the server.
    """


class LibraryBug(LoomError):
    """The Lua library itself failed.  Never expected; please report it."""


class ControlPlaneLost(LoomError):
    """The connection to the control plane broke and could not be made again in time.

    Nothing that was accepted is lost: it is in the server.  Whether the request under way
    was carried out is unknown; ours carry ids, so sending it again does no harm.
    """


class ClusterStateLost(LoomError):
    """The server answers, but it is not the one we knew: its data is gone.

    Raised when it was restarted without its append-only file, or flushed.  All tasks and
    refs of this session are lost.  Start a new session and submit again; start the head
    with `--durability always` if this must not happen.
    """


# -- This session ------------------------------------------------------------------------


class NotConnected(LoomError):
    """There is no session here, and none could be begun.

    Raised by `init`, whose message says what it found at the address and what to write instead;
    and by a call that does not begin a session itself: call `loom.init()` first.
    """


class SessionClosed(LoomError):
    """A ref, or the runtime, of a session that was shut down was used.

    Refs live as long as their session.  Get the values you need before `loom.shutdown()`,
    or submit again in the new session.
    """


class OtherJob(LoomError, ValueError):
    """Refs of different jobs were used together; nothing was submitted.

    A task takes refs of one job and belongs to it.  Get the values of the others, and pass those.
    """

    job: bytes = b""  # of the ref that does not fit


class GetTimeout(LoomError, TimeoutError):
    """`get` waited as long as it was told to; the objects are not there yet.

    Nothing is lost and nothing is cancelled: call `get` again, or pass a longer `timeout=`.
    """


class LocalRayletDied(LoomError):
    """The agent of this process's own node is gone, and this process with it soon.

    Tasks that ran on the node are given to others; what only this node's memory held is
    made again where possible.  A driver must connect again.
    """


class ObjectStoreFull(LoomError):
    """A value fits neither into the node's shared memory nor onto its spill disk.

    The value was not stored; everything stored before is still there.  Drop refs (the
    message names those that hold most), or start the node with a larger
    `object_store_memory`, or more space for spilling.
    """


class FileChanged(LoomError, OSError):
    """A file was written to after it had become a data object.

    The bytes that tasks would read now are not those that it was opened with.  Nothing is lost;
    open it again (`tasks.open`, `data.File`) to use it as it is now.
    """


class CheckpointError(LoomError, OSError):
    """A checkpoint could not be written, or cannot be read; the message says which and why.

    When it could not be written, its task fails with this, since it was promised to be kept; the
    task's result is lost.  Make room, or the folder writable, and submit the plan again with
    ``resume=True``: what has a checkpoint is not computed again.
    """


class ProgramFailed(LoomError):
    """A program that `tasks.run` ran could not be started, failed, or lacked an output.

    Nothing of what it wrote was kept.  What it needs is to be found on every node.

    Attributes:
        returncode: its exit code, negative for a signal; None if it was not started.
        signal: the signal that ended it, such as ``"SIGKILL"``; else None.
        stderr: the last 128 KiB of what it wrote there, as text.
    """

    def __init__(
        self,
        message: str,
        *,
        returncode: int | None = None,
        signal: str | None = None,
        stderr: str = "",
    ) -> None:
        super().__init__(message)
        self.returncode = returncode
        self.signal = signal
        self.stderr = stderr


# -- Values that cannot travel -----------------------------------------------------------


class NotSerializable(LoomError, TypeError):
    """A value cannot be sent to another process; the message names the part at fault.

    Raised by whoever sends: `.remote()` and `put` for arguments and values, the task for
    its result.  Nothing was submitted or stored.
    """


class InvalidOption(LoomError, ValueError):
    """An option or a setting is not what it may be; the message says what may.  Nothing began."""


class UnknownSymbol(LoomError, LookupError):
    """No node has what goes by this name; the message says which there are.  Nothing was sent."""


class ActorNameTaken(LoomError, ValueError):
    """An actor with this name lives already: use it, kill it, or take another.  None was made."""


class ActorNotFound(LoomError, ValueError):
    """No actor has this name: it was never made, or is over, which frees its name."""


class PendingCallsExceeded(LoomError):
    """So many calls of a handle wait as `max_pending_calls` allows.  Get some results first."""


class TooLarge(LoomError, ValueError):
    """A function or the arguments of a call are beyond what a task may carry.

    Nothing was submitted.  `put` the large part once and pass its ref.
    """


class Undeserializable(LoomError):
    """Bytes arrived, but could not be turned back into a value on this side.

    Mostly a module that is missing here or has another version.  The value itself is not
    lost: `get` it from a process that has what it needs.  `.text` keeps what is known of
    it, such as the message of an error whose class is missing here.
    """

    def __init__(self, message: str, *, text: str = "") -> None:
        super().__init__(message)
        self.text = text


# -- Tasks that failed -------------------------------------------------------------------


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


class ActorDied(TaskError):
    """The actor is over, and so are the calls that it had not answered; see `max_restarts`."""


class ActorUnavailable(TaskError):
    """The actor was lost while the call may have run, and starts again; see `max_task_retries`."""


class ObjectLost(TaskError):
    """No copy of the object can be had here: it is gone, or lies on another node.

    The message says which.  Large values do not travel between nodes yet: read it where it
    lies.  What is gone is not made again by itself: make it anew.
    """


class Infeasible(TaskError):
    """The task asks for resources that no node of the cluster has in all.

    It would wait for ever.  Ask for less, or add a node that has them.
    """

    missing: tuple[str, ...] = ()
