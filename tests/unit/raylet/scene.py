"""A node's machine and a clock, for tests that tell one story."""

from __future__ import annotations

from hyperloom.raylet import messages as m
from hyperloom.raylet.machine import NodeMachine
from hyperloom.resources import CPU, UNIT, ResourceSet

JOB, OTHER_JOB = b"job1", b"job2"
FAST_S, SLOW_S = 1e-5, 1.0


def kind_of(
    name: str,
    shape: str = "CPU:10000",
    *,
    job: bytes = JOB,
    priority: int = 0,
    wish: str = "",
    **more,
) -> m.Kind:
    needs = dict(ResourceSet.parse(shape).items())
    template = job + name.encode()
    return m.Kind(template, job, name, f"{priority}|{shape}{wish and '|' + wish}", needs, **more)


class Scene:
    """Tasks are named by numbers; effects come back as short tuples."""

    def __init__(
        self,
        cpus: float = 2,
        *,
        most: int = 10,
        utmost: int = 20,
        prefetch_bytes: int = 0,
        **total: float,
    ) -> None:
        units = {name: int(amount * UNIT) for name, amount in {CPU: cpus, **total}.items()}
        self.machine = NodeMachine(
            total=units, most_workers=most, utmost_workers=utmost, prefetch_bytes=prefetch_bytes
        )
        self.now = 0.0
        self.count = 0

    def tell(self, event: m.Event) -> list[tuple]:
        effects = self.machine.handle(event, self.now)
        self.machine.check()
        return [short(effect) for effect in effects]

    def held(self, kind: m.Kind) -> m.Held:
        self.count += 1
        return m.Held(self.count.to_bytes(16, "big"), b"", b"", kind)

    def claim(self, kind: m.Kind, number: int = 1) -> list[tuple]:
        return self.tell(m.TasksClaimed([self.held(kind) for _ in range(number)]))

    def ready(self, *workers: int) -> list[tuple]:
        return [effect for worker in workers for effect in self.tell(m.WorkerReady(worker))]

    def done(self, worker: int, *tasks: int, seconds: float = SLOW_S) -> list[tuple]:
        ids = [task_id(task) for task in tasks]
        return self.tell(m.TasksDone(worker, ids, seconds * len(tasks)))

    def block(self, worker: int) -> list[tuple]:
        return self.tell(m.WorkerBlocked(worker, []))

    def pass_time(self, seconds: float) -> list[tuple]:
        """Until then, with a tick at each moment that the machine asked for."""
        until, effects = self.now + seconds, []
        while self.machine.due <= until:
            self.now = max(self.now, self.machine.due)
            effects += self.tell(m.Tick())
        self.now = until
        return effects

    def running(self, worker: int) -> list[int]:
        return [number_of(held) for held in self.machine.workers[worker].sent]


def task_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def number_of(held: m.Held) -> int:
    return int.from_bytes(held.task, "big")


def short(effect: m.Effect) -> tuple:  # noqa: PLR0911, PLR0912 - one for each effect
    match effect:
        case m.StartWorker(worker, job):
            return ("start", worker, job)
        case m.Run(worker, tasks, gpus):
            return ("run", worker, *map(number_of, tasks), *([gpus] if gpus else []))
        case m.RunHere(tasks):
            return ("run here", *map(number_of, tasks))
        case m.GiveBack(tasks):
            return ("give back", *map(number_of, tasks))
        case m.AskBack(worker):
            return ("ask back", worker)
        case m.Stop(worker, task, why):
            return ("stop", worker, number_of(task), why)
        case m.EndWorker(worker, forget):
            return ("end", worker, *(["forget"] if forget else []))
        case m.KillWorker(worker):
            return ("kill", worker)
        case m.ReportLost(task, worker, died, killed):
            return ("lost", number_of(task), worker, "died" if died else "was there", killed)
        case m.Redirect(task, _, record):
            return ("redirect", number_of(task), record)
        case m.ReportFailed(task, _, why):
            return ("failed", number_of(task), why)
        case m.CancelElsewhere(task, force):
            return ("cancel elsewhere", int.from_bytes(task, "big"), force)
        case m.WarnStuck(workers):
            return ("stuck", workers)
