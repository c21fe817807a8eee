"""The agent of a node: hears, lets the machine decide, acts.

Four sources of events: the control plane (answers and inboxes), the workers, the drivers of
this machine, and time.  All are served by one thread (`Loop`), which never waits for any of
them; the store keeper has a thread of its own.

Who tells the control plane what: results and claims go through a job's `Desk`; deaths,
retries and give-backs through the `Reporter`.
"""

from __future__ import annotations

import json
import os
from math import inf
from typing import TYPE_CHECKING, Any, assert_never

from hyperloom import errors
from hyperloom.core import words
from hyperloom.gcs import codes, keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.raylet import messages as m
from hyperloom.raylet.conversation import Conversation
from hyperloom.raylet.desk import Desk
from hyperloom.raylet.doors import Door, Guest
from hyperloom.raylet.loop import Loop
from hyperloom.raylet.machine import NodeMachine
from hyperloom.raylet.pool import Pool
from hyperloom.raylet.reporter import Reporter

if TYPE_CHECKING:
    import socket

    from hyperloom.objectstore.keeper import StoreKeeper
    from hyperloom.raylet.node import NodeSettings

_AGAIN_S = 0.02  # until a cancellation is tried again that met a task on its way
_CLOSED_S = 600  # how long late words about an ended job are ignored


class Agent:
    """See the module."""

    def __init__(
        self,
        settings: NodeSettings,
        keeper: StoreKeeper,
        template: tuple[int, socket.socket],
        clock: Any,  # noqa: ANN401 - time.monotonic
    ) -> None:
        self._settings = settings
        self._keeper = keeper
        self._now = clock
        self.loop = Loop()
        self.machine = NodeMachine(
            total=dict(settings.resources.items()),
            most_workers=min(settings.most_workers, settings.config.workers_most),
            utmost_workers=settings.config.workers_most,
            kill_grace_s=settings.config.kill_grace_s,
        )
        self._gcs = Conversation(settings.address, self.loop, self._come_back)
        self._pool = Pool(template[1], template[0], self.loop, self, settings.logs)
        self._door = Door(settings.socket, self.loop, self)
        self._reporter = Reporter(self._gcs, settings.node, self._pool)
        self._desks: dict[bytes, Desk] = {}
        self._sessions: dict[int, bytes] = {}  # worker -> process id of its session
        self._known: dict[int, set[bytes]] = {}  # worker -> templates that it has
        self._inbox = Inbox(settings.address, keys.INBOX.name(keys.CLUSTER, settings.node))
        self._listen(self._inbox, self._hear_cluster)
        self._join()
        self._tick_at = inf
        self.loop.every(settings.config.beat_s, self._beat)

    def run(self) -> None:
        """Until told to stop."""
        self.loop.run(self._exchange)

    # -- deciding and acting ----------------------------------------------------------------

    def _handle(self, event: m.Event) -> None:
        for effect in self.machine.handle(event, self._now()):
            self._perform(effect)
        if self.machine.due < self._tick_at:
            self._tick_at = self.machine.due
            self.loop.later(self._tick_at - self._now(), self._tick)
        if self._settings.config.check:
            self.machine.check()

    def _perform(self, effect: m.Effect) -> None:
        match effect:
            case m.Run(worker, tasks, gpus):
                self._run(worker, tasks, gpus)
            case m.StartWorker(worker, job):
                self._pool.start(worker, self._settings.about_worker(job, self._desks[job].about))
                self._known[worker] = set()
            case m.AskBack(worker):
                self._pool.control(worker, [words.GIVE_BACK])
            case m.Stop(worker, task, why):
                failure = self._reporter.failure(task, worker, why)
                self._pool.control(worker, [words.STOP, task.task, failure])
            case m.EndWorker(worker):
                self._pool.send(worker, [words.EXIT])
            case m.KillWorker(worker):
                self._pool.kill(worker)
            case m.ReportLost(task, worker, died, killed):
                self._reporter.lost(task, worker, died=died, killed=killed)
                self._offer_again()
            case m.ReportFailed(task, worker, why):
                failure = self._reporter.failure(task, worker, why)
                self._desks[task.kind.job].finished(self._reporter.failed(task, failure))
            case m.CancelElsewhere(what, force):
                self.loop.later(_AGAIN_S, lambda: self._reporter.cancel(what, force=force))
            case m.WarnStuck(workers):
                self._warn_all(stuck(workers))
            case _:
                assert_never(effect)

    def _run(self, worker: int, tasks: Any, gpus: tuple[int, ...]) -> None:  # noqa: ANN401
        known = self._known[worker]
        templates = []
        flat: list[bytes] = []
        for held in tasks:
            template = held.kind.template
            if template not in known:
                known.add(template)
                templates.append((template, *self._desks[held.kind.job].bodies[template]))
            flat += (held.entry, held.record, held.inputs)
        self._pool.send(worker, [words.TASKS, templates, flat, gpus])

    def _exchange(self) -> None:
        for desk in self._desks.values():
            desk.step(self.machine.offer)

    def _offer_again(self) -> None:
        for desk in self._desks.values():
            desk.offer_due = True

    def _tick(self) -> None:
        if self._now() >= self._tick_at:
            self._tick_at = inf
            self._handle(m.Tick())

    # -- workers ----------------------------------------------------------------------------

    def worker_ready(self, worker: int) -> None:
        """Its process exists."""
        self._handle(m.WorkerReady(worker))

    def worker_says(self, worker: int, message: list[Any]) -> None:
        """One of its messages; see `hyperloom.core.words`."""
        job = self.machine.workers[worker].job
        match message[0]:
            case words.DONE:
                _, _, seconds, flat = message
                desk = self._desks.get(job)
                if desk is not None:
                    desk.finished(flat)
                self._handle(m.TasksDone(worker, _tasks_of(flat), seconds))
            case words.RETRY:
                _, entry, failure = message
                self._reporter.retry(keys.job_namespace(job), entry, failure)
                self._handle(m.TaskToRetry(worker, entry[:16]))
                self._offer_again()
            case words.BLOCKED:
                self._handle(m.WorkerBlocked(worker, message[1]))
                self._offer_again()
            case words.UNBLOCKED:
                self._handle(m.WorkerUnblocked(worker))
            case words.BACK:
                self._handle(m.TasksReturned(worker, message[1]))
                self._offer_again()
            case words.LEAVING:
                self._handle(m.WorkerLeaving(worker))
            case words.SESSION:
                self._sessions[worker] = message[1]
            case _:
                raise AssertionError(f"worker {worker} says what it cannot: {message[0]!r}")

    def worker_exited(self, worker: int, code: int, begun: int) -> None:
        """It is gone."""
        self._reporter.exited(worker, code)
        process = self._sessions.pop(worker, None)
        self._handle(m.WorkerExited(worker, begun))
        self._known.pop(worker, None)
        if process is not None:
            self._reporter.bury(process)
        self._offer_again()

    def worker_prints(self, worker: int, stream: str, lines: list[str]) -> None:
        """Whole lines of its output: to the drivers of its job that are here."""
        state = self.machine.workers[worker]
        name = state.sent[0].kind.name if state.sent else "worker"
        for guest in self._door.guests_of(state.job):
            guest.say(["log", stream, name, self._pool.pid(worker), lines])

    def _warn_all(self, text: str) -> None:
        for job in self._desks:
            for guest in self._door.guests_of(job):
                guest.say(["warning", text])

    # -- drivers ----------------------------------------------------------------------------

    def answer(self, guest: Guest, message: list[Any]) -> None:
        """Somebody at the door says something."""
        match message:
            case ["driver", bytes(job), dict(about)]:
                guest.job = job
                about["node"] = self._settings.node.hex()  # the node whose raylet ends the job
                self._open_desk(job, about)
                self._gcs.apply(
                    "job_open", keys.CLUSTER, job, json.dumps(about),
                    then=lambda _: guest.say(["welcome", self._settings.welcome()]),
                )  # fmt: skip
            case ["status"]:
                guest.say(["status", self._status()])
            case ["stop"]:
                guest.say(["stopping"])
                self.loop.running = False
            case _:
                guest.say(["error", "this node does not know such a message"])

    def left(self, guest: Guest) -> None:
        """A driver is gone: its job ends."""
        if guest.job is not None and not self._door.guests_of(guest.job):
            self.end_job(guest.job)

    def end_job(self, job: bytes) -> None:
        """Nothing of the job is wanted any more, anywhere."""
        self._gcs.apply("job_close", keys.job_namespace(job), _CLOSED_S)
        self._gcs.apply("job_forget", keys.CLUSTER, job)
        self._close_desk(job)

    def end_forsaken(self) -> None:
        """End the jobs of drivers that were here and did not come back to this raylet."""
        here = self._settings.node.hex()
        for job, desk in list(self._desks.items()):
            if desk.about.get("node") == here and not self._door.guests_of(job):
                self.end_job(job)

    def _open_desk(self, job: bytes, about: dict[str, Any]) -> None:
        if job in self._desks:
            return
        desk = Desk(
            job, about, self._settings.node, self._settings.address, self._gcs, self._claimed
        )
        self._desks[job] = desk
        self._listen(desk.inbox, lambda: self._hear(desk))

    def _close_desk(self, job: bytes) -> None:
        desk = self._desks.pop(job, None)
        if desk is not None:
            self.loop.forget(desk.inbox.fileno())
            desk.close()
        self._handle(m.JobEnded(job))
        self._keeper.free(self._settings.objects_of(job))

    def _claimed(self, tasks: list[m.Held]) -> None:
        self._handle(m.TasksClaimed(tasks))

    # -- inboxes ----------------------------------------------------------------------------

    def _listen(self, inbox: Inbox, hear: Any) -> None:  # noqa: ANN401 - a callback
        self.loop.on_readable(inbox.fileno(), hear)

    def _hear(self, desk: Desk) -> None:
        try:
            others = desk.hear()
        except errors.ControlPlaneLost:
            self._lost_inbox(desk.inbox, lambda: self._hear(desk))
            return
        for kind, what, *rest in others:
            if kind == codes.CANCEL:
                self._handle(m.CancelAsked(what, rest == [b"1"]))
                self._offer_again()
            elif kind == codes.FREE:
                self._keeper.free([what])

    def _hear_cluster(self) -> None:
        try:
            messages = self._inbox.poll(0)
        except errors.ControlPlaneLost:
            self._lost_inbox(self._inbox, self._hear_cluster)
            return
        for kind, job, *about in messages:
            if kind == codes.JOB_OPENED:
                self._open_desk(job, json.loads(about[0]))
            elif kind == codes.JOB_ENDED:
                self._close_desk(job)

    def _lost_inbox(self, inbox: Inbox, hear: Any) -> None:  # noqa: ANN401 - a callback
        self.loop.forget(inbox.fileno())
        inbox.close()
        self.loop.later(0, lambda: self._find_inbox(inbox, hear))

    def _find_inbox(self, inbox: Inbox, hear: Any) -> None:  # noqa: ANN401 - a callback
        try:
            inbox.reconnect()
        except errors.ControlPlaneLost:
            self.loop.later(0.1, lambda: self._find_inbox(inbox, hear))
            return
        self._listen(inbox, hear)
        self._come_back()  # a message may be lost: look at the state itself

    # -- the cluster ------------------------------------------------------------------------

    def _join(self) -> None:
        self._gcs.apply(
            "node_join", keys.CLUSTER, self._settings.node, self._lease_ms(), self._describe(),
            then=self._joined,
        )  # fmt: skip

    def _joined(self, jobs: Any) -> None:  # noqa: ANN401 - Redis' own reply
        if isinstance(jobs, errors.LoomError):
            raise jobs
        for at in range(0, len(jobs), 2):
            self._open_desk(jobs[at], json.loads(jobs[at + 1]))

    def _beat(self) -> None:
        self._gcs.apply(
            "node_beat", keys.CLUSTER, self._settings.node, self._lease_ms(), self._describe(),
            then=self._beaten,
        )  # fmt: skip

    def _beaten(self, dead: Any) -> None:  # noqa: ANN401 - Redis' own reply
        if isinstance(dead, errors.Stale):
            self._join()
        elif not isinstance(dead, errors.LoomError):
            for node in dead:
                self._reporter.reap(node, list(self._desks))

    def _come_back(self) -> None:
        for desk in self._desks.values():
            desk.reconcile(self._everything)
        self._beat()

    def _everything(self) -> set[bytes]:
        """Entries of all tasks that this node knows of."""
        known = {held.entry for queue in self.machine.queues.values() for held in queue.tasks}
        for worker in self.machine.workers.values():
            known |= {held.entry for held in worker.sent}
        for desk in self._desks.values():
            known.update(desk.entries_waiting_for_template())
        return known

    def _lease_ms(self) -> int:
        return int(self._settings.config.lease_s * 1000)

    def _describe(self) -> str:
        return json.dumps(
            {**self._settings.describe(), "free": self.machine.free, "store": self._store()}
        )

    def _store(self) -> dict[str, int]:
        used, capacity = self._keeper.usage()
        return {"used": used, "capacity": capacity}

    def _status(self) -> dict[str, Any]:
        workers = [
            {
                "pid": self._pool.pid(number),
                "state": worker.state,
                "task": worker.sent[0].kind.name if worker.sent else None,
            }
            for number, worker in self.machine.workers.items()
        ]
        return {
            **self._settings.describe(),
            "free": dict(self.machine.free),
            "queued": self.machine.waiting(),
            "workers": workers,
            "store": self._store(),
            "connected": self._gcs.connected,
            "raylet_pid": os.getpid(),
        }

    def close(self) -> None:
        """End all that was begun here."""
        for worker in list(self.machine.workers):
            self._pool.kill(worker)
        for job in list(self._desks):
            self._desks[job].close()
        self._door.close()
        self._gcs.close()
        self._inbox.close()
        self.loop.close()


def stuck(workers: int) -> str:
    """For drivers: the bound on workers has become the problem."""
    return (
        f"all {workers} worker processes that this node may have wait in get() for tasks that "
        "therefore nobody can run. Nothing is lost, but nothing goes on: let fewer tasks wait "
        "for tasks of their own, or set LOOM_WORKERS_MOST higher before the node is started"
    )


def _tasks_of(flat: list[Any]) -> list[bytes]:
    tasks = []
    at = 0
    while at < len(flat):
        tasks.append(flat[at])
        at += 4 + flat[at + 3]
    return tasks
