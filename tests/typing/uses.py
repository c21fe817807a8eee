"""Uses of the API as a user's type checker sees them; read by `test_types.py`, never run.

``# type: X`` after a line is what mypy must reveal there; ``# error: code`` what it must refuse.
"""

# ruff: noqa: F821, ARG001, TC003 - read by a type checker, never run: see `test_types.py`

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from typing import Any

import hyperloom as loom
from hyperloom import tasks


@loom.task
def f(x: int, y: str = "a", *, z: float = 0.0) -> list[int]:
    return [x]


@loom.task(num_cpus=2, max_retries=3, retry_exceptions=[OSError])
def g(v: list[int]) -> int:
    return len(v)


@loom.task()
def nothing() -> None: ...


@loom.task
def items(n: int) -> Iterator[str]:
    yield "a" * n


@loom.task(stream_ahead=2)
def more(n: int) -> Generator[float, None, None]:
    yield float(n)


@loom.task(num_returns=2)
def pair(x: int) -> tuple[int, str]:
    return x, str(x)


@loom.task(num_returns="streaming")
def told(x: int) -> list[int]:
    return [x]


class Scores(loom.Actor, max_restarts=1):
    def __init__(self, first: int) -> None:
        self.scores = [first]

    @loom.method
    def best(self, of: int) -> int:
        return self.scores[of]

    @loom.method
    async def mean(self) -> float:
        return float(self.best(0))

    @loom.method
    def each(self) -> Iterator[int]:
        yield from self.scores

    @loom.method(num_returns=2)
    def ends(self) -> tuple[int, int]:
        return self.scores[0], self.scores[-1]

    @loom.method(max_task_retries=3)
    def sure(self, of: int) -> str:
        return str(self.scores[of])

    @loom.method(concurrency_group="io")
    async def slow(self) -> bytes:
        return b""

    @loom.method(num_returns="streaming")
    def told(self) -> Iterator[str]:
        yield ""


scores = Scores.remote(7)
reveal_type(scores)  # type: Scores
reveal_type(Scores.options(name="x").remote(7))  # type: Scores
reveal_type(scores.best.remote(1))  # type: ObjectRef[int]
reveal_type(scores.best.remote(f.remote(1)))  # type: ObjectRef[int]
reveal_type(scores.mean.remote())  # type: ObjectRef[float]
reveal_type(scores.each.remote())  # type: ObjectRefGenerator[int]
reveal_type(scores.best(1))  # type: int
reveal_type(scores.ends.remote())  # type: list[ObjectRef[Any]]
reveal_type(scores.sure.remote(1))  # type: ObjectRef[str]
reveal_type(scores.slow.remote())  # type: ObjectRef[bytes]
reveal_type(scores.told.remote())  # type: ObjectRefGenerator[str]
reveal_type(scores.best.options(max_task_retries=2).remote(1))  # type: ObjectRef[int]
reveal_type(scores.ends.options(num_returns=1).remote())  # type: ObjectRef[tuple[int, int]]
reveal_type(scores.ends.options(num_returns=3).remote())  # type: list[ObjectRef[Any]]
reveal_type(scores.each.options(num_returns="streaming").remote())  # type: ObjectRefGenerator[Any]
scores.best.options(max_task_retries=2).remote("no")  # error: call-overload
scores.best.options(retries=2)  # error: call-overload
Scores.remote("no")  # error: arg-type
Scores.options(name="x").remote("no")  # error: arg-type
scores.best.remote("no")  # error: call-overload


@loom.actor
class Plain:
    pass


reveal_type(loom.get_actor("s", Scores))  # type: Scores
reveal_type(loom.get_actor("p", Plain, "shop"))  # type: ActorHandle[Plain]
reveal_type(loom.get_actor("p", "shop"))  # type: ActorHandle[Any]
reveal_type(loom.context().actor)  # type: ActorHandle[Any] | None
loom.kill(scores)
loom.kill(loom.get_actor("p", Plain))


def best(actor: Scores, of: int) -> loom.ObjectRef[int]:
    return actor.best.remote(of)


pool = loom.util.ActorPool([scores])
reveal_type(pool.map(best, [1]))  # type: Iterator[int]
reveal_type(pool.pop_idle())  # type: Scores | None
reveal_type(loom.util.Queue[int]().get())  # type: int

r = f.remote(1, "b", z=2.0)
reveal_type(r)  # type: ObjectRef[list[int]]
reveal_type(loom.get(r))  # type: list[int]
reveal_type(f(1))  # type: list[int]
reveal_type(nothing.remote())  # type: ObjectRef[None]

# Plans.
reveal_type(f.bind(1, "b"))  # type: BoundTask[list[int]]
reveal_type(g.bind(f.bind(1)))  # type: BoundTask[int]
reveal_type(loom.submit([g.bind(f.bind(1))]))  # type: PlanHandle
reveal_type(g.bind(tasks.dget(f.bind(1))))  # type: BoundTask[list[int]]
reveal_type(f.bind(1, tasks.dslice(["a"])))  # type: BoundTask[list[list[int]]]
reveal_type(tasks.dget(f.bind(1)))  # type: Scattered
f.bind(1, 2, 3)  # error: call-overload


@loom.task
def goes_on(x: int) -> loom.BoundTask[list[int]]:
    return f.bind(x)


reveal_type(goes_on.remote(1))  # type: ObjectRef[list[int]]

# A ref stands for its value, by position.
reveal_type(g.remote(r))  # type: ObjectRef[int]
reveal_type(g.remote([1]))  # type: ObjectRef[int]
reveal_type(f.remote(1, loom.put("b")))  # type: ObjectRef[list[int]]
reveal_type(f.remote(g.remote(r), "b"))  # type: ObjectRef[list[int]]

reveal_type(loom.get([g.remote(r), g.remote([1])]))  # type: list[int]
reveal_type(loom.get((r, r), timeout=5))  # type: list[list[int]]
reveal_type(loom.put({"a": 1}))  # type: ObjectRef[dict[str, int]]
reveal_type(loom.wait([r], num_returns=1)[0])  # type: list[ObjectRef[list[int]]]
reveal_type(loom.as_completed([r]))  # type: Iterator[ObjectRef[list[int]]]
reveal_type(g.map([[1], [2]]))  # type: list[ObjectRef[int]]
reveal_type(r.future().result())  # type: list[int]

reveal_type(f.options(num_cpus=2).remote(1))  # type: ObjectRef[list[int]]
reveal_type(pair.remote(1))  # type: list[ObjectRef[Any]]
reveal_type(f.options(num_returns=3).remote(1))  # type: list[ObjectRef[Any]]
reveal_type(pair.options(num_returns=1).remote(1))  # type: ObjectRef[tuple[int, str]]
reveal_type(pair.options(priority=2).remote(1))  # type: list[ObjectRef[Any]]

reveal_type(items.remote(3))  # type: ObjectRefGenerator[str]
reveal_type(next(items.remote(3)))  # type: ObjectRef[str]
reveal_type([loom.get(item) for item in items.remote(3)])  # type: list[str]
reveal_type(more.remote(3))  # type: ObjectRefGenerator[float]
reveal_type(told.remote(3))  # type: ObjectRefGenerator[int]
reveal_type(items.options(stream_ahead=1).remote(3))  # type: ObjectRefGenerator[str]
reveal_type(items.remote(3).completed())  # type: ObjectRef[int]


async def main() -> None:
    reveal_type(await r)  # type: list[int]
    reveal_type(await asyncio.gather(r, g.remote(r)))  # type: tuple[list[int], int]
    async for ref in items.remote(1):
        reveal_type(await ref)  # type: str


with loom.init(num_cpus=1) as connection:
    reveal_type(connection)  # type: Connection
reveal_type(loom.context().fence)  # type: tuple[str, int] | None

f.remote("no")  # error: call-overload
f.remote()  # error: call-overload
f.remote(1, bogus=3)  # error: call-overload
f.remote(1, "b", 3.0)  # error: call-overload
nothing.remote(1)  # error: call-overload
items.remote("no")  # error: call-overload
f("no")  # error: arg-type
loom.get(5)  # error: call-overload
loom.get(f)  # error: call-overload
loom.wait(r)  # error: arg-type
loom.cancel(items.remote(3))
loom.cancel(5)  # error: arg-type
loom.task(num_cpu=2)  # error: call-overload
loom.task(num_cpus="2")  # error: call-overload
f.options(nonsense=1)  # error: call-overload
loom.init(mode="nonsense")  # error: arg-type


def untyped(x: Any) -> None:
    reveal_type(f.bind(x))  # type: BoundTask[Any]
