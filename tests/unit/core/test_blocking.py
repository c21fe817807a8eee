"""When the raylet hears that a task waits, and that it goes on."""

from __future__ import annotations

import pytest

from hyperloom.core.blocking import Blocking, Waits
from hyperloom.core.context import Running
from hyperloom.ids import FunctionID, TaskID
from hyperloom.specs import Template

TEMPLATE = Template(FunctionID(bytes(12)), "f", 1, 0, 0, "")


class Worker:
    """What says the words, and what runs."""

    def __init__(self) -> None:
        self.running: Running | None = None
        self.said: list[str] = []
        self.blocking = Blocking(
            lambda: self.running,
            lambda: self.said.append("blocked"),
            lambda: self.said.append("unblocked"),
        )

    def begin_task(self) -> None:
        self.running = Running(TaskID(bytes(16)), 1, TEMPLATE)

    def end_task(self) -> None:
        self.running = None
        self.blocking.task_ended()

    def take_words(self) -> list[str]:
        said, self.said[:] = list(self.said), []
        return said


@pytest.fixture
def worker() -> Worker:
    worker = Worker()
    worker.begin_task()
    return worker


def test_the_first_wait_and_the_end_of_the_last_are_said(worker: Worker) -> None:
    first, second = worker.blocking.begin(), worker.blocking.begin()
    first()
    third = worker.blocking.begin()
    second()
    assert worker.take_words() == ["blocked"]
    third()
    assert worker.take_words() == ["unblocked"]
    worker.end_task()
    assert worker.take_words() == []


def test_a_task_that_leaves_a_wait_behind_does_not_leave_it_to_the_next(worker: Worker) -> None:
    left = worker.blocking.begin()
    worker.end_task()
    assert worker.take_words() == ["blocked", "unblocked"]
    worker.begin_task()
    left()
    assert worker.take_words() == []
    own = worker.blocking.begin()
    left()
    assert worker.take_words() == ["blocked"]
    own()
    assert worker.take_words() == ["unblocked"]


def test_a_wait_between_two_tasks_is_nobody_s(worker: Worker) -> None:
    worker.end_task()
    between = worker.blocking.begin()
    worker.begin_task()
    between()
    assert worker.take_words() == []


def test_of_calls_beside_each_other_each_is_told_by_what_it_lacks() -> None:
    running = [Running(TaskID(bytes([n]) * 16), 1, TEMPLATE) for n in range(3)]
    now: list[Running | None] = [None]
    waits = Waits(lambda: now[0])
    there = {b"a"}
    ends = []
    for each, oids in zip(running, ([b"a", b"b"], [b"a"], [b"c"]), strict=True):
        now[0] = each
        ends.append(waits.begin(oids))
    now[0] = None
    waits.begin([b"nobody's"])()

    def told() -> list[tuple[bytes, bytes]]:
        return waits.told(lambda oids: [oid in there for oid in oids])

    assert told() == [(running[0].task, b"b"), (running[2].task, b"c")]
    ends[0]()
    there.add(b"c")
    assert told() == []
