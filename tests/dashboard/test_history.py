"""The page over what a head recorded, when nothing runs any more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom import errors, events, specs
from hyperloom.dashboard import answers as pages
from hyperloom.dashboard.desk import Desk
from hyperloom.events import ROW, Ended, Ran, run_of
from hyperloom.gcs import codes
from hyperloom.ids import FunctionID, number_of
from hyperloom.plan.detaching import About, Record, Run, Span
from hyperloom.plan.told import told as told_of
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.history import FILE, History
from hyperloom.watch.plans import FROM_HISTORY
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JOB = bytes.fromhex("0badcafe")
TASKS = [JOB + bytes(11) + bytes([n]) for n in (1, 2)]
TEMPLATE = bytes(8)
PLAN = JOB + b"a plan"


def recorded(file: Path) -> None:
    """Two tasks, of which one took what the other made and failed."""
    body = specs.encode_template(specs.Template(FunctionID(bytes(12)), "f", 1, 0, 0, ""))
    rows = [
        ROW.pack(TASKS[0], TEMPLATE, 1, Ended.DONE, 100.0, 1.0, 10),
        ROW.pack(TASKS[1], TEMPLATE, 1, Ended.FAILED, 101.0, 0.5, 10),
    ]
    error = ("app", "Bad: no", "a.py:1 in f", "as printed")
    run = run_of(7, b"".join(rows), {1: error}, {1: TASKS[0]})
    about = About("<i>night</i>", 2, 1, "p.py", 7, 99.5)
    numbers = [number_of(task) for task in TASKS]
    record = Record((Span(*numbers),), (Run(numbers[1], 0, 0, 0, 1),), (), process=TASKS[0][:10])
    plan = told_of(about, record, detached=False)
    told = [
        Event(99.0, codes.DECLARED, TEMPLATE + body),
        Event(99.5, codes.SUBMITTED, TASKS[0] + TASKS[1]),
        Event(102.0, codes.RAN, events.encode(Ran(b"12345678", [run]))),
        Event(103.0, codes.PLANNED, PLAN + plan),
    ]
    history = History(file, write=True)
    history.add(JOB, [(b"%d-0" % n, event) for n, event in enumerate(told, 1)], 0)
    history.close()


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[str, dict[str, str]], Any]:
    """What a page is told."""
    recorded(tmp_path / FILE)

    def asked(name: str, query: dict[str, str]) -> Any:
        desk = Desk(lambda: Cluster(None, History(tmp_path / FILE)))
        answer = pages.page(pages.Answers(), name)
        try:
            return asyncio.run(desk.ask(lambda cluster: answer(cluster, query)))
        finally:
            desk.close()

    return asked


def test_its_tasks_its_graph_and_its_errors_are_shown(
    ask: Callable[[str, dict[str, str]], Any],
) -> None:
    graph = ask("graph", {})
    assert [(box["name"], box["state"]) for box in graph["boxes"]] == [
        ("f", "DONE"), ("f", "FAILED"),
    ]  # fmt: skip
    assert graph["arrows"] == [[0, 1, 1]]
    together = ask("graph", {"by": "function"})
    assert not together["single"]
    around = ask("around", {"id": TASKS[1].hex()})
    assert [(box["state"], box["middle"]) for box in around["boxes"]] == [
        ("DONE", False), ("FAILED", True),
    ]  # fmt: skip
    (group,) = ask("errors", {})["errors"]
    assert (group["kind"], group["place"], group["count"]) == ("Bad", "a.py:1 in f", 1)
    assert "traceback" not in group, "they may be long, and there may be many groups"
    of_group = {name: group[name] for name in ("name", "kind", "place")}
    assert ask("traceback", of_group) == {"task": TASKS[1].hex(), "traceback": "as printed"}
    other = {**of_group, "place": "a.py:2 in f", "ids": group["tasks"][0]["id"]}
    assert ask("traceback", other)["traceback"] == ""
    assert ask("stream", {})["count"] == 2


def test_its_plans_are_shown_and_that_they_are_from_history(
    ask: Callable[[str, dict[str, str]], Any],
) -> None:
    (row,) = ask("plans", {"job": JOB.hex()})["plans"]
    shown = ("id", "label", "tasks", "left", "results", "failed", "told_from", "told_from_text")
    history = ("history", FROM_HISTORY)
    assert [row[name] for name in shown] == [PLAN.hex(), "<i>night</i>", 2, 0, 1, 1, *history]
    plan = ask("plan", {"id": PLAN.hex()})
    assert (plan["tasks_done"], plan["tasks_failed"], plan["goes_on"]) == (1, 1, False)
    assert plan["failures"] == [{"name": "f", "text": "Bad: no", "results": 1}]
    assert (plan["told_from"], plan["told_from_text"]) == history
    drawn = ask("drawn", {"id": PLAN.hex()})
    assert [(box["name"], box["state"]) for box in drawn["boxes"]] == [
        ("f", "DONE"), ("f", "FAILED"),
    ]  # fmt: skip
    assert drawn["arrows"] == [[0, 1, 1]]
    assert [each["id"] for each in ask("task", {"id": TASKS[1].hex()})["plans"]] == [PLAN.hex()]


@pytest.mark.parametrize("name", ["actors", "nodes", "objects", "logs", "profile"])
def test_what_only_a_cluster_knows_is_refused(
    ask: Callable[[str, dict[str, str]], Any], name: str
) -> None:
    with pytest.raises(errors.NotConnected, match="loom start --head"):
        ask(name, {})
