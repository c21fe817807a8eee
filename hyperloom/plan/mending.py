"""What of a plan failed, why, and how that part of it is run again.

The rule: what is there is not made again.  Results that did not fail are inputs of the part that
is run again, as they are; of everything else that it needs, the results were let go of when the
tasks that took them ended, so it is run again from the plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import failures
from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask
from hyperloom.gcs import codes
from hyperloom.ids import ObjectID, task_of
from hyperloom.plan.naming import parts_of
from hyperloom.plan.submission import Submission
from hyperloom.serialization import failure_record, to_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hyperloom.core.bound import Node
    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session
    from hyperloom.plan.submission import Wanted

    Way = Callable[[bytes, bytes], tuple[str, ...]]


class PlanFailure(NamedTuple):
    """One task that failed, and what it took with it."""

    label: str  # the task's, or its function's name
    task_id: str  # as `loom.context()` calls it; empty if that was not known where it was said
    error: BaseException  # as `get` raises it: with its class, message, traceback and path
    path: tuple[str, ...]  # from the task to one result that it failed, by label
    results: int  # how many results it failed

    def __str__(self) -> str:
        also = f"; {self.results:,} results failed with it" if self.results > 1 else ""
        way = f", by way of {' → '.join(self.path)}" if len(self.path) > 1 else ""
        kind = type(self.error.__cause__ or self.error).__name__
        first = str(self.error).partition("\n")[0]
        said = first if first.startswith(kind) else f"{kind}: {first}"
        return f"{self.label}: {said}{way}{also}"


def failures_of(
    session: Session,
    refs: Iterable[ObjectRef[Any]],
    stopped_by: Callable[[], bytes | None],
    ways: Callable[[], Way | None],
) -> list[PlanFailure]:
    """The tasks that failed these results, as far as is known, those that failed most first.

    Args:
        session: whose refs these are.
        refs: the results.
        stopped_by: gives the failure for which the plan was stopped, if it was; what was
            cancelled then failed by that.
        ways: gives what knows the way from a task to a result, by labels, if that is known.
    """
    oids = [ref.binary() for ref in refs]
    session.ask([oid for oid in oids if session.values.get(oid) == codes.LARGE])
    records = [
        (oid, failure_record(session.values[oid] or b"")) for oid in oids if session.failed(oid)
    ]
    way = ways() if records else None
    found: dict[_Who, list[_Failed]] = {}
    cancelled: dict[_Who, list[_Failed]] = {}
    for oid, record in records:
        why = failures.decode(record)
        which = cancelled if why.category == "cancelled" else found
        which.setdefault(_who(why, oid, way), []).append((oid, record))
    first = stopped_by() if cancelled else None
    if first is None:
        found |= cancelled
    else:
        record = failure_record(first)
        also = [(b"", record)] * sum(map(len, cancelled.values()))
        found.setdefault(_who(failures.decode(record), b"", way), []).extend(also)
    several = sorted(found.items(), key=lambda each: -len(each[1]))
    return [_failure(task, name, failed, way) for (task, name, _), failed in several]


_Failed = tuple[bytes, bytes]  # a result, and the record of its failure; or no result
_Who = tuple[bytes, str, str]


def _who(why: failures.Failure, oid: bytes, way: Way | None) -> _Who:
    """What tells one task that failed from another.

    Who cancels many tasks at once, such as a whole job, does not say which: what nobody passed on
    is the failure of the result's own task, and those of one label are told together.
    """
    if why.task_id:
        return why.task_id, why.name, ""
    name = why.name
    if oid and way is not None and len(why.path) <= 1:
        own = task_of(ObjectID(oid))
        (name,) = way(own, own) or (name,)
    return b"", name or "?", why.text


def _failure(task: bytes, name: str, failed: Sequence[_Failed], way: Way | None) -> PlanFailure:
    paths = [(failures.decode(record).full_path(), oid) for oid, record in failed]
    path, oid = min(paths, key=lambda each: len(each[0]))
    if way is not None and task:
        (label,) = way(task, task) or (name,)  # a raylet does not know the label
        path = way(task, oid or task) or path
        name = label
    elif len(path) <= 1:
        path = (name,)
        task = task_of(ObjectID(oid)) if oid and len(failed) == 1 else b""
    return PlanFailure(name, task.hex(), to_exception(failed[0][1]), path, len(failed))


def run_failed(
    session: Session, wanted: Sequence[Wanted], results: Sequence[Any], counts_as: bytes
) -> tuple[list[Any], list[int]]:
    """The results, those that had failed made anew, and the numbers of the tasks that do it.

    `counts_as`: the plan, if that is counted by itself.

    Raises:
        what `Plan.submit` raises.
    """
    mending = _Mending(session, wanted, results, counts_as)
    mending.run_items()
    mending.run_rest()
    return mending.results, mending.numbers


class _Mending:
    def __init__(
        self, session: Session, wanted: Sequence[Wanted], results: Sequence[Any], counts_as: bytes
    ) -> None:
        self._session = session
        self._counts_as = counts_as
        self._wanted = list(map(parts_of, wanted))
        self._there: dict[int, list[ObjectRef[Any]]] = {}
        self.results = [list(each) if isinstance(each, list) else each for each in results]
        self.numbers: list[int] = []
        for (node, _), result in zip(self._wanted, self.results, strict=True):
            whole = isinstance(result, list) if node.outputs != 1 else True
            if whole and not self._failed(result):
                self._there[id(node)] = result if isinstance(result, list) else [result]

    def _failed(self, result: Any) -> list[int]:  # noqa: ANN401 - a ref, or a list of them
        refs = result if isinstance(result, list) else [result]
        return [i for i, ref in enumerate(refs) if self._session.failed(ref.binary())]

    def run_items(self) -> None:
        """Of maps that are wanted whole: those items that failed; then all of them are there."""
        for (node, index), result in zip(self._wanted, self.results, strict=True):
            if index is None and isinstance(node, BoundMap) and id(node) not in self._there:
                failed = self._failed(result)
                made = self._run([_alone(node, item) for item in failed])
                for item, ref in zip(failed, made, strict=True):
                    result[item] = ref
                self._there[id(node)] = result

    def run_rest(self) -> None:
        """All others that failed."""
        places = [at for at, result in enumerate(self.results) if self._failed(result)]
        again = [self._said(*self._wanted[at]) for at in places]
        for at, result in zip(places, self._run(again), strict=True):
            self.results[at] = result

    def _said(self, node: Node, index: int | None) -> Wanted:
        if index is not None and isinstance(node, BoundMap):
            return _alone(node, index)
        return node if index is None else BoundOutput(node, index)

    def _run(self, tasks: Sequence[Wanted]) -> list[Any]:
        submission = Submission(self._session, tasks, there=self._there, counts_as=self._counts_as)
        made = submission.run()
        self.numbers += submission.numbers
        return made


def _alone(node: BoundMap[Any], item: int) -> BoundTask[Any]:
    task: BoundTask[Any] = node.function.bind(node.items[item], **node.kwargs)
    return task if node.label is None else task.named(node.label)
