"""A detached plan: how it comes to be, how it is taken up again, and how it is let go of.

It becomes detached with one word, said when all of it was accepted; who dies before that has
submitted nothing that lasts.  Who takes it up has what that word says (`detaching.Record`): the
results, and an object with the plan as it was submitted (`hyperloom.plan.submitted`).
"""

from __future__ import annotations

import os
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from msgspec import json, msgpack
from msgspec.structs import replace

from hyperloom import errors
from hyperloom.core import getting
from hyperloom.core.following import follow
from hyperloom.gcs import codes
from hyperloom.ids import ProcessID, new_process_id, object_id, task_id
from hyperloom.plan import submitted as written_down
from hyperloom.plan.detaching import (
    About,
    Record,
    Span,
    decoded,
    listed_of,
    places_in,
    record_of,
    spans_of,
)

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


class Detached:
    """What a process has of one."""

    def __init__(self, session: Session, plan: ProcessID, about: About, record: Record) -> None:
        self.plan = plan
        self._session = session
        self._about = about
        self._record = record
        self._submitted: Submitted | None = None

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
        self._session.outbox.call("owner_add", self.plan, said, record, others)

    @classmethod
    def taken_up(cls, session: Session, plan: ProcessID) -> Detached:
        """A plan of the session's job, to be followed from now on.

        Raises:
            errors.NotFound: there is no such plan in the job.
        """
        made = cls(session, plan, About("", 0, 0, "", 0, 0.0), Record((), (), ()))
        made.look()
        about = listed_of(session.outbox.call("owner_list")).get(plan)
        made._about = about or made._about
        follow(session, plan)
        return made

    def look(self) -> bool:
        """Learn of what others did with it meanwhile; whether it was anything.

        Raises:
            errors.NotFound: it was released.
        """
        text = self._session.outbox.call("owner_record", self.plan)
        if text is None:
            raise errors.NotFound(
                f"job {self._session.job.hex()} has no detached plan {self.plan.hex()}: it was "
                "released, or it never was"
            )
        before, self._record = self._record, decoded(text)
        return before != self._record

    @property
    def label(self) -> str:
        """What people know it by."""
        return self._about.label

    @property
    def tasks(self) -> int:
        """How many it has."""
        return sum(span.last - span.first + 1 for span in self._record.tasks)

    def results(self) -> list[Any]:
        """Refs, and lists of refs, in their order."""
        session = self._session
        oids = self._oids()
        results: list[Any] = []
        for size, number in self._record.lists:
            for _ in range(number):
                if size >= 0:
                    results.append([session.adopt(oid) for oid in islice(oids, size)])
                else:
                    results.append(session.adopt(next(oids)))
        return results

    def _oids(self) -> Iterator[bytes]:
        for at, (task, index) in enumerate(places_in(self._record.results)):
            yield self._record.others.get(at) or object_id(task_id(self.plan, task), index)

    def submitted(self) -> Submitted:
        """The plan as it was submitted.

        Raises:
            errors.ObjectLost: it was not kept, or is lost; the message says why.
        """
        if self._submitted is None:
            if not self._record.plan:
                raise errors.ObjectLost(
                    f"the tasks of plan {self.plan.hex()} are known only to the program that "
                    f"submitted it: {self._record.lacks}. Its results are not affected. Submit it "
                    "anew to run parts of it again; with resume=True what has a checkpoint is "
                    "not computed again"
                )
            kept = self._session.adopt(self._record.plan)
            self._submitted = written_down.read(getting.get(self._session, kept, None))
        return self._submitted

    def runs_again(self, numbers: Sequence[int], results: Sequence[Any]) -> None:
        """It has these results from now on, made by this process's tasks with these numbers."""
        was = self._record
        again = (*was.again, (bytes(self._session.process), spans_of(numbers)))
        made = record_of(self.plan, was.tasks, results, was.plan, was.lacks)
        self._record = replace(made, again=again)
        self._say()

    def tasks_of(self) -> Iterator[tuple[ProcessID, tuple[Span, ...]]]:
        """All tasks: of the plan itself, and of those who ran parts of it again."""
        yield self.plan, self._record.tasks
        for process, spans in self._record.again:
            yield ProcessID(process), spans

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
