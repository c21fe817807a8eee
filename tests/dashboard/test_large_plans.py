"""A plan of more tasks than anybody looks at, beside others: what is told of it is true.

The limit is the real one.  Of 25,000 tasks 2,500 are done, two wait for a file, and all others for
those; so does a small plan of the same job, and one task was beside both.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import hyperloom as loom
from hyperloom.cli.main import cli
from hyperloom.core import current
from hyperloom.watch.live import Live
from tests.dashboard.scene import add
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.dashboard.conftest import Page

sync_api = pytest.importorskip("playwright.sync_api")
from tests.dashboard.test_browser import CHROMIUM, _grave, _tab, rows_of  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]
FIRST, HELD, REST = 2_500, 2, 22_498
LEFT = HELD + REST
TASKS = FIRST + LEFT


@loom.task
def first(x: int) -> int:
    return x


@loom.task
def rest(x: int, after: object) -> int:
    del after
    return x


@loom.task
def small(x: int, after: object) -> int:
    del after
    return x


@loom.task(max_retries=0)
def hold(path: str, after: list[int]) -> None:
    """Runs until the file is there."""
    assert len(after) == FIRST
    while not Path(path).exists():
        time.sleep(0.01)  # the task takes its time


@contextmanager
def submitted(folder: Path) -> Iterator[tuple[Any, Any]]:
    """The large plan and the small one; in the end all of it is run."""
    assert loom.get(add.remote(1, 1)) == 2  # the task beside them
    end = folder / "end"
    begins = first.bind_map(range(FIRST))
    holds = [hold.bind(str(end), begins) for _ in range(HELD)]
    others = rest.bind_map(range(REST), after=holds[0])
    large = loom.Plan([begins, *holds, others], label="large").submit()
    waits = small.bind_map(range(10), after=large.results[1])
    little = loom.Plan([waits], label="little").submit()
    loom.wait(large.results[0], num_returns=FIRST)
    live = Live(current.session().address)
    wait_until(lambda: len(live.held(current.session().job)) == HELD, 60)
    live.close()
    yield large, little
    end.touch()
    large.wait()
    little.wait()
    large.release()
    little.release()


@pytest.fixture(scope="module")
def plans(node: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:  # noqa: ARG001 - it runs
    with submitted(tmp_path_factory.mktemp("large")) as both:
        yield both


@pytest.fixture(scope="module")
def visitor(page: Page) -> Iterator[httpx.Client]:
    with page.visitor() as visitor:
        yield visitor


@pytest.fixture
def says(told: Any) -> Any:
    """What a ``loom`` command tells people."""
    del told  # it made the commands look at this cluster

    def say(*arguments: str) -> str:
        result = CliRunner().invoke(cli, [*arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return say


def test_why_tells_all_that_is_left_of_each(plans: tuple[Any, Any], told: Any, says: Any) -> None:
    large, little = plans
    (head, *lines) = told("why", large.id)
    assert (head["left"], head["tasks"], head["running"]) == (LEFT, TASKS, HELD)
    looked_at = head["left_looked_at"]
    assert 0 < looked_at < LEFT
    assert head["waiting"] + HELD == looked_at
    text = (
        f"has {LEFT:,} of {TASKS:,} tasks left: 2 running, {head['waiting']:,} waiting of the "
        f"{looked_at:,} looked at"
    )
    assert head["says"] == text
    assert text in says("why", large.id)
    assert lines[-1]["name"] == "hold"
    (head, *lines) = told("why", little.id)
    assert head["says"] == "has 10 of 10 tasks left: 10 waiting"
    assert (head["left"], head["left_looked_at"]) == (10, 10)
    assert lines[0]["name"] == "small"


def test_show_tells_each_function_whole(plans: tuple[Any, Any], told: Any, says: Any) -> None:
    large, little = plans
    about = told("show", large.id)
    assert [about[name] for name in ("tasks", "left", "tasks_done", "tasks_failed", "untold")] == [
        TASKS, LEFT, FIRST, 0, 0,
    ]  # fmt: skip
    rows = {row["name"]: (row["submitted"], row["done"], row["failed"], row["left"])
            for row in about["names"]}  # fmt: skip
    assert rows == {
        "first": (FIRST, FIRST, 0, 0), "hold": (HELD, 0, 0, HELD), "rest": (REST, 0, 0, REST),
    }  # fmt: skip
    assert about["running"] == HELD
    assert about["waiting"] + HELD == about["left_looked_at"] < LEFT
    text = says("show", large.id)
    assert f"left          {LEFT:,}\n" in text
    assert (
        f"waiting       {about['waiting']:,} of the {about['left_looked_at']:,} looked at\n"
    ) in text
    assert f"there         {about['there']:,} of the {about['looked_at']:,} looked at\n" in text
    assert f"failed        0 of the {about['looked_at']:,} looked at\n" in text
    about = told("show", little.id)
    assert [about[name] for name in ("left", "waiting", "left_looked_at", "tasks_done")] == [
        10, 10, 10, 0,
    ]  # fmt: skip
    assert "waiting       10\n" in says("show", little.id)


def test_the_table_tells_how_many_are_left(plans: tuple[Any, Any], told: Any, says: Any) -> None:
    large, little = plans
    rows = {row["id"]: row for row in told("ls", "plans")["plans"]}
    assert {it: (row["tasks"], row["left"]) for it, row in rows.items()} == {
        large.id: (TASKS, LEFT), little.id: (10, 10),
    }  # fmt: skip
    one = rows[large.id]
    assert (one["looked_at"], one["results"]) == (2_000, TASKS)
    assert (one["there_text"], one["failed_text"]) == (
        "2,000 of the 2,000 looked at", "0",
    )  # fmt: skip
    assert (rows[little.id]["there_text"], rows[little.id]["failed_text"]) == ("0", "0")
    (line,) = [line for line in says("ls", "plans").splitlines() if large.id in line]
    assert f"{LEFT:,}" in line
    assert "2,000 of the 2,000 looked at" in line


def test_the_page_is_told_what_the_command_line_tells(
    plans: tuple[Any, Any], visitor: httpx.Client, told: Any
) -> None:
    assert visitor.get("/api/plans").json() == {"plans": told("ls", "plans")["plans"]}
    for plan in plans:
        mine = visitor.get(f"/api/plan?id={plan.id}").json()
        theirs = told("show", plan.id)
        for one in (mine, theirs):  # by the time of the look
            for moving in ("rate", "left_s", "ended", "began"):
                one.pop(moving)
            for row in one["names"]:
                row.pop("mean_s")
        assert mine == theirs


def test_a_small_plan_beside_a_large_one_is_drawn_whole(
    plans: tuple[Any, Any], visitor: httpx.Client
) -> None:
    drawn = visitor.get(f"/api/drawn?id={plans[1].id}").json()
    assert (drawn["single"], drawn["total"]) == (True, 10)
    assert [(box["name"], box["state"]) for box in drawn["boxes"]] == [("small", "WAITING")] * 10


def test_what_is_left_is_not_drawn_as_done(plans: tuple[Any, Any], visitor: httpx.Client) -> None:
    drawn = visitor.get(f"/api/drawn?id={plans[0].id}").json()
    assert (drawn["single"], drawn["total"]) == (False, TASKS)
    boxes = {box["name"]: (box["submitted"], box["done"], box["left"]) for box in drawn["boxes"]}
    assert boxes["rest"] == (REST, 0, REST)
    assert boxes["first"] == (FIRST, FIRST, 0)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_no_bar_is_full_and_no_box_green(plans: tuple[Any, Any], page: Page) -> None:
    large, _ = plans
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        with _tab(browser, page) as tab:
            tab.evaluate("location.hash = '#/jobs'")
            row = tab.locator("tr", has=tab.locator(f"a[href='#/plan/{large.id}']"))
            sync_api.expect(row).to_contain_text(f"{LEFT:,}")
            sync_api.expect(row).to_contain_text("2,000 of the 2,000 looked at")
            sync_api.expect(row.locator("[role=img]")).to_have_attribute(
                "aria-label", f"{FIRST:,} of {TASKS:,} over"
            )
            tab.evaluate(f"location.hash = '#/plan/{large.id}'")
            main = tab.locator("main")
            sync_api.expect(main).to_contain_text(f"of {TASKS:,}")
            shown = {row[0]: row[2:6] for row in rows_of(tab, "Functions")}
            assert shown == {
                "first": [f"{FIRST:,}", f"{FIRST:,}", "0", "0"],
                "rest": [f"{REST:,}", "0", f"{REST:,}", "0"], "hold": ["2", "0", "2", "0"],
            }  # fmt: skip
            box = tab.locator("svg.graph a.box", has_text="rest")
            sync_api.expect(box).to_have_class("box WAITING")
            sync_api.expect(box).to_contain_text(f"0 of {REST:,} done")
            assert _grave(tab) == []
        browser.close()
