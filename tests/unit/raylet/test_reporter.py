"""What a raylet says of attempts that came to nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, cast

from hyperloom.ids import TaskIds, TemplateID, new_job_id, new_process_id
from hyperloom.raylet.held import Held
from hyperloom.raylet.reporter import Reporter
from hyperloom.specs import record
from tests.unit.raylet.cast import KINDS


@dataclass
class Unanswered:
    """The control plane, which takes its time; and the rest of a raylet that is asked here."""

    asked: list[Any] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def apply(self, *said: Any, then: Any) -> None:
        self.asked.append((said[0], then))

    def pid(self, _: int) -> int:
        return 17

    def tail(self, _: int) -> tuple[str, ...]:
        return ()

    def came_to_nothing(self, *_: Any, **told: Any) -> None:
        self.told.append(told)


def test_an_attempt_ended_before_it_was_asked_what_becomes_of_it() -> None:
    """1. A worker dies.  2. Its task is queued again, and begins on another worker.  3. The answer
    comes: only then is it known what is to be told of the first attempt, which ended in 1.
    """
    raylet = Unanswered()
    any_ = cast("Any", raylet)
    reporter = Reporter(any_, b"n" * 8, any_, any_, any_)
    task = TaskIds(new_process_id(new_job_id())).next()
    held = Held(task, record(TemplateID(b"t" * 8), [], [], b""), b"", KINDS[0])
    reporter.exited(3, 1, time.monotonic())
    reporter.lost(held, 3, died=True, killed="")
    began_again = time.monotonic()
    ((function, answered),) = raylet.asked
    assert function == "task_retry"
    answered(b"QUEUED")
    (told,) = raylet.told
    assert told["retried"]
    assert told["at"] <= began_again
