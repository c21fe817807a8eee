"""A map with several items in a task: what is counted in items, and what is said of tasks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.watch import overall, progress

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster

pytestmark = pytest.mark.slow

SAYS = "1,001 items in 17 tasks of up to 64 items"


@loom.task
def thirds(x: int) -> int:
    if x in {500, 510}:
        raise ValueError("no")
    return x // 3


@loom.task(num_cpus=50)
def waits(x: int) -> int:
    return x


class Drawn:
    """Bars as `rich` would have them."""

    def __init__(self) -> None:
        self.bars: list[dict[str, Any]] = []

    def add_task(self, name: str, **more: Any) -> int:
        self.bars.append({"name": name, **more})
        return len(self.bars) - 1

    def update(self, number: int, **more: Any) -> None:
        self.bars[number] |= more


def test_a_map_is_counted_in_items(cluster: Cluster, loom_: Any) -> None:
    refs = thirds.map(range(1000), chunk=64)
    loom.wait([*refs, thirds.remote(6)], num_returns=1001)
    later = waits.map(range(130), chunk=60)
    current.session().settle()
    job = current.session().job.hex()
    rows = {row["name"]: row for row in loom_("ls", "names", "--json")["names"]}
    what = ("submitted", "done", "failed", "left", "chunk", "items", "items_over", "items_left")
    assert [rows["thirds"][each] for each in what] == [17, 16, 1, 0, 64, 1001, 1001, 0]
    assert [rows["waits"][each] for each in what] == [3, 0, 0, 3, 60, 130, 0, 130]
    assert rows["thirds"]["items_failed"] == 2, "of one task two items"
    shown = loom_("ls", "names")
    assert "1,001 of 1,001" in shown
    assert "0 of 130" in shown
    assert f"thirds: {SAYS}, of which 2 failed; all columns but items count tasks\n" in shown
    assert loom_("show", job).count("1,001 of 1,001") == 1
    assert f"thirds: {SAYS}, of which 2 failed; all columns but items count tasks\n" in loom_(
        "show", job
    )
    (row,) = [row for row in loom_("ls", "jobs", "--json")["jobs"] if row["job"] == job]
    assert (row["left"], row["items_left"], row["chunk"]) == (3, 130, 64)
    left = "of maps 130 items are left, up to 64 in a task"
    assert f"{job}: {left}; all columns count tasks\n" in loom_("ls", "jobs")
    assert "; of maps 130 items are left, up to 64 in a task\n" in loom_("status")
    top = loom_("top", "--once")
    assert "130 items" in top
    assert "items/s" not in top, "who looks once knows no rate"
    assert re.search(r"thirds +999 +2 +1,001 items", top)
    drawn: Any = Drawn()
    progress.draw(drawn, {}, overall.counts(cluster, bytes.fromhex(job)))
    (bar,) = drawn.bars
    assert (bar["name"], bar["total"], bar["completed"], bar["failed"]) == ("waits", 130, 0, "")
    for ref in later[:60]:
        loom.cancel(ref)
    current.session().settle()
    bars: dict[str, Any] = {}
    progress.draw(
        drawn, bars, [rows["thirds"] | {"left": 1}, *overall.counts(cluster, bytes.fromhex(job))]
    )
    by_name = {bar["name"]: bar for bar in drawn.bars[1:]}
    assert (by_name["thirds"]["failed"], by_name["thirds"]["cancelled"]) == ("2 failed", "")
    cut = by_name["waits"]
    assert (cut["completed"], cut["failed"], cut["cancelled"]) == (60, "", "60 cancelled")
    for ref in later[60::60]:
        loom.cancel(ref)


def test_who_has_an_item_a_task_hears_nothing_of_items(loom_: Any) -> None:
    loom.get(waits.options(num_cpus=1, name="one").map(range(5), chunk=1))
    shown = loom_("ls", "names", "--filter", "name=one")
    assert "item" not in shown
    (row,) = loom_("ls", "names", "--filter", "name=one", "--json")["names"]
    assert (row["submitted"], row["chunk"], row["items"]) == (5, 0, 5)
