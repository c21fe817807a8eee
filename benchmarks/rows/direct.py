"""The control plane alone: a server, the library, and words of one hundred tasks each.

What the real path adds (smaller batches, other sections of the server) is in `roles`.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import expect
from benchmarks.observe import Server
from hyperloom import errors, specs
from hyperloom.gcs import keys
from hyperloom.gcs.address import Address
from hyperloom.gcs.codes import CALL, RANGE_TASKS, SHARED
from hyperloom.gcs.library import build
from hyperloom.gcs.outbox import Outbox
from hyperloom.gcs.server import FAST_TABLES, find_binary
from hyperloom.gcs.wire import Wire, fcall
from hyperloom.ids import (
    TaskIds,
    TemplateID,
    new_job_id,
    new_node_id,
    new_process_id,
    number_of,
    task_id,
)
from hyperloom.node.description import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.harness import Bench

_BATCH = 100
_TASK_US = 14  # the promise: of the server's CPU
_EDGE_US = 7
_PLAN_EDGE_US = 4  # inside a plan, where nothing is looked up
PLAIN, ONCE = TemplateID(b"benchbat"), TemplateID(b"benchone")  # tried again, or never
_METHOD = TemplateID(b"benchcal")
_ACTOR = TemplateID(b"benchact")
_FIRST = bytes(4)
_CALL = b"0" + bytes(20)
INLINE = b"0" + bytes(7)
LARGE = b""  # stands for: it lies on the node


def direct(bench: Bench) -> None:
    """Server CPU of a task's whole life: submit, claim, finish, notify, release."""
    n = bench.n(20_000, quick=10_000, tiny=200)
    with server_alone() as address:
        plane = Plane(address)
        plane.life(n, 0)
        by_edges = {
            edges: _microseconds(bench, plane, n, partial(plane.life, n, edges))
            for edges in (0, 1, 3)
        }
        in_plan = {
            edges: _microseconds(bench, plane, n, partial(plane.life_of_a_plan, n, edges))
            for edges in (0, 1, 3)
        }
        mapped = _microseconds(bench, plane, n, partial(plane.life_of_a_map, n))
        actor = plane.actor()
        called = _microseconds(bench, plane, n, partial(plane.life_of_calls, actor, n))
        plane.close()
    for edges, each in by_edges.items():
        bench.figure(
            f"server CPU per task with {edges} inputs, calls of {_BATCH}", each, "us/task",
            target=_TASK_US + edges * _EDGE_US, at_most=True,
        )  # fmt: skip
    bench.figure(
        "server CPU per edge", (by_edges[3] - by_edges[0]) / 3, "us/edge",
        target=_EDGE_US, at_most=True,
    )  # fmt: skip
    for edges, each in in_plan.items():
        bench.figure(
            f"the same in a plan, {edges} inputs", each, "us/task",
            target=_TASK_US + edges * _PLAN_EDGE_US, at_most=True,
        )  # fmt: skip
    bench.figure(
        "server CPU per edge in a plan", (in_plan[3] - in_plan[0]) / 3, "us/edge",
        target=_PLAN_EDGE_US, at_most=True,
    )  # fmt: skip
    bench.figure("the same in a map", mapped, "us/task", target=_TASK_US, at_most=True)
    bench.figure("the same of calls of an actor", called, "us/call", target=_TASK_US, at_most=True)


def _microseconds(bench: Bench, plane: Plane, n: int, life: Callable[[], None]) -> float:
    spent = []
    for _ in range(bench.rounds):
        before = plane.server.cpu_s()
        life()
        spent.append(plane.server.cpu_s() - before)
    return sorted(spent)[len(spent) // 2] / n * 1e6


class Plane:
    """One driver and one node, by hand."""

    def __init__(self, address: Address) -> None:
        job = new_job_id()
        self._ns = keys.job_namespace(job)
        process = new_process_id(job)
        self._ids = TaskIds(process)
        self._wire = Wire(address)
        self._wire.call("FUNCTION", "LOAD", "REPLACE", build().text)
        self._node = new_node_id()
        self._outbox = Outbox(address, self._ns, process, batch=_BATCH, outage_s=1)
        for template, retries in ((PLAIN, 3), (ONCE, 0)):
            self._outbox.declare(template, 1, retries, "0|CPU:10000", b"body", b"F" * 12, b"code")
        self._call("node_attach", self._node)
        self.server = Server(Wire(address))

    def _call(self, function: str, *args: Any) -> Any:
        return self._wire.call(*fcall(function, self._ns, *args))

    def life(self, n: int, edges: int) -> None:
        """So many tasks, from submission to release."""
        self.release(self.made(n, edges, INLINE, PLAIN))

    def made(self, n: int, edges: int, value: bytes, template: TemplateID) -> list[bytes]:
        """So many tasks of which this is the result, in layers of a batch; who holds it, does yet.

        Each needs `edges` neighbours of the layer before.
        """
        tasks: list[bytes] = [self._ids.next() for _ in range(n)]
        for at, task in enumerate(tasks):
            above = max(0, at - _BATCH)
            inputs = [task + _FIRST for task in tasks[max(0, above - edges) : above]]
            record = specs.record(template, inputs, (), _CALL)
            self._outbox.submit(template, b"", task, record)
        self._outbox.settle()
        expect(self._run_all(value or self._lies_here), n, "direct: tasks run")
        return tasks

    @property
    def _lies_here(self) -> bytes:
        return SHARED + self._node + b"200000"

    def release(self, tasks: Iterable[bytes]) -> None:
        """Nobody holds their results any more."""
        for at, task in enumerate(tasks):
            self._outbox.release(task + _FIRST, made=True)
            if at % _BATCH == 0:
                self._outbox.flush()
        self._outbox.settle()

    def life_of_a_plan(self, n: int, edges: int) -> None:
        """The same tasks as one plan; of the results only those that nobody takes are wanted."""
        tasks = [self._ids.next() for _ in range(n)]
        takers: dict[bytes, list[bytes]] = {}
        for last in range(n, 0, -_BATCH):
            words: list[bytes] = []
            for at in range(max(0, last - _BATCH), last):
                above = max(0, at - _BATCH)
                inputs = [task + _FIRST for task in tasks[max(0, above - edges) : above]]
                for oid in inputs:
                    takers.setdefault(oid, []).append(tasks[at])
                record = specs.record(PLAIN, inputs, (), _CALL)
                words += (tasks[at], record, b"%d" % len(inputs), b"", b"")
            ids = words[::5]
            for task in ids:
                taken = b"".join(takers.get(task + _FIRST, ()))
                words += (task + _FIRST, taken, b"0") if taken else ()
            args = (1, b"", len(ids), *words)
            self._outbox.say(self._outbox.prepare("task_plan", number_of(ids[-1]), *args))
        self._outbox.settle()
        expect(self._run_all(), n, "direct: tasks of a plan run")
        self.release(task for task in tasks if task + _FIRST not in takers)

    def life_of_a_map(self, n: int) -> None:
        """As many tasks as ranges, with items."""
        first = self._ids.consecutive(n, RANGE_TASKS)
        tasks = [task_id(self._ids.process, first + at) for at in range(n)]
        words: list[bytes | int] = []
        for at in range(0, n, RANGE_TASKS):
            number = min(RANGE_TASKS, n - at)
            words += (tasks[at], number, (len(_CALL).to_bytes(3, "big") + _CALL) * number)
        head = specs.record(PLAIN, (), (), b"")
        args = (b"", head, 0, b"", b"", b"", 1, 0, 0, *words)
        self._outbox.say(self._outbox.prepare("task_range", first + n - 1, *args))
        self._outbox.settle()
        expect(self._run_all(), n, "direct: tasks of a map run")
        self.release(tasks)

    def actor(self) -> bytes:
        """One that is open on the node."""
        task = self._ids.next()
        self._outbox.declare(_ACTOR, 1, 0, "0|", b"body", b"F" * 12, b"code")
        self._outbox.declare(_METHOD, 1, 0, CALL, b"body", b"F" * 12, b"code")
        record = specs.record(_ACTOR, (), (), _CALL)
        self._outbox.create_actor(_ACTOR, task, record, b"", 0, 0, b"")
        self._outbox.settle()
        answer = self._call("task_step", self._node, "0", "1;CPU:0;")
        expect(answer[2:4], [task, record], "direct: the actor")
        self._call("actor_open", self._node, task, 1, 10**9, b"", b"")
        return task

    def life_of_calls(self, actor: bytes, n: int) -> None:
        """So many calls of it, from submission to release; they come by way of the inbox."""
        tasks = [self._ids.next() for _ in range(n)]
        record = specs.record(_METHOD, (), (actor + _FIRST,), _CALL)
        for task in tasks:
            self._outbox.call_actor(actor, b"", task, record, 1)
        self._outbox.settle()
        for first in range(0, n, _BATCH):
            finished: list[Any] = []
            for task in tasks[first : first + _BATCH]:
                finished += (task, "1", specs.heading_of(record), 1, INLINE)
            stale, *_ = self._call("task_step", self._node, "0", "", *finished)
            expect(stale, b"", "direct: calls that ran")
        self.release(tasks)

    def _run_all(self, value: bytes = INLINE) -> int:
        """As a node: claim, finish, claim …; how many tasks there were."""
        offer = f"{_BATCH};CPU:{_BATCH * 10_000};"
        ran = 0
        finished: list[Any] = []
        while True:
            answer = self._call("task_step", self._node, "0", offer, *finished)
            if len(answer) == 2:
                break
            finished = []
            for at in range(2, len(answer), 3):
                entry, record = answer[at], answer[at + 1]
                finished += [entry, "1", specs.heading_of(record), 1, value]
                ran += 1
        self._call("task_step", self._node, "0", "", *finished)
        return ran

    def rows(self, table: keys.Key) -> list[bytes]:
        """What is in one of the job's tables."""
        return list(self._wire.call("HVALS", table.name(self._ns)))

    def end(self) -> None:
        """The job is over."""
        self._call("job_close", 1, b"")
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._outbox.close()
        self._wire.close()
        self.server.close()


@contextmanager
def server_alone(log: str = "") -> Iterator[Address]:
    """A server without a library, for one row; `log`: how often its log is on disk, if it has one.

    With a log it is as heads have it, and is reached by TCP as other nodes reach it.
    """
    folder = Path(tempfile.mkdtemp(prefix="loom-bench-"))
    command = [find_binary(""), "--port", "0", "--unixsocket", str(folder / "s"), "--save", ""]
    command += ["--dir", str(folder)]
    for name, value in FAST_TABLES.items():
        command += [f"--{name}", str(value)]
    port = free_port("127.0.0.1", 0) if log else 0
    if log:
        command += ["--port", str(port), "--appendonly", "yes", "--appendfsync", log]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        address = Address(f"redis://127.0.0.1:{port}" if log else f"unix://{folder}/s")
        _wait(address)
        yield address
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _wait(address: Address) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            Wire(address).close()
        except errors.ControlPlaneLost:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
