"""What it costs the server that results which lie in stores can be made again.

The words of `direct`, of tasks whose results lie on a node: kept (their records stay as long as the
results do), not kept (the tasks must not run again: a letter stays that says so); and of tasks
whose results are inline, of which nothing needs to stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks.harness import expect
from benchmarks.rows.direct import INLINE, LARGE, ONCE, PLAIN, Plane, server_alone
from hyperloom.gcs import codes, keys

if TYPE_CHECKING:
    from benchmarks.harness import Bench
    from hyperloom.gcs.address import Address
    from hyperloom.ids import TemplateID


class _Kind(NamedTuple):
    template: TemplateID
    value: bytes
    stays: set[bytes]  # with which letters rows of `lineage` begin


_KINDS = {
    "kept": _Kind(PLAIN, LARGE, {codes.REMAKE}),
    "not kept": _Kind(ONCE, LARGE, {codes.NO_RETRIES}),
    "inline": _Kind(PLAIN, INLINE, set()),
}


def lineage(bench: Bench) -> None:
    """Server CPU of a task's life, and its bytes as long as its result is held."""
    n = bench.n(20_000, quick=10_000, tiny=200)
    for edges in (0, 1):
        spent: dict[str, list[float]] = {name: [] for name in _KINDS}
        held: dict[str, list[float]] = {name: [] for name in _KINDS}
        with server_alone() as address:
            _life(address, n, edges, _KINDS["kept"])
            for _ in range(bench.rounds):  # in turn: the machine may be another a minute later
                for name, kind in _KINDS.items():
                    cpu_s, size = _life(address, n, edges, kind)
                    spent[name].append(cpu_s / n * 1e6)
                    held[name].append(size / n)
        for what, by_kind, unit in (("CPU", spent, "us/task"), ("memory", held, "B/task")):
            middle = {name: sorted(each)[len(each) // 2] for name, each in by_kind.items()}
            bench.figure(
                f"server {what} per task with its lineage, inputs: {edges}", middle.pop("kept"),
                unit, others=middle,
            )  # fmt: skip


def _life(address: Address, n: int, edges: int, kind: _Kind) -> tuple[float, float]:
    """CPU seconds of so many lives, and bytes while all results are held; in a job of their own.

    Of records that lean on each other the last ones go when more are made, or with the job.
    """
    plane = Plane(address)
    server = plane.server
    began, before = server.cpu_s(), server.memory_bytes()
    tasks = plane.made(n, edges, kind.value, kind.template)
    cpu_s, size = server.cpu_s() - began, server.memory_bytes() - before
    rows = plane.rows(keys.LINEAGE)
    stays = (n if kind.stays else 0, kind.stays)
    expect((len(rows), {row[:1] for row in rows}), stays, "lineage: what stays of tasks")
    expect(len(plane.rows(keys.OBJECT)), n, "lineage: results")
    began = server.cpu_s()
    plane.release(tasks)
    cpu_s += server.cpu_s() - began
    leant_on = len(plane.rows(keys.LINEAGE)) if edges else 0
    left = len(plane.rows(keys.OBJECT)) + len(plane.rows(keys.LINEAGE)) - leant_on
    expect(left, 0, "lineage: what is left when all is released")
    plane.end()
    return cpu_s, size
