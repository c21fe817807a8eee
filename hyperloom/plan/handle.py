"""`PlanHandle`: a plan that was submitted; wait for it, fetch from it, let go of it."""

from __future__ import annotations

from array import array
from contextlib import suppress
from html import escape
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import errors
from hyperloom.core import following, futures, getting, visiting
from hyperloom.ids import number_of
from hyperloom.plan import cancelling, mending, naming, states
from hyperloom.plan.ways import Ways
from hyperloom.serialization import failure_record, to_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID
    from hyperloom.plan.mending import PlanFailure
    from hyperloom.plan.plan import Plan
    from hyperloom.plan.recorded import Recorded
    from hyperloom.plan.submission import Wanted
    from hyperloom.plan.submitted import Submitted


class Progress(NamedTuple):
    """How far a plan is."""

    done: int  # wanted results that are there, also those that failed or were cancelled
    failed: int  # those of them that failed
    wanted: int
    tasks: int  # of the plan, whether done or not
    cancelled: int = 0  # results that are there for nobody wanted their tasks any more


class PlanHandle:
    """See the module.  `results` are refs in the order in which they were wanted.

    A map, or a task with several outputs, wanted whole, has a list of refs in its place.
    """

    instead = "; handle.results are its refs, and handle.fetch() gives their values"

    def __init__(
        self,
        session: Session,
        results: list[Any],
        tasks: int,
        submitted: Submitted | None = None,
        known: Recorded | None = None,
    ) -> None:
        self._session = session
        self._results: list[Any] | None = results
        self._tasks = tasks
        self._submitted = submitted  # None: it has to be asked for
        self._known = known  # None: nobody else can take it up
        self._last = Progress(0, 0, 0, tasks)  # when it was released
        # What `stopped_by` asks first.  (No method of ours, or the results would live in a circle.)
        self.reason: Callable[[], bytes | None] | None = None
        if known is not None and known.counted:
            session.handles += 1

    @property
    def id(self) -> str | None:
        """What `loom.attach` finds the plan by, in any process; None with ``mode="inline"``."""
        return None if self._known is None else self._known.plan.hex()

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
        """How far it is, as this process has heard; after `release`, how far it was then.

        Costs little, but the first time after `attach`, which asks about all results.
        """
        if self._results is None:
            return self._last
        oids = [ref.binary() for ref in self._flat()]
        self._hear(oids)
        session = self._session
        failed, cancelled = sum(map(session.failed, oids)), sum(map(session.cancelled, oids))
        done = sum(session.ready(oids))
        return Progress(done, failed - cancelled, len(oids), self._tasks, cancelled)

    def _hear(self, oids: Sequence[bytes]) -> None:
        """Ask about those results that this process was not told of, and would not be."""
        if self._known is not None:
            following.hear_of(self._session, oids)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all results are there, failures too.

        False: after `timeout` seconds they were not.
        """
        flat = self._flat()
        if not flat:
            return True
        ready, _ = getting.wait(self._session, flat, len(flat), timeout)
        return len(ready) == len(flat)

    def fetch(self, timeout: float | None = None) -> list[Any]:
        """The values of all results, in their order; they stay, and can be fetched again.

        Raises:
            Exception: what the first task raised that failed, as `hyperloom.get` does.
            GetTimeout: after `timeout` seconds they were not there; nothing is lost.
        """
        results = self.results
        try:
            getting.get(self._session, self._flat(), timeout)
        except errors.TaskCancelled:
            reason = self.stopped_by()
            if reason is not None:
                raise to_exception(failure_record(reason)) from None
            raise
        return [self._value(each) for each in results]

    def _value(self, result: Any) -> Any:  # noqa: ANN401 - the user's
        return getting.get(self._session, result, None)

    def gather(self, timeout: float | None = None) -> list[Any]:
        """`fetch`, which raises what failed and `timeout`, then `release`."""
        values = self.fetch(timeout)
        self.release()
        return values

    def as_completed(self, timeout: float | None = None) -> Iterator[ObjectRef[Any]]:
        """The refs of the results as they come, failures too.

        Raises:
            GetTimeout: `timeout` seconds after the call not all were there.
        """
        return getting.as_completed(self._session, self._flat(), timeout)

    def failures(self) -> list[PlanFailure]:
        """Which tasks failed, as this process has heard, those that cost most results first.

        Each is named once, however many results it failed; ``print(*handle.failures())``.
        """
        flat = self._flat()
        self._hear([ref.binary() for ref in flat])
        return mending.failures_of(self._session, flat, self.stopped_by, self._ways)

    def _ways(self) -> Callable[[bytes, bytes], tuple[str, ...]] | None:
        """How a failure came from a task to a result, by labels; None if the plan is not there."""
        try:
            ways = Ways(self._as_submitted())
        except (errors.LoomError, ImportError):  # not kept, or its modules are not here
            return None
        process = self._process

        def way(task: bytes, result: bytes) -> tuple[str, ...]:
            ours = task.startswith(process) and result.startswith(process)
            return ways.way(number_of(task), number_of(result)) if ours else ()

        return way

    def stopped_by(self) -> bytes | None:
        """The failure for which it was stopped, if it was, as it is kept."""
        if self.reason is not None:
            return self.reason()
        return None if self._known is None else self._known.stopped_by()

    @property
    def _process(self) -> ProcessID:
        return self._session.process if self._known is None else self._known.process

    @property
    def plan(self) -> Plan:
        """The plan as it was submitted: to draw it, and to name its tasks.

        Of a detached plan any process has it, which fetches it once; the functions of its tasks
        must be importable there, as they are where the tasks run.

        Raises:
            ObjectLost: it was not kept, or is lost; the message says why.
        """
        from hyperloom.plan.plan import Plan  # noqa: PLC0415 - it makes us

        submitted = self._as_submitted()
        return Plan(submitted.wanted, label=submitted.label)

    def _open(self) -> Session:
        """The session, to ask or to tell the control plane something.

        Raises:
            SessionClosed: there is none any more; says what became of the plan.
        """
        try:
            self._session.check_open()
        except errors.SessionClosed:
            advice = "what was not detached ended with it; submit the plan again"
            if self._known is not None and self._known.detached:
                advice = f"the plan is there still, and loom.attach({self.id!r}) takes it up again"
            raise errors.SessionClosed(
                f"{self!r} is of a session that is closed: {advice}"
            ) from None
        return self._session

    def _as_submitted(self) -> Submitted:
        if self._submitted is None:
            assert self._known is not None, "whoever submitted it has it"
            self._submitted = self._known.submitted()
        return self._submitted

    def retry_failed(self) -> int:
        """Run again what failed or was cancelled, and what it needs that is gone; how many results.

        Results that are there stay, and are not made again.  Their refs stay the same; those
        of results that failed are replaced in `results`.  Of a detached plan any process may do
        that; the others have the new results when they attach again.

        Raises:
            ObjectLost: the results were released; or the plan as it was submitted is not there,
                and the message says why.
        """
        self._open()
        if self._known is not None and self._results is not None and self._known.look():
            self._results = self._known.results()
        progress = self.progress()
        failed = progress.failed + progress.cancelled
        if failed:
            wanted = self._as_submitted().wanted
            counts_as = b"" if self._known is None else self._known.counts_as
            results, numbers = mending.run_failed(self._session, wanted, self.results, counts_as)
            if self._known is not None:
                self._known.runs_again(numbers, results)
            self._results = results
        return failed

    def ref(self, task: Wanted | str) -> Any:  # noqa: ANN401 - a ref, or a list of them
        """The ref to the result of a task of the plan, as it stands in `results`.

        Args:
            task: one of those that were bound (`plan` has them), or its label, if it is the
                only one of that label.

        Raises:
            ValueError: its result was not wanted, so it is not kept; or there is no such task.
        """
        submitted = self._as_submitted()
        node, index = naming.parts_of(submitted.named(task) if isinstance(task, str) else task)
        for each, result in zip(submitted.wanted, self.results, strict=False):
            wanted, number = naming.parts_of(each)
            if wanted is node and number == index:
                return result
            if wanted is node and index is not None and isinstance(result, list):
                return result[index]
        raise ValueError(
            f"{task!r} is not among what was wanted of this plan, so its result is not kept: pass "
            "it to Plan.want() before the plan is submitted"
        )

    def future(self, task: Wanted | str) -> Future[Any]:
        """A `concurrent.futures.Future` of the task's result; of which task: see `ref`.

        Of a map, or a task with several results, it is that of their list; one that fails fails it.

        Raises:
            ValueError: its result was not wanted, so it is not kept; or there is no such task.
        """
        result = self.ref(task)
        if isinstance(result, list):
            return futures.future_of_all(self._session, result)
        return futures.future_of(self._session, result)

    def state(self, task: Wanted | str) -> str:
        """Where a task of the plan stands, asked of the control plane; of a map: its least far.

        ``squares[3]`` is the task of one item of a map.

        One of ``waiting`` (for inputs), ``ready``, ``running``, ``finished``, ``failed``; and
        ``over`` of a task whose result is not kept, and that failed no result so far; ``skipped``
        of one that was not run, since a result was there already.  Of which task: see `ref`.

        Raises:
            ValueError: there is no such task in this plan.
        """
        session, plan = self._open(), self._as_submitted()
        return states.state_of(session, self._process, plan, task, self._that_failed)

    def states(self) -> dict[str, int]:
        """How many of its tasks are waiting (for inputs), ready, running and over, by these words.

        The control plane is asked about each of them, 500 at a time.
        """
        return states.count(self._open(), self._numbered(), self._tasks)

    def _that_failed(self) -> set[str]:
        return set() if self._results is None else {each.task_id for each in self.failures()}

    def release(self) -> None:
        """Let go of the results.  What still runs, runs on; harmless when done twice.

        Of a detached plan nobody can have them any more; and when its driver is gone, and nothing
        else of its job is detached, the job ends, with what still runs.  Of another plan they are
        let go of by this process: nobody else can take the plan up from here on, if it is the one
        that submitted it, and who has done so before keeps them.
        """
        if self._results is None:
            return
        self._last = self.progress()
        if self._known is not None:
            if self._known.detached:
                self._open()
            self._known.release()
        self._results = None
        if self._known is not None and self._known.counted:
            self._session.handles -= 1
            visiting.leave(self._session)

    def cancel(self) -> None:
        """Stop what runs and drop what does not; results that are not there yet fail."""
        session = self._open()
        for process, numbers in self._numbered():
            cancelling.cancel(session, process, numbers)

    def _numbered(self) -> Iterator[tuple[ProcessID, Sequence[int]]]:
        """Its tasks, by their numbers; what was run again comes first."""
        if self._known is None:
            yield self._process, self._as_submitted().numbers
            return
        with suppress(errors.NotFound):  # released: we know what we know
            self._known.look()
        for process, spans in reversed(list(self._known.tasks_of())):
            yield process, array("Q", chain.from_iterable(range(a, b + 1) for a, b in spans))

    def __len__(self) -> int:
        return len(self.results)

    def __reduce__(self) -> Any:  # noqa: ANN401 - never returns
        raise TypeError(
            f"{self!r} is a handle, which stays in its process: pass on handle.results, each an "
            "input of its own, to have their values; or handle.id, by which loom.attach takes the "
            "plan up elsewhere"
        )

    def __repr__(self) -> str:
        name = f"plan {self.id}" if self._known is not None and self._known.detached else "plan"
        done, failed, wanted, tasks, cancelled = self.progress()
        failures = f", {failed:,} failed" if failed else ""
        failures += f", {cancelled:,} cancelled" if cancelled else ""
        released = ", released" if self._results is None else ""
        return f"<{name} of {tasks:,} tasks: {done:,} of {wanted:,} results{failures}{released}>"

    def _repr_html_(self) -> str:
        words = escape(repr(self)[1:-1])
        if self._results is None:
            return words
        done, _, wanted, *_ = self.progress()
        return f'{words} <progress max="{wanted}" value="{done}"></progress>'
