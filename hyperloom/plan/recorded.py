"""A plan of which the control plane has a record, so that any process can take it up.

`hyperloom.plan.detached` are those that belong to nobody, `hyperloom.plan.living` those of a
process that lives.  What both have in common is the record: which tasks there are, and which of
their outputs are results.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.core import getting
from hyperloom.ids import ProcessID, object_id, task_id
from hyperloom.plan import submitted as written_down
from hyperloom.plan.detaching import decoded, places_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.core.session import Session
    from hyperloom.plan.detaching import About, Record, Span
    from hyperloom.plan.submitted import Submitted


class Recorded:
    """What a process has of one."""

    detached = False
    counted = True  # whether a handle of it keeps this process visiting its job

    def __init__(self, session: Session, plan: ProcessID, about: About, record: Record) -> None:
        self.plan = plan
        self._session = session
        self._about = about
        self._record = record
        self._submitted: Submitted | None = None

    @property
    def process(self) -> ProcessID:
        """Whose tasks those of the plan are: a detached plan's are its own."""
        return ProcessID(self._record.process or self.plan)

    @property
    def label(self) -> str:
        """What people know it by."""
        return self._about.label

    @property
    def tasks(self) -> int:
        """How many it has."""
        return self._record.number

    @property
    def counts_as(self) -> bytes:
        """What its tasks are counted under; empty: they are not counted by themselves."""
        return self.plan if self._record.counted else b""

    def look(self) -> bool:
        """Learn of what others did with it meanwhile; whether it was anything.

        Raises:
            errors.NotFound: nobody has it any more.
        """
        before, self._record = self._record, record_in(self._session, self.plan)
        return before != self._record

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
            yield self._record.others.get(at) or object_id(task_id(self.process, task), index)

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
        raise NotImplementedError

    def tasks_of(self) -> Iterator[tuple[ProcessID, tuple[Span, ...]]]:
        """All tasks: of the plan itself, and of those who ran parts of it again."""
        yield self.process, self._record.tasks
        for process, spans in self._record.again:
            yield ProcessID(process), spans

    def stopped_by(self) -> bytes | None:
        """The failure for which it was stopped, if it was and that is known."""
        return None

    def release(self) -> None:
        """This process does not want its results any more."""


def record_in(session: Session, plan: ProcessID) -> Record:
    """The record of a plan of the session's job.

    Raises:
        errors.NotFound: there is none.
    """
    text = session.outbox.call("owner_record", plan)
    if text is None:
        raise errors.NotFound(
            f"job {session.job.hex()} has no plan {plan.hex()}: it was released, or its program "
            "dropped its handle or ended, or it never was"
        )
    record: Record = decoded(text)
    return record
