"""A plan is named, packed, and said to the control plane, all of it or nothing.

The rule: all of it is packed before anything is said, so that what cannot travel stops all.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from hyperloom.core import current
from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask
from hyperloom.core.visiting import session_there
from hyperloom.errors import OtherJob
from hyperloom.ids import TaskIds, new_process_id
from hyperloom.plan.cancelling import cancel
from hyperloom.plan.detaching import (
    Lists,
    Record,
    Run,
    Span,
    counted,
    record_of,
    runs_of,
)
from hyperloom.plan.graph import in_order, to_be_said
from hyperloom.plan.naming import Names, parts_of
from hyperloom.plan.packing import Packing, Submitters, Wants
from hyperloom.plan.resume import kept_of
from hyperloom.plan.submitted import skipped_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hyperloom.core.bound import Node
    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session
    from hyperloom.ids import ProcessID

Wanted = BoundTask[Any] | BoundMap[Any] | BoundOutput


class Submission:
    """One plan on its way; afterwards, what there is to know of it."""

    def __init__(  # noqa: PLR0913 - what makes it another plan's, or a part of one
        self,
        session: Session,
        wanted: Sequence[Wanted],
        plan: ProcessID | None = None,
        *,
        resume: bool = False,
        there: Mapping[int, list[ObjectRef[Any]]] = {},
        counts_as: bytes = b"",
    ) -> None:
        """With `plan`, the tasks are that process's, which does not exist: `detaching`.

        `there`: results of nodes, by their `id`, that are there and not to be made again.
        `counts_as`: a plan that is counted by itself, and of which these are run again.
        """
        self._session = session
        self._plan = plan
        self._wanted = [parts_of(each) for each in wanted]
        roots = [node for node, _ in self._wanted]
        self._order = in_order(roots)
        self._kept = kept_of(session, self._order, roots, resume=resume)
        self._kept.there.update(there)
        if self._kept.loads or self._kept.there:
            self._order = self._kept.order(roots)
        run = self._order if self._kept.loads or self._kept.there else None
        self.skipped = skipped_of(roots, run)
        ids = session.ids if plan is None else TaskIds(plan)
        self._names = Names(ids, self._order)
        self.numbers = self._names.numbers
        self.id = plan or new_process_id(session.job)  # by which others will know the plan
        self._counts_as = counts_as or (self.id if counted(len(self.numbers)) else b"")
        self._refs: dict[tuple[int, int], ObjectRef[Any]] = {}

    def run(self, also: Callable[[list[Any]], None] = lambda _: None) -> list[Any]:
        """Submit it: the refs of what is wanted; for a node with several results, a list of them.

        `also` is called with them when all is said, and before that is accepted: to say more.

        Raises:
            NotSerializable: an argument cannot travel; nothing was submitted.
            SessionClosed: an argument is a ref of an earlier session; nothing was submitted.
            OtherJob: an argument is a ref of another job; nothing was submitted.
        """
        session = self._session
        width = max((_width(node) for node in self._order), default=1)
        submitters = Submitters(session, self._counts_as)
        packing = Packing(submitters, self._names, Wants(self._wanted), width, self._kept)
        try:
            left, self._order = to_be_said(self._order), []
            while left:
                packing.add(left.pop())  # what is packed needs no memory any more
            words = packing.finish()
            # Before anything is said, or the word of a result could come before its ref.
            results = [self._results(node, index) for node, index in self._wanted]
            self._say(words, lambda: also(results))
        finally:
            for oid in packing.large:
                session.outbox.release(oid, made=True)
        session.settle()
        self._kept.tell_origins(session, self._refs)
        return results

    def _say(self, words: list[Any], also: Callable[[], None]) -> None:
        session, outbox = self._session, self._session.outbox
        if self._plan is not None:
            session.settle()  # templates and inputs come before the words of another process
            outbox = session.outbox_of(self._plan)
        words.reverse()
        try:
            while words:
                outbox.say(words.pop())  # what is said needs no memory any more
            also()
            outbox.settle()
        except BaseException:
            # Ctrl-C: what takes would wait for ever for what makes.  Of that only the count of
            # its holders stays, until the job ends: an object that nobody makes is never dropped.
            cancel(session, self._plan or session.process, self.numbers)
            raise
        finally:
            if outbox is not session.outbox:
                outbox.close()

    def record(self, results: Sequence[Any]) -> Record:
        """What others must know to take the plan up, which is this process's; after `run`."""
        process, spans = self._session.process, tuple(Span(*span) for span in self._names.spans)
        if self._kept.there:  # results that it did not make
            return replace(record_of(process, spans, results), process=process)
        runs: list[Run] = []
        places: list[tuple[int, int]] = []  # behind those
        sizes = []
        for node, index in self._wanted:
            if index is not None or (node.outputs == 1 and not isinstance(node, BoundMap)):
                sizes.append(-1)
                places.append(self._names.place(node, index or 0))
                continue
            sizes.append(node.outputs)
            if isinstance(node, BoundMap) and node.tasks:
                runs += [*runs_of(places), Run(*self._names.place(node, 0), 1, 0, node.tasks)]
                places.clear()
            else:
                places += [self._names.place(node, each) for each in range(node.outputs)]
        runs += runs_of(places)
        lists = tuple(Lists(size, len(list(some))) for size, some in groupby(sizes))
        return Record(spans, tuple(runs), lists, process=process)

    def _results(self, node: Node, index: int | None) -> Any:  # noqa: ANN401 - a ref, or a list
        if index is not None:
            return self._ref(node, index)
        if isinstance(node, BoundMap) or node.outputs != 1:
            return [self._ref(node, each) for each in range(node.outputs)]
        return self._ref(node, 0)

    def _ref(self, node: Node, index: int) -> ObjectRef[Any]:
        """One for each output, however often it is wanted: refs are counted."""
        there = self._kept.there.get(id(node))
        ref = self._refs.get((id(node), index)) if there is None else there[index]
        if ref is None:
            ref = self._session.promise(self._names.output(node, index))
            self._refs[id(node), index] = ref
        return ref


def run(wanted: Sequence[Wanted]) -> list[Any]:
    """Submit these, and nothing but their refs: a plan that nobody has and nobody can take up.

    Raises:
        Exception: as `Submission.run`.
    """
    try:
        return Submission(current.session(), wanted).run()
    except OtherJob as error:
        return Submission(session_there(error), wanted).run()


def _width(node: Node) -> int:
    return 1 if isinstance(node, BoundMap) else node.outputs
