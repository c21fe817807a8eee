"""The agent of a node: hears, lets the machine decide, acts.

Four sources of events: the control plane (answers and inboxes), the workers, the drivers of
this machine, and time.  All are served by one thread (`Loop`), which never waits for any of
them; the store keeper has a thread of its own.

Who tells the control plane what: results and claims go through a job's `Desk` (`jobs`);
deaths, retries and give-backs through the `Reporter`; the node itself is `Membership`'s.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from hyperloom.core import words
from hyperloom.gcs import keys
from hyperloom.raylet import hunger
from hyperloom.raylet import messages as m
from hyperloom.raylet.actions import Actions
from hyperloom.raylet.answers import Answers
from hyperloom.raylet.arrivals import Arrivals
from hyperloom.raylet.asleep import asleep
from hyperloom.raylet.conversation import Conversation
from hyperloom.raylet.doors import Door, Guest
from hyperloom.raylet.draining import Draining
from hyperloom.raylet.elsewhere import Elsewhere
from hyperloom.raylet.fetching import Fetching
from hyperloom.raylet.foresight import Foresight
from hyperloom.raylet.groups import Groups
from hyperloom.raylet.healing import Healing
from hyperloom.raylet.jobs import Jobs
from hyperloom.raylet.journal import Journal
from hyperloom.raylet.light import Light
from hyperloom.raylet.lookout import Lookout
from hyperloom.raylet.loop import Loop
from hyperloom.raylet.machine import NodeMachine
from hyperloom.raylet.membership import Membership
from hyperloom.raylet.memory import MemoryWatch
from hyperloom.raylet.orphans import Orphans
from hyperloom.raylet.owners import Owners
from hyperloom.raylet.parting import Parting
from hyperloom.raylet.pool import Pool
from hyperloom.raylet.printed import Logs
from hyperloom.raylet.relay import Relay
from hyperloom.raylet.reporter import Reporter
from hyperloom.raylet.residents import Residents
from hyperloom.raylet.results import outputs_of, tasks_of
from hyperloom.raylet.standing import Standing
from hyperloom.raylet.unburied import Unburied

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from hyperloom.objectstore.keeper import StoreKeeper
    from hyperloom.raylet.node import NodeSettings

_LAST_WORDS_S = 5.0  # a server that hangs for longer gives the node up
_WATCH_S = 0.25  # how often a node that is at work looks at its memory and at the queues


class Agent:
    """See the module."""

    _tick_at = inf

    def __init__(
        self,
        settings: NodeSettings,
        keeper: StoreKeeper,
        template: tuple[int, socket.socket],
        clock: Callable[[], float],
    ) -> None:
        config, self._settings = settings.config, settings
        self._keeper, self._now = keeper, clock
        self.loop = Loop()
        self.machine = NodeMachine(
            total=dict(settings.resources.items()),
            most_workers=min(settings.most_workers, config.workers_most),
            utmost_workers=config.workers_most,
            kill_grace_s=config.kill_grace_s,
            prefetch_bytes=settings.store_bytes * config.prefetch_percent // 100,
        )
        self._sessions: dict[int, bytes] = {}  # worker -> process id of its session
        self._gcs = self.conversation = Conversation(settings.address, self.loop, self._come_back)
        self._journal = Journal(self._gcs, self.loop, settings.node, on=config.events)
        self._fetching = Fetching(settings, self._gcs, self.loop, keeper)
        self._jobs = Jobs(settings, self._gcs, keeper, self.loop, self.machine, self._fetching)
        self._jobs.handle, self._jobs.journal = self._handle, self._journal
        inline = config.inline_max_bytes
        light = Light(self._jobs, self.loop, self.machine, self._handle, inline, self._journal)
        logs = Logs(settings.logs, config.worker_log_bytes)
        self._pool = Pool(template[1], template[0], self.loop, self, logs)
        self._memory = MemoryWatch(config.memory_kill_percent, config.memory_most_bytes)
        self._reporter = Reporter(self._gcs, settings.node, self._pool, self._memory, self._journal)
        standing = Standing(self.machine, self._sessions, self._pool, clock)
        self._answers = Answers(settings, self._gcs, standing, self.describe)
        self._residents = Residents(self._jobs, self._reporter, self._pool.begun)
        self._actions = Actions(
            settings, self.loop, self.machine, self._pool, self._jobs, self._reporter,
            self._residents, light, self.warn,
        )  # fmt: skip
        self._draining = Draining(settings, self._gcs, self.machine, self._jobs, self)
        self._draining.move_actor = self._residents.move
        self._owners = Owners(settings, self._gcs, self.loop, self._journal, self._jobs)
        self._owners.bury, self._owners.mourn = self._reporter.bury, self._reporter.mourn
        self._parting = Parting(settings, self._gcs, self._jobs, self.machine, self._owners.left)
        self.left = self._parting.left
        self._door = Door(settings.socket, self.loop, self)
        self._owners.drivers_of, self._owners.ended = self._door.guests_of, self.job_ended
        self._healing = Healing(settings, self._gcs, self._door)
        self._arrivals = Arrivals(settings, self._gcs, self._journal, self._jobs, self._door)
        self._membership = Membership(settings, self._gcs, self.loop, self)
        self._jobs.look_again = self._membership.join
        self._look_around()

    def _look_around(self) -> None:
        """Now and then."""
        settings, node = self._settings, self._settings.node
        groups = Groups(settings, self._gcs, self.loop, self._jobs, self.machine, self._handle)
        self.groups_changed = groups.sync
        self._lookout = Lookout(settings, self._gcs, self._seen, self.warn, groups.seen)
        self._orphans = Orphans(settings, self._gcs, self._jobs, self._owners)
        self._unburied = Unburied(self._gcs, lambda node, job: self._reporter.reap(node, [job]))
        self._journal.watch(self.machine, self._pool)
        self._relay = Relay(node, self._gcs, self._jobs, self._door)
        self._elsewhere = Elsewhere(node, self._gcs, self.machine, self._jobs.told)
        self._foresight = Foresight(
            self._gcs, self.machine, self._jobs, self._fetching, self._keeper
        )
        self.loop.every(_WATCH_S, self._watch)
        lease_s = settings.config.lease_s
        self.loop.every(lease_s, lambda: self._unburied.look(self._namespaces()))

    def run(self) -> None:
        """Until told to stop."""
        self.loop.run(self._jobs.exchange)

    # -- deciding ----------------------------------------------------------------

    def _handle(self, event: m.Event) -> None:
        machine = self.machine
        hungry = machine.hungry
        for effect in machine.handle(event, self._now()):
            self._actions.perform(effect)
        if machine.hungry and not hungry:
            self._jobs.offer_again()
        if machine.due < self._tick_at:
            self._tick_at = machine.due
            self.loop.later(self._tick_at - self._now(), self._tick)
        if self._settings.config.check:
            machine.check()

    def _tick(self) -> None:
        if self._now() >= self._tick_at:
            self._tick_at = inf
            self._handle(m.Tick())

    def _seen(self, event: m.QueuesSeen) -> None:
        """Queues that wait in the control plane, perhaps for so long that we may ask for them."""
        self._handle(event)
        self._foresight.seen(event, self._now())
        if any(hunger.has_waited(self.machine, event.job, each) for each in event.queues):
            self._jobs.offer_again()

    def _watch(self) -> None:
        at_work = self.machine.at_work()
        if at_work:
            self._elsewhere.look(self._now())
            self._foresight.look()
            victim = self._memory.look(self.machine.workers, self._pool.pids())
            if victim is not None:
                self._handle(m.MemoryShort(victim))
            if numbers := self.machine.may_sleep(self._now()):
                pids = self._pool.pids()
                self._handle(m.WorkersAsleep(asleep({number: pids[number] for number in numbers})))
        self._lookout.look(self._namespaces(), at_work=at_work)

    def _namespaces(self) -> dict[bytes, str]:
        return {job: keys.job_namespace(job) for job in self._jobs}

    def warn(self, jobs: Sequence[bytes], text: str) -> None:
        """Tell the drivers of these jobs that are here."""
        for job in jobs:
            for guest in self._door.guests_of(job):
                guest.say(["warning", text])

    # -- workers ----------------------------------------------------------------------------

    def worker_ready(self, worker: int) -> None:
        """Its process exists."""
        self._handle(m.WorkerReady(worker))

    def worker_says(self, worker: int, message: list[Any]) -> None:  # noqa: C901 - all there is
        """One of its messages; see `hyperloom.core.words`."""
        match message[0]:
            case words.DONE:
                self._done(worker, *message[2:])
            case words.RETRY:
                self._reporter.retry(worker, *message[1:])
                self._handle(m.TaskToRetry(worker, message[1][:16]))
            case words.REDIRECT:
                self._handle(m.TaskRedirected(worker, message[1][:16], *message[2:]))
            case words.BLOCKED:
                self._handle(m.WorkerBlocked(worker, message[1]))
            case words.UNBLOCKED:
                self._handle(m.WorkerUnblocked(worker))
            case words.BACK:
                self._handle(m.TasksReturned(worker, message[1]))
            case words.LEAVING:
                self._handle(m.WorkerLeaving(worker))
            case words.SESSION | words.VISITS:
                self._goes_by(worker, *message)
            case words.STACKS | words.WAITS | words.PROFILE:
                self._answers.worker_tells(worker, *message)
            case words.OPEN | words.OVER:
                state = self.machine.workers[worker]
                self._handle(self._residents.worker_says(state, *message[1:]))
            case other:
                raise AssertionError(f"worker {worker} says what it cannot: {other!r}")
        if message[0] in {words.RETRY, words.REDIRECT, words.BLOCKED, words.BACK}:
            self._jobs.offer_again()

    def _done(
        self,
        worker: int,
        seconds: float,
        flat: list[Any],
        told: bytes,
        *saved: bytes,
    ) -> None:
        state = self.machine.workers[worker]
        tasks = tasks_of(flat)
        # Who gets the result has been shown what the task printed.
        self._pool.hear_out(worker, ended=len(tasks) == len(state.calls or state.sent))
        desk = self._jobs.get(state.job)
        if desk is not None:
            if saved and state.sent:
                desk.saved(state.sent[0], flat, *saved)
            else:
                desk.finished(flat, state.disowned)
            self._journal.ran(state.job, told)
            if state.hosts:
                self._residents.answered(state, len(tasks))
        self._handle(m.TasksDone(worker, tasks, seconds))
        self._jobs.offer_soon()

    def _goes_by(self, worker: int, word: int, process: bytes, *how: int) -> None:
        if word == words.SESSION:
            self._sessions[worker] = process
        else:
            self._owners.visits(worker, process, *how)

    def worker_exited(self, worker: int, code: int, begun: m.Begun) -> None:
        """It is gone."""
        self._reporter.exited(worker, code, self.machine.workers[worker].since)
        process = self._sessions.pop(worker, None)
        job, sent = self.machine.workers[worker].job, self.machine.workers[worker].owns()
        # Before the machine reports them lost: the next attempt may store under the same names.
        self._keeper.free(outputs_of(sent))
        self._jobs.free_what_came_late(job)
        self._handle(m.WorkerExited(worker, *begun))
        self._parting.look()
        self._owners.gone(worker)
        self._actions.forget(worker)
        tasks = [held.task for held in sent]
        if process is not None:
            # After its burial nothing that it said can be on its way any more.
            bury = self._reporter.mourn if code else self._reporter.bury
            bury(process, lambda: self._sweep(job, process, *tasks))
        elif tasks:
            self._sweep(job, *tasks)
        self._jobs.offer_again()

    def _sweep(self, job: bytes, *owners: bytes) -> None:
        """Free what a dead worker put or yielded and did not live to say."""
        if self._jobs.get(job) is not None:  # else all that was the job's is gone
            found = list(self._settings.objects_of(*owners))
            self._reporter.strays(job, found, self._keeper.free)

    def worker_prints(self, worker: int, stream: str, lines: list[str]) -> None:
        """Whole lines of its output: to the drivers of its job."""
        job, name = self.machine.workers[worker].job, self._actions.prints_as(worker)
        self._relay.prints(job, stream, name, self._pool.pid(worker), lines)

    # -- drivers ----------------------------------------------------------------------------

    def answer(self, guest: Guest, message: list[Any]) -> None:
        """Somebody at the door says something."""
        match message:
            case ["driver", bytes(job), dict(about)]:
                self._arrivals.comes(guest, job, about)
            case ["fetch", list(wanted)]:
                self._fetching.fetch(wanted, lambda lost: guest.say(["fetched", lost]))
            case ["visits", bytes(process), int(how)]:
                self._owners.visits(guest, process, how)
            case ["farewell", int(unsent)]:
                self._parting.begin(guest, unsent)
            case ["status"]:
                guest.say(["status", self._answers.status()])
            case ["stop"]:
                guest.say(["stopping"])
                self.loop.running = False
            case _:
                guest.say(["error", "this node does not know such a message"])

    def leaves(self, guest: Guest) -> None:
        """A driver has what it wanted: it shall see what its tasks printed before."""
        for number, worker in self.machine.workers.items():
            if worker.job == guest.job:
                self._pool.hear_out(number, ended=True)

    # -- the cluster ------------------------------------------------------------------------

    def jobs(self) -> set[bytes]:
        """Those that have something to do with this node."""
        return set(self._jobs)

    def job_opened(self, job: bytes, about: dict[str, Any]) -> None:
        """A driver has joined the cluster, here or elsewhere."""
        self._jobs.open(job, about)
        self._owners.opened(job, about)
        if self._owners.is_forsaken(job):
            self._arrivals.ended(job)

    def job_ended(self, job: bytes) -> None:
        """Nothing of the job is wanted any more."""
        self._arrivals.ended(job)
        self._owners.forget(job)
        self._jobs.close(job)

    def job_unknown(self, job: bytes) -> None:
        """The cluster does not have this job in its table."""
        self._arrivals.unknown(job)

    def given_up(self) -> None:
        """The cluster gave this node up, and took its tasks from it; or it has lost them all."""
        self._handle(m.NodeGivenUp())
        self._jobs.detach()
        self._healing.strange(self._jobs)

    def asked(self, reply_to: bytes, question: list[Any]) -> None:
        """Somebody in the cluster asks, or wants something of this node."""
        match question:
            case ["take", list(objects)]:  # from a node that leaves
                self._fetching.fetch([(oid, size) for oid, size in objects], lambda _: None)
            case ["printed", bytes(job), list(message)]:
                self._relay.heard(job, message)
            case ["drain", str(token), timeout_s, bool(force)]:
                say = self._answers.to(reply_to)
                self._draining.begin(token, timeout_s, force=force, say=say)
            case _:
                self._answers.asked(reply_to, question)

    def end(self) -> None:
        """Serve no more."""
        self.loop.running = False

    def drivers(self) -> int:
        """How many programs are connected through this node."""
        return sum(len(self._door.guests_of(job)) for job in self._jobs)

    def reap(self, node: bytes) -> None:
        """Another node is dead: its tasks go to others."""
        self._reporter.reap(node, list(self._jobs))
        self._owners.reap(node, list(self._jobs))

    def _come_back(self) -> None:
        self._jobs.reconcile()
        self._membership.come_back()
        self._fetching.learn_key()

    def describe(self) -> dict[str, Any]:
        """How the node is now, for the table of nodes."""
        used, capacity = self._keeper.usage()
        return {
            **self._settings.describe(),
            "free": {k: n for k, n in self.machine.free.items() if not k.startswith("@^")},
            "store": {"used": used, "capacity": capacity},
            **self._fetching.describe(),
            **self._draining.describe(),
        }

    def close(self) -> bool:
        """End all that was begun here.  True: all that was said is done in the control plane."""
        for worker in list(self.machine.workers):
            self._pool.kill(worker)
        self._answers.close()
        self._journal.flush_all()
        self._jobs.hang_up()
        self._membership.close()
        self._door.close()
        self._fetching.close()
        # An embedded node's own server ends with it, and nobody is left to be told.
        alone = self._settings.embedded and self._settings.server is not None
        heard = alone or self._gcs.settle(_LAST_WORDS_S)
        self._gcs.close()
        self.loop.close()
        return heard
