"""A large plan has counts of its own, also when it belongs to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.plan import detaching
from hyperloom.watch import followed
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.live import Live
from tests.cluster.plans.programs import needs, square

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate
    from tests.home import Home

pytestmark = pytest.mark.slow
_COUNTS = ("tasks", "left", "tasks_done", "tasks_failed")


def test_a_large_one_has_counts_of_its_own_whoever_runs_parts_of_it_again(
    head: Home, gate: Callable[[str], Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here five tasks are as many as 20,000 elsewhere."""
    del head  # it runs
    monkeypatch.setattr(detaching, "COUNTED_FROM", 5)
    loom.init("auto")
    wanted = [square.bind_map(range(5)), needs.options(max_retries=0).bind(gate("go"), 7)]
    it = str(loom.submit(wanted, detach=True).id)
    loom.shutdown()
    loom.init("auto")
    handle = loom.attach(it)
    cluster = Cluster(Live(current.session().address))
    assert handle.wait(30)
    about = followed.show(cluster, bytes.fromhex(it))
    assert [about[name] for name in _COUNTS] == [6, 0, 5, 1]
    gate("go").open()
    assert handle.retry_failed() == 1
    assert handle.fetch(30) == [[0, 1, 4, 9, 16], 7]
    about = followed.show(cluster, bytes.fromhex(it))
    assert [about[name] for name in _COUNTS] == [7, 0, 6, 1]
    assert {row["name"]: row["submitted"] for row in about["names"]} == {"square": 5, "needs": 2}
    cluster.close()
    handle.release()
