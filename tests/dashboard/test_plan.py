"""A plan on the page: its numbers are the command line's, and it leads to all it has to do with."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from tests.dashboard.scene import add, double, fail
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.dashboard.conftest import Page

sync_api = pytest.importorskip("playwright.sync_api")
from tests.dashboard.test_browser import CHROMIUM, _grave, _tab, rows_of  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]
_MOVING = ("rate", "left_s")  # by the time of the look


@loom.task(num_cpus=64)
def stays(x: int) -> int:  # no node has so much
    return x


@contextmanager
def submitted() -> Iterator[Any]:
    """Beside other tasks of the same functions: a plan of which some failed and one is left."""
    assert loom.get(add.remote(1, 1)) == 2
    doubles = [double.bind(n) for n in range(4)]
    wanted = [add.bind(one, other) for one, other in zip(doubles[::2], doubles[1::2], strict=True)]
    wanted += [add.bind(fail.bind(7), doubles[0]), stays.bind(doubles[1])]
    handle = loom.Plan(wanted, label="<i>night</i>").submit()
    loom.wait(handle.results[:3], num_returns=3)
    yield handle
    handle.cancel()
    handle.release()


@pytest.fixture(scope="module")
def plan(node: None) -> Iterator[Any]:  # noqa: ARG001 - it runs
    with submitted() as handle:
        yield handle


@pytest.fixture(scope="module")
def visitor(page: Page) -> Iterator[httpx.Client]:
    with page.visitor() as visitor:
        yield visitor


def _settled(visitor: httpx.Client, plan: Any) -> dict[str, Any]:
    """What the page is told, when events have told all."""
    found: dict[str, Any] = {}

    def settled() -> bool:
        found.update(visitor.get(f"/api/plan?id={plan.id}").json())
        return (found["tasks_done"], found["tasks_failed"], found["left"]) == (6, 2, 1)

    wait_until(settled, 20)
    return found


def test_its_numbers_are_those_of_the_command_line(
    visitor: httpx.Client, plan: Any, told: Any
) -> None:
    mine = _settled(visitor, plan)
    theirs = told("show", plan.id)
    for moving in _MOVING:
        mine.pop(moving), theirs.pop(moving)
    for one in (mine, theirs):  # what a node has said when is another look's
        one.pop("ended")
    assert mine == theirs
    assert mine["untold"] == 0
    rows = {row["name"]: (row["submitted"], row["done"], row["failed"], row["left"])
            for row in mine["names"]}  # fmt: skip
    assert rows == {
        "double": (4, 4, 0, 0), "add": (3, 2, 1, 0), "fail": (1, 0, 1, 0), "stays": (1, 0, 0, 1),
    }  # fmt: skip
    (group,) = mine["errors"]
    assert (group["kind"], group["name"], group["count"]) == ("ValueError", "fail", 1)


def test_its_graph_has_its_tasks_and_no_others(visitor: httpx.Client, plan: Any) -> None:
    _settled(visitor, plan)
    drawn = visitor.get(f"/api/drawn?id={plan.id}").json()
    assert (drawn["single"], len(drawn["boxes"])) == (True, 9)
    together = visitor.get(f"/api/drawn?id={plan.id}&by=function").json()
    names = [box["name"] for box in together["boxes"]]
    arrows = {(names[a], names[b]): times for a, b, times in together["arrows"]}
    # What was passed on to has no value of its own, and so no inputs that were used.
    assert arrows[("double", "add")] >= 4
    assert arrows[("double", "stays")] == 1
    assert {box["name"]: box["submitted"] for box in together["boxes"]}["add"] == 3


def test_no_plan_is_told_so(visitor: httpx.Client, plan: Any) -> None:
    reply = visitor.get(f"/api/plan?id={plan.results[0].hex()}")
    assert reply.status_code == 404
    assert "no plan that can be taken up" in reply.json()["error"]


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_it_is_reached_by_keys_and_leads_to_its_tasks_and_failures(
    page: Page, visitor: httpx.Client, plan: Any
) -> None:
    _settled(visitor, plan)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        with _tab(browser, page, color_scheme="dark") as tab:
            tab.evaluate("location.hash = '#/jobs'")
            link = tab.locator(f"a[href='#/plan/{plan.id}']")
            link.focus()
            tab.keyboard.press("Enter")
            sync_api.expect(tab.locator("main h2").first).to_contain_text("<i>night</i>")
            shown = {row[0]: row[2:6] for row in rows_of(tab, "Functions")}
            assert shown == {
                "double": ["4", "4", "0", "0"], "add": ["3", "2", "0", "1"],
                "fail": ["1", "0", "0", "1"], "stays": ["1", "0", "1", "0"],
            }  # fmt: skip
            sync_api.expect(tab.locator("svg.graph a.box")).to_have_count(9)
            for scheme in ("dark", "light"):
                tab.emulate_media(color_scheme=scheme)
                assert _grave(tab) == [], scheme
            # From a failure to its task, and from that back to its plan.
            tab.locator("section.error a[href^='#/task/']").first.click()
            sync_api.expect(tab.locator("main")).to_contain_text("What happened")
            tab.locator(f"a[href='#/plan/{plan.id}']").click()
            # From a box of the graph to one task among its neighbours.
            box = tab.locator("svg.graph a.box", has_text="stays")
            box.focus()
            tab.keyboard.press("Enter")
            sync_api.expect(tab.locator("svg.graph a.middle")).to_have_count(1)
        browser.close()


def test_what_is_run_again_is_of_the_plan(visitor: httpx.Client, node: None) -> None:
    del node  # it runs
    with submitted() as plan:
        before = visitor.get("/api/moment").json()["usual"]
        assert before == plan.results[0].hex()[:8]
        assert plan.retry_failed() == 1
        wait_until(lambda: visitor.get(f"/api/plan?id={plan.id}").json()["tasks_failed"] == 4, 20)
        names = {row["name"]: row for row in visitor.get(f"/api/plan?id={plan.id}").json()["names"]}
        assert (names["fail"]["failed"], names["add"]["submitted"]) == (2, 4)
