"""The way of a failure through a plan."""

from __future__ import annotations

import hyperloom as loom
from hyperloom.failures import PATH_ENDS
from hyperloom.plan.submitted import Submitted
from hyperloom.plan.ways import Ways


@loom.task
def f(*_: object) -> None:
    """Never run."""


def test_the_shortest_way_by_labels() -> None:
    bad = f.bind().named("bad")
    aside = f.bind(f.bind(bad))
    mapped = f.bind_map([bad, 1, 2]).named("all")
    end = f.bind(aside, mapped[2], bad.named("bad")).named("end")
    plan = Submitted((end, f.bind(mapped).named("sum")), [3, 4, 5, 256, 257, 258, 6, 7])
    ways = Ways(plan)
    assert [node.name for node in plan.nodes()] == ["bad", "f", "f", "all", "end", "sum"]
    assert ways.way(3, 6) == ("bad", "end")
    assert ways.way(4, 6) == ("f", "f", "end")
    assert ways.way(257, 7) == ("all", "sum")
    assert ways.way(3, 7) == ("bad", "all", "sum")
    assert ways.way(3, 3) == ("bad",)
    assert (ways.way(7, 3), ways.way(2, 6), ways.way(3, 300)) == ((), (), ())


def test_of_a_long_way_the_middle_is_left_out() -> None:
    task = f.bind().named("first")
    for _ in range(1000):
        task = f.bind(task)
    way = Ways(Submitted((task.named("last"),), range(1, 1002))).way(1, 1001)
    assert (way[0], way[-1], len(way)) == ("first", "last", 2 * PATH_ENDS + 1)
    assert way[PATH_ENDS] == f"({1001 - 2 * PATH_ENDS} more)"
