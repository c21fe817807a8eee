"""A plan becomes tasks of the control plane.

The rule: dependencies inside a plan are resolved here.  Each task travels with the number of
inputs that the plan itself makes, each output with the tasks that take it, so that the server
looks nothing up.  All of it is packed before anything is said.  It is said from the end to the
beginning, those who take before those who make (``lua/task/plan.lua`` says why).
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from hyperloom import specs
from hyperloom.core import cancelling
from hyperloom.core.bound import BoundOutput, BoundTask, output_of
from hyperloom.ids import number_of, object_id, task_id
from hyperloom.plan.graph import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session
    from hyperloom.core.submission import Submitter
    from hyperloom.ids import TaskID

Wanted = BoundTask[Any] | BoundOutput

_AT_ONCE = 250  # tasks of one call
_BYTES_AT_ONCE = 1 << 18


def parts_of(wanted: Wanted) -> tuple[BoundTask[Any], int | None]:
    """The task, and which of its outputs; None: all."""
    if isinstance(wanted, BoundTask):
        return wanted, None
    return wanted.task, wanted.index


class Submission:
    """One plan on its way; afterwards, what there is to know of it."""

    def __init__(self, session: Session, wanted: Sequence[Wanted]) -> None:
        self._session = session
        self._wanted: dict[int, set[int]] = {}
        for task, index in map(parts_of, wanted):
            indices = range(task.remote.returns) if index is None else (index,)
            self._wanted.setdefault(id(task), set()).update(indices)
        self.order = in_order([task for task, _ in map(parts_of, wanted)])
        self._ids: dict[int, TaskID] = {id(task): session.next_task() for task in self.order}
        self.numbers = array("Q", (number_of(task) for task in self._ids.values()))
        self._submitter: Submitter  # of the task that is being packed
        self._takers: dict[bytes, list[bytes]] = {}
        self._inside: set[bytes] = set()  # of the task that is being packed
        self._large: list[bytes] = []  # objects that hold arguments: until all is said
        self._parts: list[tuple[list[bytes], list[bytes]]] = []  # tasks and objects of a call
        self._bytes = _BYTES_AT_ONCE + 1  # of the last one

    def run(self) -> dict[tuple[int, int], ObjectRef[Any]]:
        """Submit it: the refs of wanted outputs, by the task's identity and their number.

        Raises:
            NotSerializable: an argument cannot travel; nothing was submitted.
            SessionClosed: an argument is a ref of an earlier session; nothing was submitted.
        """
        session = self._session
        try:
            for task in reversed(self.order):
                self._pack(task)
            refs = {  # before anything is said, or the word of a result could come before its ref
                (key, index): session.promise(object_id(self._ids[key], index))
                for key, indices in self._wanted.items()
                for index in indices
            }
            width = max((task.remote.returns for task in self.order), default=1)
            self._say(width)
        finally:
            self._parts.clear()
            for oid in self._large:
                session.outbox.release(oid, made=True)
        session.settle()
        return refs

    def _say(self, width: int) -> None:
        said: list[bytes] = []
        try:
            for tasks, objects in self._parts:
                said += tasks[::5]
                self._session.outbox.plan(width, self._session.task, tasks, objects)
        except BaseException:
            # Ctrl-C: what takes would wait for ever for what makes.  Of that only the count of
            # its holders stays, until the job ends: an object that nobody makes is never dropped.
            cancelling.cancel_tasks(self._session, said)
            raise

    def _part(self) -> tuple[list[bytes], list[bytes]]:
        if self._bytes > _BYTES_AT_ONCE or len(self._parts[-1][0]) >= 5 * _AT_ONCE:
            self._parts.append(([], []))
            self._bytes = 0
        return self._parts[-1]

    def _pack(self, task: BoundTask[Any]) -> None:
        submitter = self._submitter = task.remote.submitter()
        self._inside.clear()
        record, inputs, large = submitter.pack(task.args, task.kwargs, self._id_of)
        own = self._ids[id(task)]
        inside = self._inside
        for oid in inside:
            self._takers.setdefault(oid, []).append(own)
        outside = b"".join([oid for oid in inputs if oid not in inside])
        tasks, objects = self._part()
        tasks += (own, record, b"%d" % len(inside), outside, specs.others_of(record))
        self._bytes += len(record)
        if large:
            self._large.append(large)
        wanted = self._wanted.get(id(task), ())
        for index in range(task.remote.returns):
            oid = object_id(own, index)
            takers = self._takers.pop(oid, ())
            if takers or index not in wanted:
                objects += (oid, b"".join(takers), b"1" if index in wanted else b"0")

    def _id_of(self, value: object) -> bytes | None:
        output = output_of(value)
        if output is None:
            return self._submitter.ref_id(value)
        task, index = output
        oid = object_id(self._ids[id(task)], index)
        self._inside.add(oid)
        return oid


def cancel(session: Session, numbers: Sequence[int]) -> None:
    """Cancel these tasks of the session, those who take before those who make."""
    tasks = [task_id(session.process, number) for number in reversed(numbers)]
    cancelling.cancel_tasks(session, tasks)
