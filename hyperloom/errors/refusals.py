"""The control plane says no, or says nothing."""

from __future__ import annotations

from typing import ClassVar

from hyperloom.errors.root import LoomError


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
    """The server answers, but has forgotten what it had accepted of this process.

    Raised when it was emptied, or restored from a state older than some seconds; by all that wait,
    within 5 s.  All tasks and refs of this session are lost.  Start a new session and submit again;
    start the head with `--durability always` if this must not happen.
    """
