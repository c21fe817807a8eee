"""Sessions of this process in jobs of others.

A process has one session of its own, in its own job: `current.session()`.  What belongs to
another job, such as the results of a detached plan, it reaches by a second session there: it
*visits* that job, as a process of it, and is one of its owners meanwhile.

The rule: a ref belongs to the session of its job, and a task to the job of the refs that it takes.
Whoever meets a ref finds the session by it; nothing of one job is ever named in another.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.core import current, words
from hyperloom.gcs import codes, keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.core.session import Session
    from hyperloom.ids import JobID

_lock = threading.RLock()


def session_in(job: JobID) -> Session:
    """This process's session in the job: its own, or one that visits it, begun now if need be.

    Raises:
        errors.NotFound: there is no such job.
        RuntimeError: this is an inline session.
    """
    home: Session = current.session()
    if home.job == job:
        return home
    with _lock:
        guest = home.guests.get(job)
        if guest is None or guest.closed:
            guest = home.guests[job] = home.enter(job)
        return guest


def session_there(error: errors.OtherJob) -> Session:
    """Where to do what could not be done in this process's own job: that of the ref.

    Raises:
        errors.OtherJob: it is not for this process to go there.
    """
    if error.job == current.session().job:
        raise error
    return session_in(error.job)  # type: ignore[arg-type]


def begin(home: Session, job: JobID, announce: Callable[[bytes, int], None]) -> Session:
    """A session in the job, for the process of which `home` is the session.

    `announce` tells the raylet of the new process, before the control plane hears of it: whoever
    dies in between is looked for (`hyperloom.raylet.owners`).

    Raises:
        errors.NotFound: there is no such job.
    """
    from hyperloom.core.session import Session  # noqa: PLC0415 - it needs us

    about = jobs(home).get(job)
    if about is None:
        raise errors.NotFound(f"there is no job {job.hex()}: it has ended, or never was here")
    guest = Session(job, home.address, home.config, home.store)
    guest.node, guest.home = home.node, home
    guest.user_namespace = about.get("namespace", "")
    guest.running, guest.blocked = home.running, home.blocked
    try:
        announce(guest.process, words.BEGINS)
        guest.outbox.call("owner_add", guest.process, codes.VISITOR + home.node, b"", b"")
    except BaseException:
        guest.close()
        raise
    return guest


def settle(home: Session) -> None:
    """Wait until the control plane has what was said, here and in other jobs."""
    for session in (home, *home.guests.values()):
        if session.unsent:
            session.settle()


def leave(session: Session) -> None:
    """If it visits another job, and nothing of that is in anybody's hands any more, it ends."""
    home = session.home
    if home is session:
        return
    with _lock:
        session.sweep()
        if not session.handles and not session.values and home.guests.get(session.job) is session:
            del home.guests[session.job]
            session.depart()


def jobs(session: Session) -> dict[bytes, dict[str, Any]]:
    """The open jobs of the cluster, and what is known of each."""
    import json  # noqa: PLC0415 - few programs visit

    reply = session.outbox.call("job_list", namespace=keys.CLUSTER)
    return {reply[at]: json.loads(reply[at + 1]) for at in range(0, len(reply), 2)}


def nowhere(job: JobID) -> Session:
    """What `Session.enter` is of a session that cannot visit.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError(
        f"what belongs to job {job.hex()} cannot be reached from an inline session, which is a "
        'whole cluster by itself; leave mode="inline" out'
    )
