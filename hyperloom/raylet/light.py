"""Light tasks that the raylet runs itself, some at a time between other things.

The machine says which (`RunHere`).  They are run in slices, so that the loop never waits for more
than some milliseconds; what turns out not to be light goes back to the machine, and to a worker.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from hyperloom import specs
from hyperloom.core.light import LightRunner
from hyperloom.ids import TEMPLATE_BYTES
from hyperloom.raylet import messages as m

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from hyperloom.core.attempts import Attempts
    from hyperloom.raylet.jobs import Jobs
    from hyperloom.raylet.journal import Journal
    from hyperloom.raylet.loop import Loop
    from hyperloom.raylet.machine import NodeMachine

_SLICE_S = 0.002  # then other things have their turn
_AT_ONCE = 50  # tasks of which the control plane hears together


class Light:
    """See the module.  `handle` takes events for the machine."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it touches of a node
        self,
        jobs: Jobs,
        loop: Loop,
        machine: NodeMachine,
        handle: Callable[[m.Event], None],
        inline_max_bytes: int,
        journal: Journal,
    ) -> None:
        self._jobs = jobs
        self._loop = loop
        self._machine = machine
        self._handle = handle
        self._journal = journal
        self._done: dict[bytes, tuple[list[Any], Attempts]] = {}  # by job: what was not told yet
        self._runner = LightRunner(inline_max_bytes)
        self._waiting: deque[m.Held] = deque()
        self._begun = False

    def take(self, tasks: Sequence[m.Held]) -> None:
        """Run these soon."""
        self._waiting += tasks
        self._go_on()

    def _go_on(self) -> None:
        if self._waiting and not self._begun:
            self._begun = True
            self._loop.later(0, self._slice)

    def _slice(self) -> None:
        self._begun = False
        until = time.monotonic() + _SLICE_S
        ran: list[bytes] = []
        refused: list[m.Held] = []
        while self._waiting and len(ran) < _AT_ONCE and time.monotonic() < until:
            held = self._waiting.popleft()
            if self._machine.here.get(held.task) is not held:
                continue  # cancelled, or its job is over
            if self._run(held):
                ran.append(held.task)
            else:
                refused.append(held)
        self._tell()
        if ran or refused:
            self._handle(m.RanHere(ran, refused))
            self._jobs.offer_soon()
        self._go_on()

    def _run(self, held: m.Held) -> bool:
        """Whether it is done."""
        desk = self._jobs.get(held.kind.job)
        assert desk is not None, "the machine forgets a job's tasks with it"
        template = held.kind.template
        if not self._runner.knows(template):
            self._runner.learn(template, *desk.bodies[template])
        start = time.perf_counter()
        result = self._runner.run(held.record, held.inputs)
        if result is None:
            return False
        done, attempts = self._done.setdefault(held.kind.job, ([], self._journal.attempts()))
        heading = specs.heading_of(held.record)
        if len(heading) > TEMPLATE_BYTES:
            attempts.takes(held.record)
        attempts.times += (start, time.perf_counter() - start)
        done += (held.task, held.entry[16:] or b"1", heading, 1, result)
        return True

    def _tell(self) -> None:
        for job, (done, attempts) in self._done.items():
            desk = self._jobs.get(job)
            assert desk is not None, "the machine forgets a job's tasks with it"
            desk.finished(done)
            self._journal.ran(job, attempts.take(done))
        self._done.clear()
