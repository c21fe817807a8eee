"""Objects that were lost with a node and are made again: who wants one waits for it as before.

What this process knows of such an object, that it lies on some node, is not true any more.  So it
is forgotten, and the control plane is asked anew: it answers with the new value, or tells us
when there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.core import current
from hyperloom.core.waiting import Waiter
from hyperloom.gcs import codes
from hyperloom.ids import JOB_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperloom.core.session import Session


def forget_values(session: Session, oids: Iterable[bytes]) -> None:
    """Whoever waits for these from now on waits until they have been made again."""
    with session._lock:  # noqa: SLF001 - a friend
        for oid in oids:
            session.values[oid] = None
            session.unwatched.add(oid)


def wait_for(oid: bytes) -> bytes:
    """Wait until the object has been made again; its kept value.

    Raises:
        errors.SessionClosed: the session was closed meanwhile.
    """
    session = current.session()
    if oid[:JOB_BYTES] != session.job:
        session = session.guests[oid[:JOB_BYTES]]
    known = oid in session.values
    forget_values(session, [oid])
    session.wait([oid], Waiter(1), None)
    kept: bytes = session.values[oid]
    if kept == codes.LARGE:
        (kept,) = session.outbox.call("object_watch", session.process, oid)
    if not known:
        session.values.pop(oid, None)
    return kept
