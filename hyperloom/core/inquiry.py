"""What a process asks the control plane about: objects whose value it has not been told.

A message may be lost, so who waits asks from time to time, and all is asked about after a broken
connection (`hyperloom.core.reading`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.core.following import as_whom
from hyperloom.gcs import codes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from hyperloom.core.session import Session

_AT_ONCE = 500


def ask(session: Session, oids: Sequence[bytes], unsaid: AbstractSet[bytes] = frozenset()) -> None:
    """Ask about these objects, and be told of those not there yet.

    Of `unsaid` nobody may have spoken yet: if the control plane does not know them, they are not
    lost; who waits for them later asks again.
    """
    for process, some in as_whom(session, oids):
        for first in range(0, len(some), _AT_ONCE):
            part = some[first : first + _AT_ONCE]
            values = session.outbox.call("object_watch", process, *part)
            entries: list[bytes] = []
            for oid, value in zip(part, values, strict=True):
                if value == codes.LOST and oid in unsaid:
                    session.unwatched.add(oid)
                    continue
                session.unwatched.discard(oid)
                if value:
                    entries += (oid, value)
            session.arrived(entries)


def ask_about_all(session: Session) -> None:
    """Ask about all that this process holds and does not know the value of.

    Some of it may not have been said::

        1. a thread gives a result its id, and is about to submit its task
        2. another finds the connection broken, connects anew, and asks about all ids
        3. the control plane does not know this one
        4. the first thread submits the task

    For whom somebody waits was said: who waits has a ref, and gets it after 4.
    """
    with session._lock:  # noqa: SLF001 - a friend
        unknown = [oid for oid, value in session.values.items() if value is None]
        unsaid = {oid for oid in unknown if oid not in session._waiters}  # noqa: SLF001
    ask(session, unknown, unsaid)
