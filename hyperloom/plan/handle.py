"""`PlanHandle`: a plan that was submitted; wait for it, fetch from it, let go of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import errors
from hyperloom.core import getting, visiting
from hyperloom.plan import detaching, submission

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID


class Progress(NamedTuple):
    """How far a plan is."""

    done: int  # wanted results that are there, failures included
    failed: int  # those of them that are failures
    wanted: int
    tasks: int  # of the plan, whether done or not


class PlanHandle:
    """See the module.  `results` are refs in the order in which they were wanted.

    A map, or a task with several outputs, wanted whole, has a list of refs in its place.
    """

    def __init__(
        self,
        session: Session,
        results: list[Any],
        numbers: Sequence[int],
        plan: ProcessID | None = None,
    ) -> None:
        self._session = session
        self._numbers = numbers
        self._results: list[Any] | None = results
        self._plan = plan
        if plan is not None:
            session.handles += 1

    @property
    def id(self) -> str | None:
        """What `loom.attach` finds the plan by, in any process; None if it is not detached."""
        return None if self._plan is None else self._plan.hex()

    @property
    def job_id(self) -> str:
        """The job that the plan is part of, as `loom.context()` calls it."""
        return self._session.job.hex()

    @property
    def results(self) -> list[Any]:
        """The refs; they are as any others, and may be inputs of tasks and of later plans.

        Raises:
            ObjectLost: they were released.
        """
        if self._results is None:
            raise errors.ObjectLost(
                "the results of this plan were released; submit it again to have them again"
            )
        return self._results

    def _flat(self) -> list[ObjectRef[Any]]:
        flat: list[ObjectRef[Any]] = []
        for each in self.results:
            flat += each if isinstance(each, list) else [each]
        return list(dict.fromkeys(flat))

    def progress(self) -> Progress:
        """How far it is, as this process has heard; asks nobody, costs little."""
        flat = self._flat()
        oids = [ref.binary() for ref in flat]
        failed = sum(self._session.failed(oid) for oid in oids)
        return Progress(sum(self._session.ready(oids)), failed, len(flat), len(self._numbers))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all results are there, failures too.  False: they were not, in time."""
        flat = self._flat()
        if not flat:
            return True
        ready, _ = getting.wait(self._session, flat, len(flat), timeout)
        return len(ready) == len(flat)

    def fetch(self, timeout: float | None = None) -> list[Any]:
        """The values of all results, in their order; they stay, and can be fetched again.

        Raises:
            Exception: what the first task raised that failed, as `hyperloom.get` does.
            GetTimeout: they were not there in time; nothing is lost.
        """
        results = self.results
        getting.get(self._session, self._flat(), timeout)
        return [self._value(each) for each in results]

    def _value(self, result: Any) -> Any:  # noqa: ANN401 - the user's
        return getting.get(self._session, result, None)

    def gather(self, timeout: float | None = None) -> list[Any]:
        """`fetch`, then `release`."""
        values = self.fetch(timeout)
        self.release()
        return values

    def as_completed(self, timeout: float | None = None) -> Iterator[ObjectRef[Any]]:
        """The refs of the results as they come, failures too."""
        return getting.as_completed(self._session, self._flat(), timeout)

    def release(self) -> None:
        """Let go of the results.  What still runs, runs on; harmless when done twice.

        Of a detached plan nobody can have them any more; and when its driver is gone, and nothing
        else of its job is detached, the job ends, with what still runs.
        """
        if self._results is not None and self._plan is not None:
            detaching.release(self._session, self._plan)
            self._results = None
            self._session.handles -= 1
            visiting.leave(self._session)
        self._results = None

    def cancel(self) -> None:
        """Stop what runs and drop what does not; results that are not there yet fail."""
        submission.cancel(self._session, self._plan or self._session.process, self._numbers)

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        name = f"plan {self.id}" if self.id else "plan"
        if self._results is None:
            return f"<{name} of {len(self._numbers):,} tasks, released>"
        done, failed, wanted, tasks = self.progress()
        failures = f", {failed:,} failed" if failed else ""
        return f"<{name} of {tasks:,} tasks: {done:,} of {wanted:,} results{failures}>"


class JobHandle(PlanHandle):
    """All detached plans of a job as one; `plans` are their handles."""

    def __init__(self, session: Session, plans: list[PlanHandle]) -> None:
        results = [result for plan in plans for result in plan.results]
        tasks = sum(plan.progress().tasks for plan in plans)
        super().__init__(session, results, range(tasks))
        self.plans = plans

    def release(self) -> None:
        """Let go of the results of all of them."""
        self._results = None
        for plan in self.plans:
            plan.release()

    def cancel(self) -> None:
        """Cancel all of them."""
        for plan in self.plans:
            plan.cancel()
