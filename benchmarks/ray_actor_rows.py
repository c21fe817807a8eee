"""The rows of Ray's microbenchmarks that call actors, by its names and with its workloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hyperloom as loom
from benchmarks.harness import expect
from benchmarks.peers import CPUS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Row = tuple[str, Callable[[], object], float]

_SERVERS = max(1, CPUS // 2)
_CLIENTS = 4


@loom.actor
class Actor:
    """Ray's actor, and as its client one that calls others."""

    def __init__(self, servers: Sequence[Any] = ()) -> None:
        self._servers = list(servers)

    def small_value(self) -> bytes:
        """A no-op."""
        return b"ok"

    def small_value_arg(self, value: object) -> bytes:
        """A no-op with an argument."""
        del value
        return b"ok"

    def small_value_batch(self, n: int) -> int:
        """So many calls of each server."""
        calls = [server.small_value.remote() for server in self._servers for _ in range(n)]
        return len(loom.get(calls))

    def small_value_batch_arg(self, n: int) -> int:
        """The same with a ref."""
        value = loom.put(0)
        calls = [server.small_value_arg.remote(value) for server in self._servers for _ in range(n)]
        return len(loom.get(calls))


@loom.actor
class AsyncActor:
    """The same with coroutines."""

    async def small_value(self) -> bytes:
        """A no-op."""
        return b"ok"

    async def small_value_with_arg(self, value: object) -> bytes:
        """A no-op with an argument."""
        del value
        return b"ok"


@loom.task
def work(servers: Sequence[Any], n: int) -> int:
    """A client."""
    return len(loom.get([servers[i % len(servers)].small_value.remote() for i in range(n)]))


def rows(scale: str) -> list[Row]:
    """Ray's names, in its order."""
    many, most = (10, 20) if scale == "tiny" else (1000, 5000)
    actor, async_actor = Actor.remote(), AsyncActor.remote()
    concurrent = Actor.options(max_concurrency=16).remote()
    servers = [Actor.remote() for _ in range(_SERVERS)]
    async_servers = [AsyncActor.remote() for _ in range(_SERVERS)]
    client, async_client = Actor.remote(servers), Actor.remote(async_servers)
    clients = [Actor.remote([server]) for server in servers]
    with_args = "small_value_batch_arg"
    return [
        ("1:1 actor calls sync", lambda: _one(actor), 1),
        ("1:1 actor calls async", lambda: _batch(actor, many), many),
        ("1:1 actor calls concurrent", lambda: _batch(concurrent, many), many),
        ("1:n actor calls async", lambda: _clients([client], most), most * _SERVERS),
        ("n:n actor calls async", lambda: _work(servers, most), _CLIENTS * most),
        (
            "n:n actor calls with arg async",
            lambda: _clients(clients, many, with_args),
            many * len(clients),
        ),
        ("1:1 async-actor calls sync", lambda: _one(async_actor), 1),
        ("1:1 async-actor calls async", lambda: _batch(async_actor, many), many),
        ("1:1 async-actor calls with args async", lambda: _batch_arg(async_actor, many), many),
        ("1:n async-actor calls async", lambda: _clients([async_client], most), most * _SERVERS),
        ("n:n async-actor calls async", lambda: _work(async_servers, most), _CLIENTS * most),
    ]


def _one(actor: Any) -> None:
    expect(loom.get(actor.small_value.remote()), b"ok", "one call")


def _batch(actor: Any, n: int) -> None:
    expect(loom.get([actor.small_value.remote() for _ in range(n)]), [b"ok"] * n, "calls")


def _batch_arg(actor: Any, n: int) -> None:
    calls = [actor.small_value_with_arg.remote(i) for i in range(n)]
    expect(loom.get(calls), [b"ok"] * n, "calls with arguments")


def _clients(clients: Sequence[Any], n: int, method: str = "small_value_batch") -> None:
    done = loom.get([getattr(client, method).remote(n) for client in clients])
    expect(done, [n * _SERVERS // len(clients)] * len(clients), "calls of clients")


def _work(servers: Sequence[Any], n: int) -> None:
    expect(loom.get([work.remote(servers, n) for _ in range(_CLIENTS)]), [n] * _CLIENTS, "work")
