"""A plan of a process that lives, which others can take up as long as it does.

Its results are the process's, as all that it makes.  It says what its plan is, when that is
submitted; and that it has it no more, before it lets go of the results (``lua/plan/forget.lua``).

The rule: who takes it up holds the results, too, as refs that came in a value.  The record is read
before they are held and again after: if it is there still, so were the results.  So from then on
they outlive the driver; the job does, because who takes it up visits it.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any

from msgspec import json, msgpack
from msgspec.structs import replace

from hyperloom.plan.detaching import About, record_of, spans_of
from hyperloom.plan.handle import PlanHandle
from hyperloom.plan.recorded import Recorded
from hyperloom.plan.told import told as told_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID
    from hyperloom.plan.detaching import Record
    from hyperloom.plan.submission import Submission
    from hyperloom.plan.submitted import Submitted

_LACKS = (
    "it is not detached, and a plan is kept with its arguments only if it is (submit(detach=True))"
)


class Living(Recorded):
    """What a process has of one: the one that submitted it, or another."""

    _mine = False
    _end: weakref.finalize[..., PlanHandle] | None = None

    @classmethod
    def of(cls, session: Session, plan: ProcessID, label: str, record: Record) -> Living:
        """One that this process is submitting: said behind its tasks, and accepted with them."""
        wanted = sum(run.number for run in record.results)
        program = " ".join(sys.argv[:1])
        about = About(label, record.number, wanted, program, os.getpid(), time.time())
        record = replace(record, lacks=_LACKS)
        made = cls(session, plan, about, record)
        made._mine, made.counted = True, False
        made._say()
        return made

    def _say(self) -> None:
        about, record = json.encode(self._about), msgpack.encode(self._record)
        told = told_of(self._about, self._record, detached=False)
        self._session.outbox.tell("plan_add", self._session.process, self.plan, about, record, told)

    @classmethod
    def taken_up(
        cls, session: Session, plan: ProcessID, record: Record
    ) -> tuple[Living, list[Any]]:
        """A plan of the session's job, and its results, held from now on.

        Raises:
            errors.NotFound: the driver let go of it just now, or ended.
        """
        made = cls(session, plan, About("", 0, 0, "", 0, 0.0), record)
        while True:
            results = made.results()
            session.settle()
            if not made.look():
                return made, results

    def look(self) -> bool:
        """Learn what its program did with it meanwhile; whether that was anything.

        Raises:
            errors.NotFound: its program let go of it, or ended.
        """
        return not self._mine and super().look()

    def runs_again(self, numbers: Sequence[int], results: Sequence[Any]) -> None:
        """Its results are these from now on; said before the former ones are let go of."""
        was = self._record
        again = (*was.again, (bytes(self._session.process), spans_of(numbers)))
        made = record_of(self.process, was.tasks, results, lacks=was.lacks)
        self._record = replace(made, again=again, process=was.process)
        self._say()

    def ends_with(self, handle: PlanHandle) -> None:
        """Nobody can take it up any more when the handle of who submitted it is gone."""
        self._end = weakref.finalize(handle, _forget, self._session, self.plan)
        self._end.atexit = False

    def release(self) -> None:
        """This process does not want its results any more; said before it lets go of them."""
        if self._end is not None:
            self._end()


def _forget(session: Session, plan: ProcessID) -> None:
    """May run anywhere, as ``__del__`` does: see `ObjectRef`."""
    session.last_words.append(("plan_forget", session.process, plan))
    session.wake()


def submit(session: Session, submission: Submission, label: str) -> tuple[list[Any], Living | None]:
    """Submit it: the refs of its results, and the plan as others can take it up; None inline.

    Raises:
        Exception: as `Submission.run`; nobody can take it up then.
    """
    if session.address.url == "inline":
        return submission.run(), None
    said: list[Living] = []

    def say(results: list[Any]) -> None:
        said.append(Living.of(session, submission.id, label, submission.record(results)))

    try:
        results = submission.run(say)
    except BaseException:
        for living in said:
            _forget(session, living.plan)
        raise
    return results, said[0]


def handle_of(
    session: Session, results: list[Any], submitted: Submitted, known: Living | None
) -> PlanHandle:
    """What who submitted it has of it."""
    handle = PlanHandle(session, results, len(submitted.numbers), submitted, known)
    if known is not None:
        known.ends_with(handle)
    return handle
