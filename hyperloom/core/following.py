"""Following a detached plan: hearing of its results, without holding them.

A detached plan's id is that of a process which does not exist: it begins the ids of the plan's
tasks, so by the rules of refs the plan itself holds its results, as any process does what it made,
and its inbox is told of them.  Whoever follows it listens to that inbox, and asks in its name.

The rule: refs to a followed plan's results are not counted, here or anywhere.  They are good
until the plan is released.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from hyperloom.core.waiting import Waiter
from hyperloom.gcs import keys
from hyperloom.ids import PROCESS_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.core.session import Session

_one_at_a_time = threading.Lock()


def follow(session: Session, plan: bytes) -> None:
    """From when this returns on, the session hears of the plan's results."""
    with _one_at_a_time:
        if plan in session.detached:
            return
        # That we listen is told like a value of this name (`hyperloom.gcs.inbox`).
        channel = keys.INBOX.name(session.namespace, plan)
        session.values[channel] = None
        session.reading.listen(channel)
        session.wait([channel], Waiter(1), None)
        session.detached.add(plan)
        del session.values[channel]


def hear_of(session: Session, oids: Sequence[bytes]) -> None:
    """Ask about those of the objects that this process came by and nobody waited for yet."""
    unheard = set() if session.closed else session.unwatched.intersection(oids)
    if unheard:
        session.ask([oid for oid in oids if oid in unheard])


def as_whom(session: Session, oids: Sequence[bytes]) -> Iterator[tuple[bytes, Sequence[bytes]]]:
    """In whose name to ask about which of these: a plan is told of its own anyway."""
    if not session.detached:
        yield session.process, oids
        return
    by_process: dict[bytes, list[bytes]] = {}
    for oid in oids:
        maker = oid[:PROCESS_BYTES]
        who = maker if maker in session.detached else session.process
        by_process.setdefault(who, []).append(oid)
    yield from by_process.items()
