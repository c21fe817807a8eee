"""The one session of this process, and how it comes about when it is first needed.

The rule: module functions of the API hold no state; it is all in the session that is
current here.  A driver's is made by `loom.init()` or, with defaults, by the first use; a
worker's when a task uses the API for the first time.  How is said by whoever starts the
process (`set_starter`), since this floor knows neither nodes nor embedded servers.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

from hyperloom import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_starting = threading.RLock()
_starter: list[Callable[[], None]] = []
_session: list[Any] = []  # Session or InlineSession: at most one
_default: list[Callable[[], None]] = []  # the starter that a forked child may use as well
_inherited: list[bool] = []  # not empty: this process was forked from one that cannot share


def set_starter(start: Callable[[], None]) -> None:
    """How this process gets a session when it needs one and has none."""
    _starter[:] = [start]
    _inherited.clear()


def in_worker() -> bool:
    """Whether this process runs tasks: its session is its raylet's business."""
    return _starter != _default


def set_default_starter(start: Callable[[], None]) -> None:
    """The same, unless somebody who knows better has said how.

    A worker has, before any task could import the API there.
    """
    if not _starter:
        _starter[:] = [start]
        _default[:] = [start]


def set_current(session: object | None) -> None:
    """The session of this process, to which refs that arrive belong."""
    if session is not None:
        _inherited.clear()
    _session[:] = [] if session is None else [session]


def current() -> Any:  # noqa: ANN401 - Session or InlineSession
    """The session of this process, or None."""
    return _session[0] if _session else None


def session() -> Any:  # noqa: ANN401 - Session or InlineSession
    """The session of this process; started now if there is none.

    Raises:
        errors.NotConnected: in a child that was forked from a connected process.
    """
    if _session:
        return _session[0]
    refuse_fork()
    with _starting:
        if not _session:
            if not _starter:
                raise errors.NotConnected("there is no session here; call loom.init() first")
            _starter[0]()
    return _session[0]


def session_of(things: object) -> Any:  # noqa: ANN401 - Session or InlineSession
    """The session of this process, for who has something that may be a ref, or several.

    Where there is none, refs can only be of one that was closed: none is started to say so.

    Raises:
        errors.SessionClosed: there is none, and there are refs.
        errors.NotConnected: see `session`.
    """
    if _session:
        home = _session[0]
        return home if not home.guests else _guest_of(_refs_in(things)) or home
    refuse_fork()
    for ref in _refs_in(things):
        raise closed(ref)
    return session()


def _refs_in(things: object) -> list[Any]:
    from hyperloom.core.refs import ObjectRef  # noqa: PLC0415 - they need us
    from hyperloom.core.streams import ObjectRefGenerator  # noqa: PLC0415

    several = things if isinstance(things, (list, tuple)) else (things,)
    return [thing for thing in several if isinstance(thing, (ObjectRef, ObjectRefGenerator))]


def _guest_of(refs: list[Any]) -> Any:  # noqa: ANN401 - Session
    """The session in another job to which the first of these belongs, if it does."""
    owner = refs[0]._session if refs else None  # noqa: SLF001 - a friend
    return owner if owner is not None and visits(owner) else None


def visits(session: Any) -> bool:  # noqa: ANN401 - Session
    """Whether this is a session of this process in another job, and open."""
    return bool(_session) and session.home is _session[0] and not session.closed


def not_ours(ref: Any, job: bytes) -> errors.LoomError:  # noqa: ANN401 - ObjectRef or stream
    """The error for a ref that is met by the session of `job`, and belongs to another session."""
    owner = ref._session  # noqa: SLF001 - a friend
    return other_job(owner.job, job) if owner is current() or visits(owner) else closed(ref)


# The control plane looks them all up in one go, in which it serves nobody: some 10 us each.
REFS_MOST: Final = 250_000


def own(refs: Collection[bytes], job: bytes) -> None:
    """Refuse refs of other jobs inside a value, and too many of our own.

    Raises:
        errors.OtherJob: there is one.
        errors.TooLarge: there are more than `REFS_MOST`.
    """
    if len(refs) > REFS_MOST:
        raise errors.TooLarge(
            f"a value has {len(refs):,} refs in it; at most {REFS_MOST:,} may be, since the "
            "control plane serves nobody while it looks them up. Nothing was stored. Put lists of "
            "some thousands each, and one list of their refs"
        )
    for oid in refs:
        if oid[: len(job)] != job:
            raise other_job(oid[: len(job)], job)


def other_job(of: bytes, here: bytes) -> errors.OtherJob:
    """The error for a ref that belongs to another job than what takes it."""
    error = errors.OtherJob(
        f"a ref of job {of.hex()} is used with what belongs to job {here.hex()}; a task, a value "
        "and a call of get() have refs of one job. Get the values of the one job's refs, and "
        "pass on these"
    )
    error.job = of
    return error


def closed(ref: object) -> errors.SessionClosed:
    """The error for a ref of a session that is over."""
    return errors.SessionClosed(
        f"{ref!r} belongs to a session that is closed, and its value went with it; "
        "make it again in this one"
    )


def refuse_fork() -> None:
    """Refuse to work in a child that was forked from a connected process.

    Raises:
        errors.NotConnected: this is one.
    """
    if _inherited:
        raise errors.NotConnected(
            "this process was forked from one that uses HyperLoom; connections do not survive "
            "a fork. Use tasks, or start the process with multiprocessing's spawn method"
        )


def _forget_in_child() -> None:
    # A session is sockets and threads: neither can be shared with the parent.  A worker's
    # child must not even start one, since the worker's raylet would take it for the worker.
    if _session or in_worker():
        _inherited[:] = [True]
    _starter[:] = _default
    for inherited in _session:
        for each in (inherited, *inherited.guests.values()):
            each.closed = True  # who has it in hand still
    _session.clear()
    _starting._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001 - another thread's


os.register_at_fork(after_in_child=_forget_in_child)
