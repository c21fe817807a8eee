"""Whom we are compared with.

The two of the standard library are always there.  Ray and Dask take part when they are asked
for and can be imported; they are given what we are given: two CPUs on this machine.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing.managers import BaseManager
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.functions import Holder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.pool import Pool

CPUS = 2
PPE = "PPE(2)"  # concurrent.futures.ProcessPoolExecutor
POOL = "Pool(2)"  # multiprocessing.Pool
MANAGER = "Manager"  # a proxy of multiprocessing.Manager
FOREIGN = ("ray", "dask")


class _Manager(BaseManager):
    holder: Callable[[], Holder]  # its proxy


_Manager.register("holder", Holder)


class Foreign(Protocol):
    """Another system of tasks with references."""

    name: str

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        """A task; what is returned may be an argument of another one."""

    def gather(self, refs: Sequence[Any]) -> list[Any]:
        """The values."""

    def close(self) -> None:
        """Stop it."""


class Peers:
    """Started before our own node: a pool forks, and should not inherit our sockets."""

    def __init__(self, foreign: Sequence[str] = ()) -> None:
        fork = multiprocessing.get_context("fork")
        self.executor = ProcessPoolExecutor(CPUS, mp_context=fork)
        list(self.executor.map(abs, range(100)))  # it forks with the first call
        self.pool: Pool = fork.Pool(CPUS)
        self._manager = _Manager(ctx=fork)
        self._manager.start()
        self.holder = self._manager.holder()
        self.foreign: list[Foreign] = [_start(name) for name in foreign]

    def close(self) -> None:
        """End all of them."""
        self.executor.shutdown()
        self.pool.terminate()
        self.pool.join()
        self._manager.shutdown()
        for peer in self.foreign:
            peer.close()


def _start(name: str) -> Foreign:
    if name == "ray":
        return _Ray()
    if name == "dask":
        return _Dask()
    raise ValueError(f"there is no peer {name!r}; it is one of {', '.join(FOREIGN)}")


class _Ray:
    name = "Ray"

    def __init__(self) -> None:
        ray = import_module("ray")
        ray.init(num_cpus=CPUS, include_dashboard=False, log_to_driver=False)
        self._ray = ray
        self._remote: dict[Any, Any] = {}

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        remote = self._remote.get(function)
        if remote is None:
            remote = self._remote[function] = self._ray.remote(function)
        return remote.remote(*args)

    def gather(self, refs: Sequence[Any]) -> list[Any]:
        values: list[Any] = self._ray.get(refs)
        return values

    def close(self) -> None:
        self._ray.shutdown()


class _Dask:
    name = "Dask"

    def __init__(self) -> None:
        dask = import_module("distributed")
        self._cluster = dask.LocalCluster(
            n_workers=CPUS, threads_per_worker=1, dashboard_address=None, silence_logs=50
        )
        self._client = dask.Client(self._cluster)

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._client.submit(function, *args, pure=False)

    def gather(self, refs: Sequence[Any]) -> list[Any]:
        values: list[Any] = self._client.gather(list(refs))
        return values

    def close(self) -> None:
        self._client.close()
        self._cluster.close()
