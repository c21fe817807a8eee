"""`attach`: a plan taken up from any process: a detached one, or one of a program that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.core import current, visiting
from hyperloom.ids import JOB_BYTES, PROCESS_BYTES, ProcessID, job_of
from hyperloom.plan import detaching
from hyperloom.plan.detached import Detached
from hyperloom.plan.handle import PlanHandle
from hyperloom.plan.job import JobHandle
from hyperloom.plan.living import Living
from hyperloom.plan.recorded import record_in

if TYPE_CHECKING:
    from hyperloom.core.session import Session

_SHOWN = 10


def attach(what: str) -> PlanHandle:
    """See `hyperloom.attach`."""
    plan = _parsed(what)
    home: Session = current.session()
    home.flush()  # of our own handles, those that are gone
    try:
        session = visiting.session_in(job_of(plan))
    except errors.NotFound:
        raise _nothing(home, what) from None
    try:
        if len(plan) == PROCESS_BYTES:
            return _plan(session, plan)
        plans = [_plan(session, each) for each in detaching.all_plans(session, session.job)]
        if plans:
            return plans[0] if len(plans) == 1 else JobHandle(session, plans)
    except errors.NotFound:
        pass
    visiting.leave(session)
    raise _nothing(home, what)


def _plan(session: Session, plan: ProcessID) -> PlanHandle:
    record = record_in(session, plan)
    if record.process:
        living, results = Living.taken_up(session, plan, record)
        return PlanHandle(session, results, living.tasks, None, living)
    theirs = Detached.taken_up(session, plan, record)
    return PlanHandle(session, theirs.results(), theirs.tasks, None, theirs)


def _parsed(what: str) -> ProcessID:
    if not isinstance(what, str):
        raise TypeError(
            f"attach() takes the id of a plan or of a job, which is text, not {what!r:.100}"
        )
    try:
        found = bytes.fromhex(what)
    except ValueError:
        found = b""
    if len(found) not in {PROCESS_BYTES, JOB_BYTES}:
        raise ValueError(
            f"{what!r:.100} is no id: a plan has {2 * PROCESS_BYTES} hexadecimal digits "
            f"(handle.id), a job {2 * JOB_BYTES}"
        )
    return ProcessID(found)


def _nothing(home: Session, what: str) -> errors.NotFound:
    jobs = visiting.jobs(home)
    there = [
        f"{plan.hex()} {about.label or about.program}"
        for job in jobs
        for plan, about in detaching.all_plans(home, job).items()
    ]
    shown = "".join(f"\n  {line}" for line in there[-_SHOWN:])
    why = (
        "it was released, or its program dropped its handle or ended (only what is submitted with "
        f"detach=True outlives that), or it never was at {home.address}"
    )
    job = jobs.get(job_of(ProcessID(bytes.fromhex(what))))
    if job is not None and len(what) == 2 * JOB_BYTES:
        why = (
            f"that job is there (of process {job.get('pid')}), but no plan: a plan can be taken up "
            "as long as its program has its handle, or longer if it was submitted with detach=True"
        )
    return errors.NotFound(
        f"no plan can be taken up as {what}: {why}. "
        + (f"What can be:{shown}" if there else "Nothing can be there")
    )
