"""Figures for Prometheus: HyperLoom's own and those that programs measure of themselves.

A collector of prometheus-client: asked for its figures, it asks the cluster.  Of counts the
control plane is the source, so they are exact, and the same whoever asks.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from hyperloom.core import metrics
from hyperloom.gcs import keys
from hyperloom.watch import counted, overall
from hyperloom.watch.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.story import Event

_SECONDS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
_TIMES = {
    "loom_task_queue_seconds": "How long attempts were ready before they began, without fetching",
    "loom_task_fetch_seconds": "How long attempts waited for inputs from other nodes, of those "
    "that had to",
    "loom_task_seconds": "How long attempts ran",
}


class Collector:
    """See the module.  For one thread at a time."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._read: dict[bytes, bytes] = {}  # job -> the last event that was counted
        self._waits: dict[bytes, Waits] = {}
        # Of each family, by job and name: buckets, then the sum.
        self._seconds: dict[str, dict[tuple[str, str], list[float]]] = {name: {} for name in _TIMES}

    def collect(self) -> Iterator[Any]:
        """The figures as they are now."""
        began = time.perf_counter()
        told = overall.look(self._cluster)
        spent = time.perf_counter() - began
        yield GaugeMetricFamily("loom_look_seconds", "Time to ask the cluster for this", spent)
        yield from self._tasks(told)
        yield from _nodes(told)
        yield _gauge("loom_server_seconds", "Round trip to the server", self._round_trip())
        server = told["server"]
        yield _gauge("loom_server_memory_bytes", "Memory of the server", server["memory_bytes"])
        yield _gauge("loom_server_clients", "Connections to the server", server["clients"])
        yield from self._times(told)
        yield from self._users(told)

    def _round_trip(self) -> float:
        began = time.perf_counter()
        self._cluster.control_plane.wire.call("PING")
        return time.perf_counter() - began

    def _tasks(self, told: dict[str, Any]) -> Iterator[Any]:
        total = CounterMetricFamily(
            "loom_tasks", "Tasks by function and what became of them",
            labels=("job", "name", "what"),
        )  # fmt: skip
        for row in told["names"]:
            for what in ("submitted", *counted.OVER, "retried"):
                total.add_metric((row["job"], row["name"], what), row[what])
        yield total
        now = GaugeMetricFamily(
            "loom_tasks_now", "Tasks that are not over, by function and how they stand",
            labels=("job", "name", "state"),
        )  # fmt: skip
        for job in {row["job"]: None for row in told["names"]}:
            rows = [row for row in told["names"] if row["job"] == job]
            for row in overall.standing(self._cluster, bytes.fromhex(job), rows):
                for state in ("waiting", "ready", "held"):
                    now.add_metric((job, row["name"], state), row[state])
        yield now

    def _times(self, told: dict[str, Any]) -> Iterator[Any]:
        open_jobs = [bytes.fromhex(job["job"]) for job in told["jobs"]]
        for job in open_jobs:
            self._take_in(job)
        for job in self._waits.keys() - set(open_jobs):
            del self._waits[job]
        for family_name, what in _TIMES.items():
            family = HistogramMetricFamily(
                family_name, f"{what}, as far as events tell", labels=("job", "name")
            )
            for labels, counts in self._seconds[family_name].items():
                family.add_metric(labels, _buckets(_SECONDS, counts[:-1]), counts[-1])
            yield family

    def _take_in(self, job: bytes) -> None:
        for waited in self._waits.setdefault(job, Waits()).take(self._new(job)):
            labels = job.hex(), self._cluster.name(job, waited.ran.template)
            times = waited.queued, waited.fetching, waited.ran.seconds
            for family, seconds in zip(_TIMES, times, strict=True):
                if seconds is not None:
                    blank = [0.0] * (len(_SECONDS) + 2)
                    counts = self._seconds[family].setdefault(labels, blank)
                    counts[bisect_left(_SECONDS, seconds)] += 1
                    counts[-1] += seconds

    def _new(self, job: bytes) -> Iterator[Event]:
        """Events that came since the last time."""
        live = self._cluster.control_plane
        for entry, event in live.entries(job, self._read.get(job, b"-")):
            self._read[job] = entry
            yield event

    def _users(self, told: dict[str, Any]) -> Iterator[Any]:
        rows: dict[metrics.Named, float] = {}
        for job in told["jobs"]:
            name = keys.METRICS.name(keys.job_namespace(bytes.fromhex(job["job"])))
            flat = self._cluster.control_plane.wire.call("HGETALL", name)
            for row, value in zip(flat[::2], flat[1::2], strict=True):
                named = metrics.read(row)
                rows[named] = float(value) + (rows.get(named, 0.0) if named.kind != "gauge" else 0)
        yield from users(rows)


def users(rows: dict[metrics.Named, float]) -> Iterator[Any]:
    """The metrics of programs, as families."""
    families: dict[str, Any] = {}
    histograms: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, float]] = {}
    make = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily,
            "histogram": HistogramMetricFamily}  # fmt: skip
    for row, value in rows.items():
        family = families.get(row.name)
        if family is None:
            labels = [name for name, _ in row.tags]
            family = make[row.kind](row.name, row.description or row.name, labels=labels)
            families[row.name] = family
        if row.kind == "histogram":
            histograms.setdefault((row.name, row.tags), {})[row.part] = value
        else:
            family.add_metric([tag for _, tag in row.tags], value)
    for (name, tags), parts in histograms.items():
        total = parts.pop("sum", 0.0)
        most = sorted(parts, key=float)
        bounds = [float(part) for part in most]
        buckets = _buckets([b for b in bounds if not math.isinf(b)], [parts[p] for p in most])
        families[name].add_metric([tag for _, tag in tags], buckets, total)
    yield from families.values()


def _buckets(bounds: Iterable[float], counts: list[float]) -> list[tuple[str, float]]:
    """Cumulative, the last without a bound, as Prometheus wants them."""
    names = [f"{bound:g}" for bound in bounds]
    buckets, total = [], 0.0
    for at, count in enumerate(counts):
        total += count
        if at < len(names):
            buckets.append((names[at], total))
    return [*buckets, ("+Inf", total)]


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value)


def _nodes(told: dict[str, Any]) -> Iterator[Any]:
    figures = {
        "loom_store_used_bytes": ("Shared memory that objects take", "used"),
        "loom_store_bytes": ("Shared memory that objects may take", "bytes"),
        "loom_workers": ("Worker processes", "workers"),
    }
    for name, (what, field) in figures.items():
        family = GaugeMetricFamily(name, what, labels=("node", "host"))
        for node in told["nodes"]:
            family.add_metric((node["node"], node["host"]), node[field])
        yield family
    yield from _moved(told)
    yield from _machines(told)
    alive = sum(node["alive"] for node in told["nodes"])
    yield _gauge("loom_nodes_alive", "Nodes that are heard of", alive)
    for name, what in (("resources", "Resources in all"), ("free", "Resources that are free")):
        family = GaugeMetricFamily(f"loom_{name}", what, labels=("node", "resource"))
        for node in told["nodes"]:
            for resource in node["resources"]:
                family.add_metric((node["node"], resource), node[name].get(resource, 0))
        yield family


def _moved(told: dict[str, Any]) -> Iterator[Any]:
    """Objects that went from node to node."""
    for which in ("received", "sent"):
        for what, end in (("Objects", ""), ("Bytes of objects", "_bytes")):
            family = CounterMetricFamily(
                f"loom_objects_{which}{end}", f"{what} that a node has {which}",
                labels=("node", "host"),
            )  # fmt: skip
            for node in told["nodes"]:
                moved = node["transfers"][f"{which}{end}"]
                family.add_metric((node["node"], node["host"]), moved)
            yield family


_LOAD = {
    "loom_cpu_percent": ("Use of the machine's CPUs", "cpu_percent"),
    "loom_memory_used_bytes": ("Memory of the machine that is in use", "memory_used"),
    "loom_memory_bytes": ("Memory of the machine", "memory_bytes"),
    "loom_spilled_bytes": ("Objects that lie on disk for want of memory", "spilled"),
    "loom_received_bytes_per_second": ("From the network to the machine", "received_s"),
    "loom_sent_bytes_per_second": ("From the machine to the network", "sent_s"),
}


def _machines(told: dict[str, Any]) -> Iterator[Any]:
    """What nodes say of their machines; one that does not answer says nothing."""
    for name, (what, field) in _LOAD.items():
        family = GaugeMetricFamily(name, what, labels=("node", "host"))
        for node in told["nodes"]:
            if "load" in node:
                family.add_metric((node["node"], node["host"]), node["load"][field])
        yield family
