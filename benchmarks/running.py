"""What stands around the rows: the peers first, then a node of our own, in a private place."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

import hyperloom as loom
from benchmarks.harness import Bench
from benchmarks.peers import CPUS, Peers
from benchmarks.rows import ALONE, ROWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def rows_of(
    names: Sequence[str], scale: str, foreign: Sequence[str] = ()
) -> Iterator[tuple[Bench, Callable[[Bench], None]]]:
    """Each row with what it needs; what ran for it ends when the next one is asked for."""
    together = [name for name in names if name not in ALONE]
    alone = [name for name in names if name in ALONE]
    with private_runtime():
        if together:
            with _peers(foreign) as peers, loom.init(num_cpus=CPUS, address="local"):
                for name in together:
                    yield Bench(scale, peers, row=name), ROWS[name]
        for name in alone:
            yield Bench(scale, None, row=name), ROWS[name]


@contextmanager
def private_runtime() -> Iterator[None]:
    """No node that runs on this machine is met, and none of ours is found by others."""
    before = os.environ.get("LOOM_RUNTIME_DIR")
    folder = tempfile.mkdtemp(prefix="loom-bench-")
    os.environ["LOOM_RUNTIME_DIR"] = folder
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ["LOOM_RUNTIME_DIR"]
        if before is not None:
            os.environ["LOOM_RUNTIME_DIR"] = before


@contextmanager
def _peers(foreign: Sequence[str]) -> Iterator[Peers]:
    # Before our node: a pool forks, and should not inherit our sockets.
    peers = Peers(foreign)
    try:
        yield peers
    finally:
        peers.close()
