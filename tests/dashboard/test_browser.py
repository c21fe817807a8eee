"""Every page in a real browser: the numbers, and nothing that anybody would stumble over."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from tests.dashboard.test_numbers import double, fail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.dashboard.conftest import Page

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
]
AXE = (Path(__file__).parent / "axe.min.js").read_text()
PLACES = ["overview", "jobs", "stream", "tasks", "nodes", "objects", "errors"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module", params=["light", "dark"])
def tab(browser: Any, page: Page, request: pytest.FixtureRequest) -> Iterator[Any]:
    refs = [double.remote(i) for i in range(30)]
    failed = [fail.remote(3) for _ in range(2)]
    loom.wait([*refs, *failed], num_returns=32)
    context = browser.new_context(color_scheme=request.param)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(page.url + page.access.new_link())
    opened.wait_for_selector("table")
    yield opened
    context.close()
    assert complaints == [], "the browser has nothing to complain about"


@pytest.mark.parametrize("place", PLACES)
def test_a_page_can_be_used_by_everybody(tab: Any, page: Page, place: str) -> None:
    tab.goto(f"{page.url}/#/{place}")
    tab.wait_for_selector("nav a[aria-current=page]")
    tab.wait_for_selector("main table, main canvas")
    # The policy lets no foreign script in; a tool of ours may be put in by the browser itself.
    found = tab.evaluate(f"async () => {{ {AXE}; return await axe.run(); }}")
    grave = [
        f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:120]})"
        for each in found["violations"]
        if each["impact"] in {"serious", "critical"}
    ]
    assert grave == []


def test_the_overview_shows_what_is_counted(tab: Any, page: Page) -> None:
    with page.visitor() as visitor:
        totals = visitor.get("/api/moment").json()["totals"]
    tab.goto(f"{page.url}/#/overview")
    card = tab.locator(".card", has_text="Failed").first
    card.wait_for()
    assert f"{totals['failed']:,}" in card.inner_text()


def test_an_error_leads_to_its_task_and_is_no_markup(tab: Any, page: Page) -> None:
    tab.goto(f"{page.url}/#/errors")
    row = tab.locator("tr", has_text="ValueError: <b>no</b> 3")
    row.wait_for()
    assert tab.locator("main b").count() == 0
    row.locator("a").first.click()
    tab.wait_for_selector("text=What happened")
    assert "fail" in tab.locator("main").inner_text()


def test_the_stream_is_zoomed_by_keys(tab: Any, page: Page) -> None:
    tab.goto(f"{page.url}/#/stream")
    canvas = tab.locator("canvas[aria-label*='functions in']")
    canvas.wait_for()
    before = canvas.get_attribute("aria-label")
    canvas.focus()
    tab.keyboard.press("+")
    sync_api.expect(canvas).not_to_have_attribute("aria-label", before, timeout=20_000)
