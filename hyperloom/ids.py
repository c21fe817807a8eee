"""Names of things: bytes on the wire, hex for people.

The rule: every id begins with the id of what it belongs to, so that an object tells its
task, its process and its job without a look-up::

    JobID      4   random
    ProcessID 10   job 4 + random 6        a driver or a worker: whoever submits
    TaskID    16   process 10 + counter 6  unique without asking anybody
    ObjectID  20   task 16 + index 4       return value `index` of that task

A `put` takes a fresh TaskID and index 0.  A streaming task's index 0 is its completion;
its items are 1, 2, ...  Node ids are random; functions and templates are named by their
content, so that the same one is stored once.
"""

from __future__ import annotations

import os
from collections import deque
from hashlib import sha256
from itertools import count, islice
from typing import NewType

JobID = NewType("JobID", bytes)
ProcessID = NewType("ProcessID", bytes)
TaskID = NewType("TaskID", bytes)
ObjectID = NewType("ObjectID", bytes)
NodeID = NewType("NodeID", bytes)
FunctionID = NewType("FunctionID", bytes)
TemplateID = NewType("TemplateID", bytes)

JOB_BYTES = 4
PROCESS_BYTES = 10
TASK_BYTES = 16
OBJECT_BYTES = 20
NODE_BYTES = 8
FUNCTION_BYTES = 12
TEMPLATE_BYTES = 8

_COUNTER_BYTES = TASK_BYTES - PROCESS_BYTES
_INDEX_BYTES = OBJECT_BYTES - TASK_BYTES


def new_job_id() -> JobID:
    """A job nobody has seen: one for each driver."""
    return JobID(os.urandom(JOB_BYTES))


def new_process_id(job: JobID) -> ProcessID:
    """A process of the job.  After a fork the child must take a new one."""
    return ProcessID(job + os.urandom(PROCESS_BYTES - JOB_BYTES))


def new_node_id() -> NodeID:
    """A node that starts; one that comes back after its death takes a new id."""
    return NodeID(os.urandom(NODE_BYTES))


class TaskIds:
    """Hands out the task ids of one process, from any of its threads.

    The counter is `itertools.count`, whose step is atomic under the GIL: no lock.
    """

    __slots__ = ("_numbers", "process")

    def __init__(self, process: ProcessID) -> None:
        self.process = process
        self._numbers = count(1)

    def next(self) -> TaskID:
        """An id that this process has not given out before."""
        return TaskID(self.process + next(self._numbers).to_bytes(_COUNTER_BYTES, "big"))

    def consecutive(self, number: int, multiple_of: int = 1) -> int:
        """The first of so many numbers in a row, and a `multiple_of`; none was given out before."""
        while True:
            at = next(self._numbers)
            first = at + -at % multiple_of
            left = first + number - 1 - at
            last = deque(islice(self._numbers, left), maxlen=1).pop() if left else at
            if last == first + number - 1:
                return first
            # Another thread took some in between: these are nobody's.


def object_id(task: TaskID, index: int) -> ObjectID:
    """Return value number `index` of the task."""
    return ObjectID(task + index.to_bytes(_INDEX_BYTES, "big"))


def task_of(oid: ObjectID) -> TaskID:
    """The task that makes the object."""
    return TaskID(oid[:TASK_BYTES])


def index_of(oid: ObjectID) -> int:
    """Which of its task's return values the object is."""
    return int.from_bytes(oid[TASK_BYTES:], "big")


def process_of(task_or_oid: TaskID | ObjectID) -> ProcessID:
    """The process that submitted the task, or the task that makes the object."""
    return ProcessID(task_or_oid[:PROCESS_BYTES])


def job_of(any_id: ProcessID | TaskID | ObjectID) -> JobID:
    """The job that the process, task or object belongs to."""
    return JobID(any_id[:JOB_BYTES])


def task_id(process: ProcessID, number: int) -> TaskID:
    """The task, or put, with this number among those of the process."""
    return TaskID(process + number.to_bytes(_COUNTER_BYTES, "big"))


def number_of(task_or_oid: bytes) -> int:
    """The number of the task among those of its process, from 1 on."""
    return int.from_bytes(task_or_oid[PROCESS_BYTES:TASK_BYTES], "big")


def cut(joined: bytes, width: int) -> list[bytes]:
    """The ids, all of this width, of which `joined` is the concatenation."""
    return [joined[at : at + width] for at in range(0, len(joined), width)]


def function_id(pickled: bytes) -> FunctionID:
    """The name of a function with this pickled form."""
    return FunctionID(sha256(pickled).digest()[:FUNCTION_BYTES])


def template_id(record: bytes) -> TemplateID:
    """The name of a task template with this record."""
    return TemplateID(sha256(record).digest()[:TEMPLATE_BYTES])


def short(any_id: bytes) -> str:
    """A form for messages: enough to tell things of one cluster apart.

    Tasks and objects show their process and count, as in `9a2e41-17` and `9a2e41-17:0`;
    all others their first hex digits.
    """
    if len(any_id) in (TASK_BYTES, OBJECT_BYTES):
        process = any_id[JOB_BYTES : JOB_BYTES + 3].hex()
        number = number_of(any_id)
        index = any_id[TASK_BYTES:]
        tail = f":{int.from_bytes(index, 'big')}" if index else ""
        return f"{process}-{number}{tail}"
    if len(any_id) == PROCESS_BYTES:
        return any_id[JOB_BYTES : JOB_BYTES + 3].hex()
    return any_id[:4].hex()
