"""Objects whose value was known and is not true any more: who wants one waits for it as before.

Some were lost with a node and are made again.  Some the control plane forgot after it had told of
them, as its server came back in an older state; then their tasks run again.  So what this process
knows of such an object is forgotten, and the control plane is asked anew: it answers with the new
value, or tells us when there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.core import current
from hyperloom.core.following import as_whom
from hyperloom.core.waiting import Waiter
from hyperloom.gcs import codes
from hyperloom.ids import JOB_BYTES, TASK_BYTES, short

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hyperloom.core.session import Session

_UNSURE = (None, codes.LARGE)
_AT_ONCE = 32  # values of some KiB each


def forget_values(session: Session, oids: Iterable[bytes]) -> None:
    """Whoever waits for these from now on waits until they have been made again."""
    with session._lock:  # noqa: SLF001 - a friend
        for oid in oids:
            session.values[oid] = None
            session.unwatched.add(oid)


def come(session: Session, oids: Sequence[bytes]) -> list[bytes]:
    """Have those sent here that were too large to be told of.

    Returned are those that are not there any more, and are to be waited for.

    Raises:
        errors.LoomError: one is an item of a stream that goes on, and may never be made again.
    """
    values = session.values
    unsure = dict.fromkeys([oid for oid in oids if values.get(oid) in _UNSURE])
    if not unsure:
        return []
    large = [oid for oid in unsure if values.get(oid) == codes.LARGE]
    for at in range(0, len(large), _AT_ONCE):
        session.ask(large[at : at + _AT_ONCE])
    forgotten = [oid for oid in large if values.get(oid) == codes.LARGE]
    forget_values(session, forgotten)
    for oid in forgotten:
        if oid[:TASK_BYTES] in session.streams:
            raise errors.LoomError(
                f"the control plane came back in an older state, without object {short(oid)}, an "
                "item of a stream that goes on. Nothing else is lost: call get() again, with a "
                "timeout=; it has the value when the stream's task has run again, if it does"
            )
    return [oid for oid in unsure if values.get(oid) is None]  # some by another thread


def wait_for(oid: bytes) -> bytes:
    """Wait until the object has been made again; its kept value.

    Raises:
        errors.SessionClosed: the session was closed meanwhile.
    """
    session = _session_of(oid)
    if session is None:
        raise errors.SessionClosed(
            f"object {short(oid)} is one of another job, with which this process has nothing to do "
            "any more; it is made again, for who is in that job"
        )
    held = session.adopt(oid)  # others here may wait for it too, and come by a ref to it meanwhile
    kept = asked_anew(session, oid)
    del held
    return kept


def asked_anew(session: Session, oid: bytes) -> bytes:
    """The same of an object of this session."""
    while True:
        forget_values(session, [oid])
        session.wait([oid], Waiter(1), None)
        kept = session.values[oid]
        if kept is not None and kept != codes.LARGE:
            return kept
        # It came while we waited, and is not told of whole: asked for, it is.


def is_known(oid: bytes) -> bool:
    """Whether the control plane has the object, or somebody is making it.

    A node may have asked in vain, before it was said again what the control plane had forgotten.
    """
    session = _session_of(oid)
    if session is None:
        return False
    ((who, _),) = as_whom(session, [oid])
    (value,) = session.outbox.call("object_watch", who, oid)
    return bool(value != codes.LOST)


def _session_of(oid: bytes) -> Session | None:
    session: Session = current.session()
    job = oid[:JOB_BYTES]
    return session if job == session.job else session.guests.get(job)
