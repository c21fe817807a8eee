"""Calls that cannot be made as they were asked for, and values that cannot travel."""

from __future__ import annotations

from hyperloom.errors.root import LoomError


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
