"""Names that the whole cluster knows: in which job the actor is that has one.

The tables of a job and those of the cluster are never touched by one transition, so this goes in
steps.  A name is *claimed* for a job, in the cluster's table, and taken and freed within that job,
in the transitions that begin and end its actors.

Why two drivers never get two actors of one name:

1. An actor of the name comes into being in a job only by a claim of that job (a number; each is
   later than all before it), and only while no later one of the job's was ceded.
2. Who finds the name claimed for another job, and no actor there, has that job cede it, up to the
   claim that it found; in the same transition it is seen that there is still no actor.
3. Then it claims the name, instead of exactly that claim.  If somebody did so first, that fails,
   and it looks again.  If somebody of the other job comes with the old claim, it creates nothing,
   and claims anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.core.visiting import leave, session_in
from hyperloom.gcs import keys
from hyperloom.ids import JOB_BYTES, JobID

if TYPE_CHECKING:
    from hyperloom.core.session import Session

Found = tuple["Session", list[bytes]]  # of which job, and what ``actor_find`` told
NO_CLAIM = b""  # of a name that one job alone knows


def claim(session: Session, name: bytes, known: bytes = b"") -> bytes | Found:
    """The number of a claim of this session's job; or who has the name elsewhere.

    `known`: a row that is out of date, since its claim was ceded.
    """
    row = _claim(session, name, session.job, known)
    while row[:JOB_BYTES] != session.job:
        found = _there(row, name)
        if found is not None:
            return found
        namespace = keys.job_namespace(row[:JOB_BYTES])
        said = session.outbox.call("actor_cede", name, row[JOB_BYTES:], namespace=namespace)
        known = row if said == b"CEDED" else b""
        row = _claim(session, name, session.job, known)
    return row[JOB_BYTES:]


def claim_again(session: Session, name: bytes, number: bytes) -> bytes | Found:
    """The same, when nothing could be made by that claim of this job's."""
    return claim(session, name, session.job + number)


def look_up(session: Session, name: bytes) -> Found | None:
    """Who has a name that the cluster knows, if it is in another job."""
    row = _claim(session, name, b"", b"")
    return None if not row or row[:JOB_BYTES] == session.job else _there(row, name)


def names(session: Session) -> list[bytes]:
    """The names that actors in other jobs have, and the cluster knows."""
    rows = session.outbox.call("actor_claims", namespace=keys.CLUSTER)
    by_job: dict[bytes, set[bytes]] = {}
    for name, row in zip(rows[::2], rows[1::2], strict=True):
        by_job.setdefault(row[:JOB_BYTES], set()).add(name)
    by_job.pop(session.job, None)
    found: list[bytes] = []
    for job, claimed in by_job.items():
        there = session.outbox.call("actor_names", namespace=keys.job_namespace(job))
        found += claimed.intersection(there)
    return found


def _claim(session: Session, name: bytes, job: bytes, known: bytes) -> bytes:
    row = session.outbox.call("actor_claim", name, job, known, namespace=keys.CLUSTER)
    return row or b""


def _there(row: bytes, name: bytes) -> Found | None:
    try:
        session = session_in(JobID(row[:JOB_BYTES]))
    except errors.NotFound:
        return None  # it is over
    found = session.outbox.call("actor_find", session.process, name)
    if found is None:
        leave(session)
        return None
    return session, found
