"""`PlanHandle`: a plan that was submitted; wait for it, fetch from it, let go of it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import errors
from hyperloom.core import getting, visiting
from hyperloom.plan import cancelling, detaching, mending, naming, states
from hyperloom.serialization import failure_record, to_exception

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from hyperloom.core.alarms import Alarm
    from hyperloom.core.bound import Node
    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID
    from hyperloom.plan.mending import PlanFailure
    from hyperloom.plan.submission import Wanted


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

    def __init__(  # noqa: PLR0913, PLR0917 - what there is to know of a plan
        self,
        session: Session,
        results: list[Any],
        numbers: Sequence[int],
        plan: ProcessID | None = None,
        wanted: Sequence[Wanted] | None = None,
        label: str = "",
    ) -> None:
        self._session = session
        self._numbers = numbers
        self._results: list[Any] | None = results
        self._plan = plan
        self._wanted = wanted  # None: it was submitted by another program
        self._label = label
        self.alarm: Alarm | None = None  # of a plan that is stopped at its first failure
        self._again: list[Sequence[int]] = []  # tasks of this process that make results anew
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
        try:
            getting.get(self._session, self._flat(), timeout)
        except errors.TaskCancelled:
            if self.alarm is not None and self.alarm.reason is not None:
                raise to_exception(failure_record(self.alarm.reason)) from None
            raise
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

    def failures(self) -> list[PlanFailure]:
        """Which tasks failed, as this process has heard, those that cost most results first.

        Each is named once, however many results it failed; ``print(*handle.failures())``.
        """
        first = None if self.alarm is None else self.alarm.reason
        return mending.failures_of(self._session, self._flat(), first)

    def retry_failed(self) -> int:
        """Run again what failed so far, and what it needs of what is gone; how many results.

        Results that are there stay, and are not made again.  Their refs stay the same; those
        of results that failed are replaced in `results`.

        Raises:
            ValueError: the plan was submitted by another program, which has its tasks.
            ObjectLost: the results were released.
        """
        failed = self.progress().failed
        if self._wanted is None:
            raise ValueError(
                "retry_failed() cannot be here: what failed is run again from the plan, and that "
                "has only the program that submitted it. Submit the plan anew; with "
                "resume=True what has a checkpoint is not computed again"
            )
        if failed:
            self._results, numbers = mending.run_failed(self._session, self._wanted, self.results)
            self._again.append(numbers)
            if self._plan is not None:
                detaching.detach(
                    self._session, self._plan, self._numbers, self._results, self._label
                )
        return failed

    def ref(self, task: Wanted) -> Any:  # noqa: ANN401 - a ref, or a list of them
        """The ref to the result of a task of the plan, as it stands in `results`.

        Raises:
            ValueError: its result was not wanted, so it is not kept.
        """
        node, index = naming.parts_of(task)
        for each, result in zip(self._wanted or (), self.results, strict=False):
            wanted, number = naming.parts_of(each)
            if wanted is node and number == index:
                return result
            if wanted is node and index is not None and isinstance(result, list):
                return result[index]
        raise ValueError(
            f"{task!r} is not among what was wanted of this plan, so its result is not kept: pass "
            "it to Plan.want() before the plan is submitted"
        )

    def future(self, task: Wanted) -> Future[Any]:
        """A `concurrent.futures.Future` of the task's result.

        Raises:
            ValueError: its result was not wanted, so it is not kept.
            TypeError: it has several results.
        """
        result = self.ref(task)
        if isinstance(result, list):
            raise TypeError(f"{task!r} has {len(result)} results: say which, as in task[0]")
        future: Future[Any] = result.future()
        return future

    def state(self, task: Node) -> str:
        """Where a task of the plan stands, asked of the control plane; of a map: its least far.

        One of ``waiting`` (for inputs), ``ready``, ``running``, ``finished``, ``failed``; and
        ``over`` of a task whose result is not kept: finished or failed.

        Raises:
            ValueError: it is no task of this plan, or the plan is another program's.
        """
        process = self._plan or self._session.process
        return states.state_of(self._session, process, self._wanted or (), self._numbers, task)

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
        for numbers in self._again:
            cancelling.cancel(self._session, self._session.process, numbers)
        cancelling.cancel(self._session, self._plan or self._session.process, self._numbers)

    def __len__(self) -> int:
        return len(self.results)

    def __repr__(self) -> str:
        name = f"plan {self.id}" if self.id else "plan"
        if self._results is None:
            return f"<{name} of {len(self._numbers):,} tasks, released>"
        done, failed, wanted, tasks = self.progress()
        failures = f", {failed:,} failed" if failed else ""
        return f"<{name} of {tasks:,} tasks: {done:,} of {wanted:,} results{failures}>"

    def _repr_html_(self) -> str:
        words = escape(repr(self)[1:-1])
        if self._results is None:
            return words
        done, _, wanted, _ = self.progress()
        return f'{words} <progress max="{wanted}" value="{done}"></progress>'


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
