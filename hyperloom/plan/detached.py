"""A detached plan: how it comes to be, how it is taken up again, and how it is let go of.

It becomes detached with one word, said when all of it was accepted.  Until then it is a process
that visits the job (`hyperloom.core.visiting`), and is buried with who dies as it says it.  Who
takes it up has what that word says (`detaching.Record`): the results, and an object with the plan
as it was submitted (`hyperloom.plan.submitted`).
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec import json, msgpack
from msgspec.structs import replace

from hyperloom import errors
from hyperloom.core import words
from hyperloom.core.following import follow
from hyperloom.gcs import codes
from hyperloom.ids import ProcessID, new_process_id
from hyperloom.plan import submitted as written_down
from hyperloom.plan.detaching import (
    About,
    Record,
    listed_of,
    record_of,
    spans_of,
)
from hyperloom.plan.recorded import Recorded
from hyperloom.plan.told import told as told_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session
    from hyperloom.plan.submitted import Submitted

_AT_ONCE = 500  # objects in one slice of a burial
KEPT_BYTES = 64 << 20  # a plan whose arguments are larger is not kept as it was submitted


def new_plan(session: Session) -> ProcessID:
    """The id of a plan that is going to be detached.

    Raises:
        ValueError: the session is inline, or its node is embedded: nothing would outlive it.
    """
    if session.home.ends_with_driver:
        raise ValueError(
            "detach=True cannot be here: the node is one that ends with its driver. Start one that "
            "outlives it (loom start --head, or loom start --address to join a cluster), and "
            "connect to that. Nothing was submitted"
        )
    plan = new_process_id(session.job)
    follow(session, plan)
    return plan


@contextmanager
def being_said(session: Session, plan: ProcessID) -> Iterator[None]:
    """Until it is detached, the plan is what this process is too, and goes with it."""
    home = session.home
    home.announce(plan, words.BEGINS)
    try:
        session.outbox.call("owner_add", plan, codes.VISITOR + home.node, b"", b"")
        yield
    except BaseException:
        home.announce(plan, words.ENDS)
        raise
    home.announce(plan, words.STAYS)


class Detached(Recorded):
    """What a process has of one."""

    detached = True

    @classmethod
    def of(
        cls, session: Session, plan: ProcessID, submitted: Submitted, results: Sequence[Any]
    ) -> Detached:
        """The plan, which was accepted, belongs to nobody from now on."""
        kept, lacks = _keep(session, submitted)
        spans = spans_of(submitted.numbers)
        record = record_of(plan, spans, results, _id_of(kept), lacks)
        wanted = sum(run.number for run in record.results)
        about = About(
            submitted.label,
            len(submitted.numbers),
            wanted,
            " ".join(sys.argv[:1]),
            os.getpid(),
            time.time(),
        )
        made = cls(session, plan, about, record)
        made._submitted = submitted
        made._say()  # from here on the plan holds what `kept` refers to
        return made

    def _say(self) -> None:
        said = codes.DETACHED + json.encode(self._about)
        others = b"".join([*self._record.others.values(), self._record.plan])
        record = msgpack.encode(self._record)
        told = told_of(self._about, self._record, detached=True)
        self._session.outbox.call("owner_add", self.plan, said, record, others, told)

    @classmethod
    def taken_up(cls, session: Session, plan: ProcessID, record: Record) -> Detached:
        """A plan of the session's job, to be followed from now on."""
        about = listed_of(session.outbox.call("owner_list")).get(plan)
        made = cls(session, plan, about or About("", 0, 0, "", 0, 0.0), record)
        follow(session, plan)
        return made

    def runs_again(self, numbers: Sequence[int], results: Sequence[Any]) -> None:
        """It has these results from now on, made by this process's tasks with these numbers."""
        was = self._record
        again = (*was.again, (bytes(self._session.process), spans_of(numbers)))
        made = record_of(self.plan, was.tasks, results, was.plan, was.lacks)
        self._record = replace(made, again=again)
        self._say()

    def stopped_by(self) -> bytes | None:
        """The failure for which it was stopped, if it was (`hyperloom.plan.stopping`)."""
        reason: bytes | None = self._session.outbox.call("process_stopped", self.plan)
        return reason

    def release(self) -> None:
        """Nobody wants its results any more; what still runs, runs on as long as the job."""
        at = 1
        while at:
            at = self._session.outbox.call("process_bury", self.plan, at, _AT_ONCE)


def _id_of(kept: ObjectRef[Any] | None) -> bytes:
    return b"" if kept is None else kept.binary()


def _keep(session: Session, submitted: Submitted) -> tuple[ObjectRef[Any] | None, str]:
    """A ref to the plan as an object, or None and why there is none."""
    try:
        packed = written_down.written(submitted)
        if packed.size > KEPT_BYTES:
            return None, (
                f"with its arguments it takes {packed.size >> 20:,} MiB, and up to "
                f"{KEPT_BYTES >> 20} MiB are kept; large values are better passed as refs "
                "(loom.put)"
            )
        return session.put_packed(packed), ""
    except errors.LoomError as error:
        return None, f"it could not be kept ({error})"
