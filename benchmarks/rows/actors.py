"""Actors: their calls one at a time and many at once, their creation, and what idle ones take.

Ray's figures stand in the names: its own microbenchmarks, Ray 2.60 on two such CPUs.
"""

from __future__ import annotations

import gc
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from benchmarks import observe
from benchmarks.functions import Actor, task_call_all, task_same
from benchmarks.harness import US, expect, percentile, round_trips, timed
from benchmarks.peers import CPUS, MANAGER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.harness import Bench

_TASK = "a task"
_SERVER_US = 14  # the promise: of its CPU, a call
_PSS_BYTES = 15_000_000
_GONE_S = 60.0


def sync(bench: Bench) -> None:
    """Median and 99th percentile of a round trip to one actor."""
    actor, holder = Actor.remote(), bench.peers.holder
    contenders: dict[str, Callable[[int], object]] = {
        US: lambda i: loom.get(actor.same.remote(i)),
        _TASK: lambda i: loom.get(task_same.remote(i)),
        MANAGER: holder.same,
    }
    turns = bench.n(30, quick=10, tiny=1)
    times = round_trips(bench, contenders, turns)
    for percent in (50, 99):
        values = {name: percentile(each, percent) * 1e6 for name, each in times.items()}
        promise: dict[str, Any] = {"target": 1.2, "at_most": True} if percent == 50 else {}
        bench.figure(
            f"one call of an actor, and get: p{percent} (Ray: 1,101 us on average)",
            values.pop(US), "us", others=values, against=_TASK, **promise,
        )  # fmt: skip


def calls(bench: Bench) -> None:
    """Many at once: of one actor, of four, from many to many, with a ref; the server's CPU."""
    n = bench.n(10_000, tiny=40)
    one, four = Actor.remote(), [Actor.remote() for _ in range(4)]
    ref = loom.put(7)
    expect(loom.get([actor.same.remote(1) for actor in [one, *four]]), [1] * 5, "actor-calls")
    rates = {
        "1 actor, {n:,} calls, get (Ray: 1,913)": lambda: _call([one], n),
        "4 actors called in turns, {n:,} calls, get (Ray: 2,014)": lambda: _call(four, n),
        "4 tasks call 4 actors, {n:,} calls, get (Ray: 2,304)": lambda: _call_from_tasks(four, n),
        "1 actor, {n:,} calls with a ref each": lambda: _call_with(one, ref, n),
    }
    wanted = dict(zip(rates, (15_000, 15_000, None, 5_000), strict=True))
    for what, run in rates.items():
        taken = bench.take_turns({US: run})
        target = None if bench.scale == "tiny" else wanted[what]
        bench.figure(what.format(n=n), n / taken[US], "calls/s", target=target)
    rounds = bench.rounds
    spent = _server_s(lambda: _call([one], n), rounds) / (n * rounds) * 1e6
    bench.figure(
        f"CPU of the server, {n:,} calls of an actor", spent, "us/call",
        target=_SERVER_US, at_most=True,
    )  # fmt: skip


def _call(actors: Sequence[Any], n: int) -> None:
    refs = [actors[i % len(actors)].same.remote(i) for i in range(n)]
    expect(loom.get(refs), list(range(n)), "actor-calls")


def _call_from_tasks(actors: Sequence[Any], n: int) -> None:
    each = n // len(actors)
    sums = loom.get([task_call_all.remote(actors, each) for _ in actors])
    expect(sums, [each] * len(actors), "actor-calls, from tasks")


def _call_with(actor: Any, ref: loom.ObjectRef[int], n: int) -> None:
    expect(loom.get([actor.same.remote(ref) for _ in range(n)]), [7] * n, "actor-calls, a ref")


def _server_s(run: Callable[[], None], rounds: int) -> float:
    server = observe.Server()
    before = server.cpu_s()
    for _ in range(rounds):
        run()
    spent = server.cpu_s() - before
    server.close()
    return spent


def creation(bench: Bench) -> None:
    """200 actors, until each has answered a call; and until all are gone."""
    n = bench.n(200, tiny=3)
    taken, ended = [], []
    for _ in range(bench.n(5, quick=3, tiny=1)):
        start = time.perf_counter()
        actors = _create(n)
        taken.append(time.perf_counter() - start)
        ended.append(timed(lambda: _end(actors)))  # noqa: B023 - called at once
    bench.figure(
        f"{n} actors, created and called once", n / median(taken), "actors/s",
        target=None if bench.scale == "tiny" else 100,
    )  # fmt: skip
    bench.figure(f"{n} actors that nobody holds are gone", median(ended), "s")


def _create(n: int) -> list[Any]:
    actors = [Actor.remote() for _ in range(n)]
    answers = loom.get([actor.same.remote(i) for i, actor in enumerate(actors)])
    expect(answers, list(range(n)), "actor-creation")
    return actors


def _end(actors: list[Any]) -> None:
    actors.clear()
    gc.collect()
    few = 2 * CPUS + 10
    gone = observe.settled(_workers, lambda number: number <= few, _GONE_S)
    expect(gone, wanted=True, what="actor-creation: the actors are gone")


def _workers() -> int:
    return len(observe.roles().get("workers", ()))


def idle(bench: Bench) -> None:
    """Memory of each of a thousand actors that wait for calls, and CPU of all processes."""
    n = bench.n(1_000, quick=200, tiny=2)
    actors = _create(n)
    who = observe.roles()
    each = observe.memory_bytes(who["workers"]) / len(who["workers"])
    bench.figure(
        f"memory of each of {n:,} idle actors (PSS)", each / 1e6, "MB",
        target=_PSS_BYTES / 1e6, at_most=True,
    )  # fmt: skip
    time.sleep(bench.n(3, tiny=0))  # other workers that nobody needs have ended
    seconds = bench.n(10_000, quick=5_000, tiny=100) / 1e3
    who = observe.roles()
    # The driver, which is first, comes last: to look at the others takes it some time.
    before = {role: observe.cpu_s(pids) for role, pids in reversed(who.items())}
    time.sleep(seconds)
    for role, pids in who.items():
        spent = (observe.cpu_s(pids) - before[role]) / seconds * 100
        actors_own = role == "workers"
        bench.figure(
            f"CPU of the {'actors' if actors_own else role} meanwhile", spent, "% of a core",
            target=0.1 if actors_own else None, at_most=True,
        )  # fmt: skip
    _end(actors)
