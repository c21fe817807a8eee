"""What one server carries: 1 to 200 nodes of 24 slots, simulated in one process.

Three processes share the machine: the server, all nodes together, and a driver which submits,
hears of each result and releases it.  So the rate is what this machine can make of it; what one
core of a server carries is a second divided by the server's CPU time per task.  Server and nodes
speak through a socket of the file system and nothing is written to disk, but for the last rows.
"""

from __future__ import annotations

import mmap
import multiprocessing
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.harness import expect, percentile
from benchmarks.observe import Server
from benchmarks.rows.direct import server_alone
from benchmarks.simulated import Node, serve
from hyperloom import specs
from hyperloom.gcs import keys
from hyperloom.gcs.inbox import Inbox
from hyperloom.gcs.library import build
from hyperloom.gcs.outbox import Outbox
from hyperloom.gcs.wire import Wire
from hyperloom.ids import TaskIds, TemplateID, new_job_id, new_process_id, number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.harness import Bench
    from hyperloom.gcs.address import Address

_SLOTS = 24
_LASTS_S = 0.15  # 200 nodes of 24 slots could run 32,000 such tasks a second
_RATE = 30_000  # the promise, with 200 nodes
_CLAIM_S = 0.050  # the promise, at half load
_TEMPLATE = TemplateID(b"benchbat")
_FIRST = bytes(4)
_RECORD = specs.record(_TEMPLATE, (), (), b"0" + bytes(20))
_BATCH = 100
_TICK_S = 0.004


@dataclass(frozen=True, slots=True)
class _Load:
    """What one run is made of."""

    nodes: int
    tasks: int
    lasts_s: float
    rate: float  # tasks a second that the driver submits; 0: as fast as it can


@dataclass(frozen=True, slots=True)
class _Seen:
    rate: float
    server_us: float  # CPU of a task
    claims_s: list[float]  # from submission to claim
    node_bytes: float  # of the server's memory, for each node


def scale(bench: Bench) -> None:
    """Tasks per second, server CPU per task, time until claimed, by number of nodes."""
    most = bench.n(200, tiny=2)
    for nodes in [n for n in (1, 10, 50, 100, 200) if n <= most]:
        tasks = bench.n(60_000, quick=20_000, tiny=200)
        seen = _run(_Load(nodes, tasks, 0.0, 0.0))
        name = f"{nodes} nodes of {_SLOTS} slots, no-ops"
        target = None if bench.scale == "tiny" else _RATE
        bench.figure(f"{name}: rate", seen.rate, "tasks/s", target=target)
        bench.figure(
            f"{name}: what one core of a server carries", 1e6 / seen.server_us, "tasks/s",
            target=target,
        )  # fmt: skip
        full = nodes * _SLOTS / _LASTS_S
        half = _run(_Load(nodes, int(min(bench.n(60_000, tiny=100), full)), _LASTS_S, full / 2))
        bench.figure(
            f"{nodes} nodes, half of their slots busy: p99 until claimed",
            percentile(half.claims_s, 99) * 1e3, "ms",
            target=None if bench.scale == "tiny" else _CLAIM_S * 1e3, at_most=True,
        )  # fmt: skip
        bench.figure(
            f"{nodes} nodes, half of their slots busy: server CPU", half.server_us, "us/task"
        )
        bench.figure(f"{nodes} nodes: server memory for each", half.node_bytes, "B")
    for log in ("everysec", "always"):
        tasks = bench.n(60_000, quick=20_000, tiny=200)
        seen = _run(_Load(most, tasks, 0.0, 0.0), log)
        bench.figure(
            f"{most} nodes of {_SLOTS} slots, no-ops, over TCP, log on disk {log}: rate",
            seen.rate, "tasks/s", target=None if bench.scale == "tiny" else _RATE,
        )  # fmt: skip


def _run(load: _Load, log: str = "") -> _Seen:
    with server_alone(log) as address:
        wire = Wire(address)
        wire.call("FUNCTION", "LOAD", build().text)
        server = Server(wire)
        job = new_job_id()
        ns = keys.job_namespace(job)
        # Number of the task -> when it was submitted; and in the first place, how many came back.
        shared = mmap.mmap(-1, 8 * (load.tasks + 2))
        times = memoryview(shared).cast("d")
        context = multiprocessing.get_context("fork")
        driver = context.Process(target=_drive, args=(address, job, load, times))
        empty = server.number("memory", "used_memory")
        nodes = [Node(address, ns, _SLOTS, load.lasts_s) for _ in range(load.nodes)]
        claims: list[float] = []

        def claimed(task: bytes, now: float) -> None:
            claims.append(now - times[number_of(task)])

        driver.start()
        before, start = server.cpu_s(), time.monotonic()
        serve(nodes, claimed, lambda: times[0] >= load.tasks)
        took, spent = time.monotonic() - start, server.cpu_s() - before
        driver.join()
        expect(driver.exitcode, 0, "scale: the driver")
        expect(sum(node.claimed for node in nodes), load.tasks, "scale: claims")
        node_bytes = (server.number("memory", "used_memory") - empty) / load.nodes
        for node in nodes:
            node.close()
        server.close()
        times.release()
        return _Seen(load.tasks / took, spent / load.tasks * 1e6, claims, node_bytes)


def _drive(address: Address, job: bytes, load: _Load, times: memoryview[float]) -> None:
    """The driver: submits at its pace, hears of all results, releases them."""
    ns = keys.job_namespace(job)
    process = new_process_id(job)
    outbox = Outbox(address, ns, process, batch=_BATCH, outage_s=1)
    inbox = Inbox(address, keys.INBOX.name(ns, process))
    outbox.declare(_TEMPLATE, 1, 0, "0|CPU:10000", b"body", b"F" * 12, b"code")
    heard = 0
    for task in _submitted(TaskIds(process), load, times):
        if task is not None:
            outbox.submit(_TEMPLATE, b"", task, _RECORD)
            continue
        outbox.flush()
        for entries in inbox.poll(0):
            heard += len(entries) // 2
            for oid in entries[::2]:
                outbox.release(oid, made=True)
        outbox.flush()
        if heard >= load.tasks:
            break
    outbox.settle()
    times[0] = heard
    outbox.close()
    inbox.close()


def _submitted(ids: TaskIds, load: _Load, times: memoryview[float]) -> Iterator[bytes | None]:
    """Tasks when it is time for them; None: nothing is to be submitted now."""
    start, made = time.monotonic(), 0
    while True:
        now = time.monotonic()
        due = load.tasks if not load.rate else min(load.tasks, int((now - start) * load.rate))
        for _ in range(min(_BATCH, due - made)):
            task = ids.next()
            times[number_of(task)] = time.monotonic()
            yield task
            made += 1
        yield None
        if load.rate and made < load.tasks:
            time.sleep(_TICK_S)
