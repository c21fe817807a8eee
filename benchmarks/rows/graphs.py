"""Tasks that need each other's results: chain, tree, fan-in, grid.

The executors cannot express these; they are compared with what an executor takes for as many
independent no-ops, which is less than it would need.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from benchmarks.functions import (
    add,
    one,
    same,
    successor,
    task_add,
    task_one,
    task_successor,
)
from benchmarks.harness import US, expect
from benchmarks.peers import PPE
from benchmarks.rows.batch import executor_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.harness import Bench
    from benchmarks.peers import Foreign

_TASKS: dict[Any, Any] = {one: task_one, add: task_add, successor: task_successor}


def chain(bench: Bench) -> None:
    """Each takes the result of the one before; all submitted ahead."""
    n = bench.n(1_000, tiny=20)

    def synchronous() -> None:
        for i in range(n):
            expect(bench.peers.executor.submit(same, i).result(), i, PPE)

    contenders = _contenders(bench, lambda submit: _chain(submit, n), n)
    contenders[PPE] = synchronous
    bench.rates(
        f"chain of {n:,} (PPE: as many calls, one at a time)", "tasks/s", {US: n}, contenders,
        against=PPE, target=1,
    )  # fmt: skip


def tree(bench: Bench) -> None:
    """A binary tree from the leaves up."""
    depth = bench.n(13, tiny=4)
    n = 2 ** (depth + 1) - 1
    _beside_batch(bench, f"binary tree of {n:,}", n, lambda submit: _tree(submit, depth), 2**depth)


def fan_in(bench: Bench) -> None:
    """Many into one."""
    n = bench.n(5_000, tiny=50)
    _beside_batch(bench, f"fan-in of {n:,} into one", n + 1, lambda submit: _fan_in(submit, n), n)


def grid(bench: Bench) -> None:
    """Rows of tasks, each with three inputs from the row before."""
    rows, columns = bench.n(50, tiny=4), bench.n(200, tiny=5)
    _beside_batch(
        bench, f"grid {rows} x {columns}, 3 inputs each", rows * columns,
        lambda submit: _grid(submit, rows, columns), columns * 3 ** (rows - 1), target=None,
    )  # fmt: skip


def _beside_batch(  # noqa: PLR0913, PLR0917 - a row in one line
    bench: Bench,
    what: str,
    n: int,
    build: Callable[[Any], Sequence[Any]],
    wanted: int,
    target: float | None = 3,
) -> None:
    contenders = _contenders(bench, build, wanted)
    batch = bench.n(10_000, tiny=50)
    contenders[PPE] = lambda: executor_batch(bench, batch)
    bench.rates(
        f"{what} (PPE: independent no-ops)", "tasks/s", {US: n, PPE: batch}, contenders,
        against=PPE, target=target,
    )  # fmt: skip


def _contenders(
    bench: Bench, build: Callable[[Any], Sequence[Any]], wanted: int
) -> dict[str, Callable[[], object]]:
    def ours() -> None:
        refs = build(lambda function, *args: _TASKS[function].remote(*args))
        expect(sum(loom.get(refs)), wanted, US)

    contenders: dict[str, Callable[[], object]] = {US: ours}
    for peer in bench.peers.foreign:
        contenders[peer.name] = partial(_theirs, peer, build, wanted)
    return contenders


def _theirs(peer: Foreign, build: Callable[[Any], Sequence[Any]], wanted: int) -> None:
    expect(sum(peer.gather(build(peer.submit))), wanted, peer.name)


def _chain(submit: Any, n: int) -> list[Any]:
    ref = submit(successor, 0)
    for _ in range(n - 1):
        ref = submit(successor, ref)
    return [ref]


def _tree(submit: Any, depth: int) -> list[Any]:
    level = [submit(one) for _ in range(2**depth)]
    while len(level) > 1:
        level = [submit(add, level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level


def _fan_in(submit: Any, n: int) -> list[Any]:
    return [submit(add, *[submit(one) for _ in range(n)])]


def _grid(submit: Any, rows: int, columns: int) -> list[Any]:
    row = [submit(one) for _ in range(columns)]
    for _ in range(rows - 1):
        row = [submit(add, row[i - 1], row[i], row[(i + 1) % columns]) for i in range(columns)]
    return row
