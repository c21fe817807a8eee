"""What is played in the histories of a node: the kinds of tasks, and the workers as they are."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hyperloom.raylet import messages as m
from hyperloom.resources import CPU, GPU, UNIT

TOTAL = {CPU: 2 * UNIT, GPU: 2 * UNIT, "licence": UNIT}
MOST, UTMOST = 4, 8
GRACE_S = 1.0
PREFETCH_BYTES = 64 << 20

SHAPES = {
    "one": {CPU: UNIT},
    "half": {CPU: UNIT // 2},
    "two": {CPU: 2 * UNIT},
    "none": {},
    "gpu": {CPU: UNIT, GPU: UNIT},
    "part": {GPU: UNIT // 2},
    "licence": {CPU: UNIT, "licence": UNIT},
}
JOBS = (b"job1", b"job2")


def make_kind(name: str, job: bytes, shape: str, *, priority: int = 0, limit: float | None = None):
    needs = SHAPES[shape]
    text = ",".join(f"{name}:{amount}" for name, amount in sorted(needs.items()))
    return m.Kind(
        template=f"{job.decode()}{name}".encode()[-8:].rjust(8, b"-"),
        job=job,
        name=name,
        queue=f"{priority}|{text}",
        needs=needs,
        timeout_s=limit,
        single=limit is not None,
        light=name == "light",
    )


KINDS = [
    make_kind(f"{shape}{priority}", job, shape, priority=priority)
    for job in JOBS
    for shape, priority in [*((shape, 0) for shape in SHAPES), ("one", 1), ("two", 1)]
]
KINDS += [make_kind("limit", job, "one", limit=0.5) for job in JOBS]
KINDS += [make_kind("light", job, "none") for job in JOBS]


@dataclass(repr=False)
class Worker:
    """A worker process, as it really is."""

    number: int
    job: bytes
    up: bool = False
    unread: deque = field(default_factory=deque)  # frames on the data socket
    control: deque = field(default_factory=deque)  # frames on the control socket
    queue: deque = field(default_factory=deque)  # read, not begun
    running: m.Held | None = None
    ended: list = field(default_factory=list)  # not reported
    said: deque = field(default_factory=deque)  # events on their way to the raylet
    begun: int = 0
    blocked: bool = False
    leaving: bool = False
    doomed: bool = False  # a signal is on its way
    unwanted: set = field(default_factory=set)
    # What the raylet knows of it (by what was delivered).
    tasks: list = field(default_factory=list)
    seen_blocked: bool = False
    gpus: tuple[int, ...] = ()
    asked_back: bool = False
    progress: float = 0.0  # when it was last heard of, or got something to do

    def __repr__(self) -> str:
        return f"worker {self.number}"


@dataclass
class Dead:
    """The worker that died last."""

    number: int
    begun_tasks: list
    ran: m.Held | None
