"""`JobHandle`: all plans of a job that can be taken up, as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom.core import following
from hyperloom.plan import states
from hyperloom.plan.handle import PlanHandle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.session import Session
    from hyperloom.plan.mending import PlanFailure
    from hyperloom.plan.plan import Plan
    from hyperloom.plan.submission import Wanted


class JobHandle(PlanHandle):
    """`plans` are their handles."""

    def __init__(self, session: Session, plans: list[PlanHandle]) -> None:
        results = [result for plan in plans for result in plan.results]
        super().__init__(session, results, sum(plan.progress().tasks for plan in plans))
        self.plans = plans

    @property
    def plan(self) -> Plan:
        """There is not one.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"job {self.job_id} has {len(self.plans)} plans: take one of handle.plans")

    def _hear(self, oids: Sequence[bytes]) -> None:
        following.hear_of(self._session, oids)

    def failures(self) -> list[PlanFailure]:
        """Of all of them."""
        return [failure for plan in self.plans for failure in plan.failures()]

    def retry_failed(self) -> int:
        """Run again what failed of each of them; how many results."""
        failed = sum(plan.retry_failed() for plan in self.plans)
        self._results = [result for plan in self.plans for result in plan.results]
        return failed

    def ref(self, task: Wanted | str) -> Any:  # noqa: ANN401 - a ref, or a list of them
        """Of that plan which has the task."""
        return self._whose(task).ref(task)

    def state(self, task: Wanted | str) -> str:
        """Of that plan which has the task."""
        return self._whose(task).state(task)

    def states(self) -> dict[str, int]:
        """Of all of them."""
        return states.total(plan.states() for plan in self.plans)

    def _whose(self, task: Wanted | str) -> PlanHandle:
        for plan in self.plans:
            if plan._as_submitted().has(task):  # noqa: SLF001 - one of us
                return plan
        raise ValueError(f"{task!r} is no task of the {len(self.plans)} plans of this job")

    def release(self) -> None:
        """Let go of the results of all of them."""
        self._last = self.progress()
        self._results = None
        for plan in self.plans:
            plan.release()

    def cancel(self) -> None:
        """Cancel all of them."""
        for plan in self.plans:
            plan.cancel()
