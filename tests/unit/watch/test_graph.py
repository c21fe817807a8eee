"""What events tell of a job's graph is bounded, however long it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import events
from hyperloom.events import Ended
from hyperloom.watch import graph
from hyperloom.watch.graph import Past

if TYPE_CHECKING:
    import pytest


def task(number: int) -> bytes:
    return number.to_bytes(16, "big")


def ran(number: int, *inputs: int, ended: Ended = Ended.DONE) -> events.Attempt:
    made = [task(each) for each in inputs]
    return events.Attempt(task(number), bytes(8), 1, ended, 1.0, 0.1, 0, bytes(8), 7, None, made)


def test_a_few_tasks_are_known_one_by_one() -> None:
    past = Past()
    past.name_all([(task(1), "f"), (task(2), "g"), (task(3), "h")])
    past.add("f", ran(1))
    past.add("g", ran(2, 1, ended=Ended.RETRIED))
    past.add("g", ran(2, 1, ended=Ended.FAILED))
    past.add("h", ran(3, 2, ended=Ended.PASSED_ON))
    assert past.singly is not None
    assert [(each.name, each.state) for each in past.singly.values()] == [
        ("f", "DONE"), ("g", "FAILED"), ("h", "FAILED"),
    ]  # fmt: skip
    assert past.edges == {("f", "g"): 1, ("g", "h"): 1}
    assert past.name(task(3)) == "h"


def test_many_are_known_by_function_and_the_oldest_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graph, "_NAMED_MOST", 100)
    past = Past()
    for number in range(1, 1000):
        past.name_all([(task(number), "f")])
        past.add("f", ran(number, number - 1))
    assert past.singly is None
    assert past.edges == {("f", "f"): 998}
    known = [number for number in range(1000) if past.name(task(number))]
    assert 50 <= len(known) <= 100
    assert known == list(range(1000 - len(known), 1000))
