"""A million tasks, each with three inputs, as one plan: submitted, run and let go of."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import psutil
import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.gcs.wire import Wire
from tests.cluster.api.gate import Gate
from tests.cluster.api.holdings import holdings
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

ROWS = COLUMNS = 1000
TASKS = ROWS * COLUMNS
MOST_BYTES = 600  # of a waiting task, in the server and in the driver
PRIME = 1_000_003

_log = logging.getLogger(__name__)


def mixed(left: int, middle: int, right: int) -> int:
    return (left + 2 * middle + 3 * right + 1) % PRIME


def expected() -> list[int]:
    row = list(range(COLUMNS))
    for _ in range(ROWS - 1):
        row = [mixed(row[i - 1], row[i], row[(i + 1) % COLUMNS]) for i in range(COLUMNS)]
    return row


def server_bytes() -> int:
    text = Wire(current.session().address).call("INFO", "memory").decode()
    return int(text.partition("used_memory_dataset:")[2].split()[0])


def driver_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_grid_of_a_million_tasks(tmp_path: Path) -> None:
    """``--log-cli-level=info`` shows its figures."""
    go = Gate(tmp_path / "go")

    @loom.task
    def hold() -> int:
        go.pass_through(600)
        return 0

    @loom.task
    def first(begin: int, value: int) -> int:
        return begin + value

    mix = loom.task(mixed)
    with loom.init("local", num_cpus=2):
        here, there, began = driver_bytes(), server_bytes(), time.perf_counter()
        begin = hold.bind()
        row = [first.bind(begin, i) for i in range(COLUMNS)]
        for _ in range(ROWS - 1):
            row = [mix.bind(row[i - 1], row[i], row[(i + 1) % COLUMNS]) for i in range(COLUMNS)]
        built, at_most = time.perf_counter(), driver_bytes()
        handle = loom.submit(row)
        submitted = time.perf_counter()
        del row, begin
        waiting, at_most = server_bytes(), max(at_most, driver_bytes())
        go.open()
        assert handle.gather() == expected()
        ran = time.perf_counter()
        kept = ("object", "task", "wait", "waiters", "refs", "held")
        wait_until(lambda: not set(kept) & holdings().keys(), 60, what="nothing of it is left")
        figures = {
            "built a second": TASKS / (built - began),
            "submitted a second": TASKS / (submitted - built),
            "run a second": TASKS / (ran - submitted),
            "bytes of a waiting task in the server": (waiting - there) / TASKS,
            "bytes of a task in the driver": (at_most - here) / TASKS,
            "bytes of the server afterwards": server_bytes() - there,
        }
        for name, figure in figures.items():
            _log.info("%s: %s", name, f"{figure:,.0f}")
        assert (waiting - there) / TASKS < MOST_BYTES
        assert (at_most - here) / TASKS < MOST_BYTES
