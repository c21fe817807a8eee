"""What this session, its node or its files cannot do."""

from __future__ import annotations

from hyperloom.errors.root import LoomError


class NotConnected(LoomError):
    """There is no session here, and none could be begun.

    Raised by `init`, whose message says what it found at the address and what to write instead;
    and by a call that does not begin a session itself: call `loom.init()` first.
    """


class JobEnded(LoomError):
    """This program's job was ended without it: its node was not heard of for too long.

    After `job_grace_s` the others let go of what a program holds whose node is lost, since it may
    have died with its machine; a program that comes back later finds this, by all that it waits
    for.  What it submitted and did not detach is gone; detached plans and actors, and what they
    need, go on.  Call `loom.shutdown()` and `loom.init()` to begin anew.
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
