"""What the machine decided is done: the one place where its effects meet the world.

The rule: nothing is decided here.  Each effect is handed to whom it concerns, and what this
keeps is only what it needs to do so: which worker knows which templates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from hyperloom.core import words
from hyperloom.raylet import messages as m
from hyperloom.raylet.lookout import stuck
from hyperloom.raylet.reserving import REMOVED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.raylet.jobs import Jobs
    from hyperloom.raylet.light import Light
    from hyperloom.raylet.loop import Loop
    from hyperloom.raylet.machine import NodeMachine
    from hyperloom.raylet.node import NodeSettings
    from hyperloom.raylet.pool import Pool
    from hyperloom.raylet.reporter import Reporter
    from hyperloom.raylet.residents import Residents

_AGAIN_S = 0.02  # until a cancellation is tried again that met a task on its way


class Actions:
    """See the module."""

    def __init__(  # noqa: PLR0913, PLR0917 - all whom an effect may concern
        self,
        settings: NodeSettings,
        loop: Loop,
        machine: NodeMachine,
        pool: Pool,
        jobs: Jobs,
        reporter: Reporter,
        residents: Residents,
        light: Light,
        warn: Callable[[Sequence[bytes], str], None],
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._machine = machine
        self._pool = pool
        self._jobs = jobs
        self._reporter = reporter
        self._residents = residents
        self._light = light
        self._warn = warn
        self._known: dict[int, set[bytes]] = {}  # worker -> templates that it has
        self._last_sent: dict[int, str] = {}  # worker -> name of the last task that it was sent

    def prints_as(self, worker: int) -> str:
        """Whose output its output is; what a task prints may be read after its result."""
        sent = self._machine.workers[worker].sent
        return sent[0].kind.name if sent else self._last_sent.get(worker, "worker")

    def forget(self, worker: int) -> None:
        """It is gone."""
        self._known.pop(worker, None)
        self._last_sent.pop(worker, None)

    def perform(self, effect: m.Effect) -> None:  # noqa: C901, PLR0912 - all there is to do
        """Do it."""
        match effect:
            case m.Run(worker, tasks, gpus):
                self._run(worker, tasks, gpus)
            case m.RunHere(tasks):
                self._light.take(tasks)
                self._jobs.offer_again()
            case m.StartWorker(worker, job):
                self._start(worker, job)
            case m.AskBack(worker):
                self._pool.control(worker, [words.GIVE_BACK])
            case m.Stop(worker, task, why):
                failure = self._reporter.failure(task, worker, why)
                self._pool.control(worker, [words.STOP, task.task, failure])
            case m.EndWorker(worker, forget):
                if forget:
                    self._pool.control(worker, [words.FORGET])
                self._pool.send(worker, [words.EXIT])
            case m.KillWorker(worker):
                self._pool.kill(worker)
            case m.GiveBack(tasks):
                self._reporter.give_back(tasks)
            case m.ReportLost(task, worker, died, killed):
                self._reporter.lost(task, worker, died=died, killed=killed)
                self._jobs.offer_again()
            case m.ReportFailed(task, worker, why):
                self._failed(task, worker, why)
            case m.OpenActor(actor, worker):
                self._residents.opened(actor, worker)
            case m.ReportActorLost(actor, worker, begun, killed):
                self._residents.lost(actor, worker, begun, killed)
            case m.ReportActorLeft(actor, begun):
                self._residents.left(actor, begun)
            case m.Redirect(task, worker, record, row):
                self._reporter.redirect(task, worker, record, row)
            case m.CancelElsewhere(what, force):
                self._loop.later(_AGAIN_S, lambda: self._reporter.cancel(what, force=force))
            case m.WarnStuck(workers):
                self._warn(list(self._jobs), stuck(workers))
            case _:
                assert_never(effect)

    def _run(self, worker: int, tasks: Sequence[m.Held], gpus: tuple[int, ...]) -> None:
        self._last_sent[worker] = tasks[-1].kind.name
        known = self._known[worker]
        templates = []
        flat: list[bytes] = []
        for held in tasks:
            template = held.kind.template
            if template not in known:
                known.add(template)
                desk = self._jobs.get(held.kind.job)
                assert desk is not None, "its workers end with a job"
                templates.append((template, *desk.bodies[template]))
            flat += (held.entry, held.record, held.inputs)
        self._pool.send(worker, [words.TASKS, templates, flat, gpus])

    def _start(self, worker: int, job: bytes) -> None:
        desk = self._jobs.get(job)
        assert desk is not None, "a job's tasks are forgotten with it"
        self._known[worker] = set()
        self._pool.start(worker, self._settings.about_worker(job, desk.about))

    def _failed(self, task: m.Held, worker: int, why: str) -> None:
        desk = self._jobs.get(task.kind.job)
        if desk is not None:
            failure = self._reporter.failure(task, worker, why)
            if task.kind.role == "actor" and why == REMOVED:
                self._residents.removed(task, self._machine.workers.get(worker), failure)
                return
            state = self._machine.workers.get(worker)
            since = state.since if state and state.sent and state.sent[0] is task else None
            desk.finished(self._reporter.failed(task, worker, failure, since))
