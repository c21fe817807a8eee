"""What an embedded node costs a program that does nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil
import pytest

import hyperloom as loom
from tests.cluster.node.somebodys import one_more
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow

WATCHED_S = 5.0
MOST_CPU_S = 0.05  # one percent; half of that is promised, and measured in the benchmarks


def test_an_idle_node_is_few_small_processes_that_sleep(home: Home) -> None:
    with loom.init("local", num_cpus=2):
        assert loom.get(one_more.remote(1)) == 2
        processes = [psutil.Process(pid) for pid in home.processes()]
        # Server, raylet, template and a worker; the fifth is the program itself.
        assert len(processes) == 4, [process.cmdline() for process in processes]
        assert sum(process.memory_full_info().pss for process in processes) < 120 << 20

        def used_s() -> float:
            return sum(sum(process.cpu_times()[:2]) for process in processes)

        settled_at = time.monotonic() + 1
        wait_until(lambda: time.monotonic() > settled_at)
        before_s, end_at = used_s(), time.monotonic() + WATCHED_S
        wait_until(lambda: time.monotonic() > end_at, WATCHED_S + 5)
        assert used_s() - before_s < MOST_CPU_S
