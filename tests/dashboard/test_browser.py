"""Every page in a real browser: the numbers, and nothing that anybody would stumble over."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom.ids import short
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from tests.dashboard.conftest import Page
    from tests.dashboard.scene import Scene

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(150),  # a browser begins slowly where others are busy
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
]
_PATIENCE_MS = 100_000
AXE = (Path(__file__).parent / "axe.min.js").read_text()
PLACES = [
    "overview", "jobs", "graph", "stream", "tasks", "actors", "nodes", "objects", "errors", "logs",
    "profile", "task/last", "graph/task/last",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def tab(browser: Any, page: Page, scene: Scene) -> Iterator[Any]:  # noqa: ARG001 - it is there
    with _tab(browser, page) as opened:
        yield opened


class _tab:  # noqa: N801 - a function in all but name
    """One that has logged in, and whose browser has nothing to complain about at its end."""

    def __init__(self, browser: Any, page: Page, **options: Any) -> None:
        self._context = browser.new_context(**options)
        self._page = page
        self._complaints: list[str] = []

    def __enter__(self) -> Any:
        opened = self._context.new_page()
        opened.set_default_timeout(_PATIENCE_MS)
        opened.on("console", lambda message: self._complaints.append(message.text))
        opened.on("pageerror", lambda error: self._complaints.append(str(error)))
        opened.on("request", self._look_at)
        opened.goto(self._page.url + self._page.access.new_link())
        opened.wait_for_selector("table")
        return opened

    def _look_at(self, request: Any) -> None:
        """It works without a network: nothing is ever asked for elsewhere."""
        if not request.url.startswith((self._page.url, "data:")):
            self._complaints.append(f"asked for {request.url}")

    def __exit__(self, *_: object) -> None:
        self._context.close()
        assert self._complaints == []


@pytest.fixture
def go(tab: Any, page: Page) -> Callable[[str], Any]:
    """To a page, when it shows something."""

    def gone(place: str) -> Any:
        tab.goto(f"{page.url}/#/{place}")
        tab.wait_for_selector(f"main[data-page='{place.partition('/')[0]}'] .card")
        return tab

    return gone


@pytest.fixture(scope="module")
def visitor(page: Page) -> Iterator[httpx.Client]:
    with page.visitor() as visitor:
        yield visitor


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_pages_can_be_used_by_everybody(
    browser: Any, page: Page, scene: Scene, scheme: str
) -> None:
    grave = []
    with _tab(browser, page, color_scheme=scheme) as tab:
        for place in PLACES:
            last = scene.sums[0].hex()[:32]
            tab.evaluate(f"location.hash = '#/{place.replace('last', last)}'")
            tab.wait_for_selector(f"main[data-page='{place.partition('/')[0]}'] .card")
            grave += [f"{place}: {found}" for found in _grave(tab)]
    assert grave == [], "\n".join(grave)


def _grave(tab: Any) -> list[str]:
    """What would keep somebody from using what is shown now."""
    # The policy lets no foreign script in; a tool of ours may be put in by the browser itself.
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(AXE)
    return [
        f"{each['id']}: {each['help']} ({each['nodes'][0]['html'][:120]})"
        for each in tab.evaluate("async () => (await axe.run()).violations")
        if each["impact"] in {"serious", "critical"}
    ]


def test_a_narrow_window_shows_all_of_it(browser: Any, page: Page) -> None:
    """Tables scroll in themselves; the page does not to the side."""
    with _tab(browser, page, viewport={"width": 400, "height": 800}) as tab:
        for place in PLACES[:11]:
            tab.evaluate(f"location.hash = '#/{place}'")
            tab.wait_for_selector(f"main[data-page='{place}'] .card")
            wide = tab.evaluate("document.documentElement.scrollWidth")
            assert wide <= 400, place


def rows_of(tab: Any, caption: str) -> list[list[str]]:
    """What a table shows, by its caption."""
    table = tab.locator("table", has=tab.locator("caption", has_text=caption)).first
    table.wait_for()
    cells = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    found: list[list[str]] = table.locator("tbody tr").evaluate_all(cells)
    return found


def figure(tab: Any, label: str) -> Any:
    """One of the numbers of the overview."""
    card = tab.locator(".row .card", has=tab.get_by_text(label, exact=True))
    return card.locator(".figure")


def test_the_overview(go: Any, visitor: httpx.Client) -> None:
    tab = go("overview")
    # What is kept in stores is told with the node's next beat.
    wait_until(lambda: visitor.get("/api/moment").json()["nodes"][0]["store"]["used"], 20)
    moment, load = visitor.get("/api/moment").json(), visitor.get("/api/load").json()
    totals, (node,) = moment["totals"], moment["nodes"]
    pending = totals["left"] - load["running"] - load["hosting"]
    for label, says in (
        ("Running", f"{load['running']} {load['hosting']} actor"),
        ("Pending", f"{pending} of {totals['submitted']}"), ("Failed", f"{totals['failed']}"),
        ("Nodes", "1 CPU"), ("Object memory", _mib(node["store"]["used"])),
    ):  # fmt: skip
        sync_api.expect(figure(tab, label)).to_contain_text(says)
    assert load["hosting"] == 1
    sync_api.expect(figure(tab, "Running")).not_to_contain_text("actors")
    (job,) = rows_of(tab, "Open jobs")
    assert job[0] == moment["jobs"][0]["job"]
    what = ("left", "failed", *(["cancelled"] if totals["cancelled"] else []))
    assert job[3:] == [str(totals[each]) for each in what]


def _mib(number: int) -> str:
    mib = number / 2**20
    return f"{mib:.1f} MiB" if mib < 10 else f"{mib:.0f} MiB"


def test_jobs_and_functions(go: Any, visitor: httpx.Client) -> None:
    tab = go("jobs")
    names = visitor.get("/api/job").json()["names"]
    shown = {row[0]: row[2:6] for row in rows_of(tab, "Functions of job")}
    assert shown == {
        row["name"]: [str(row[what]) for what in ("submitted", "done", "left", "failed")]
        for row in names
    }
    assert len(rows_of(tab, "Jobs")) == len(visitor.get("/api/moment").json()["jobs"])


def test_tasks_by_state(go: Any, visitor: httpx.Client) -> None:
    tab = go("tasks")
    tab.get_by_label("State").select_option("FAILED")
    tab.wait_for_selector("td .FAILED")
    told = visitor.get("/api/tasks?state=FAILED").json()["tasks"]
    sync_api.expect(tab.locator("tbody tr")).to_have_count(len(told))
    shown = [(row[0], row[1], row[2], row[-1]) for row in rows_of(tab, "Tasks of job")]
    assert shown == [(row["short"], row["name"], "FAILED", row["error"]) for row in told]


def test_actors_nodes_and_objects(go: Any, visitor: httpx.Client) -> None:
    (actor,) = visitor.get("/api/actors").json()["actors"]
    (row,) = rows_of(go("actors"), "Actors")
    assert row[:4] == [actor["short"], "Counter", "visits", "ALIVE"]
    assert row[5:8] == [str(actor[what]) for what in ("dealt", "waiting", "restarts")]
    told = visitor.get("/api/nodes").json()
    tab = go("nodes")
    assert rows_of(tab, "Nodes")[0][3] == told["nodes"][0]["free_text"]
    assert {row[0] for row in rows_of(tab, "Workers")} == {str(w["pid"]) for w in told["workers"]}
    largest = visitor.get("/api/objects").json()["objects"][0]
    assert rows_of(go("objects"), "The largest")[0][0] == largest["short"]


def test_an_error_leads_to_its_traceback_and_its_task_and_is_no_markup(go: Any) -> None:
    tab = go("errors")
    group = tab.locator("section", has_text="ValueError: <b>no</b>")
    sync_api.expect(group.locator("h2")).to_contain_text("ValueError \N{MULTIPLICATION SIGN} 3")
    group.get_by_role("button", name="Traceback").click()
    sync_api.expect(group.locator("pre")).to_contain_text('raise ValueError(f"<b>no</b> {x}")')
    assert tab.locator("main b").count() == 0
    group.locator("a").first.click()
    sync_api.expect(tab.locator("main")).to_contain_text("What happened")
    # From the task to its node, its job, its graph and what its worker printed.
    for to in ("nodes", "jobs", "graph/task", "logs"):
        assert tab.locator(f"main a[href^='#/{to}/']").count(), to


def test_a_story_leads_to_what_made_the_last_input(
    go: Any, visitor: httpx.Client, scene: Scene
) -> None:
    task = scene.sums[0].hex()[:32]
    steps = visitor.get(f"/api/task?id={task}").json()["steps"]
    (maker,) = [step["by"] for step in steps if "by" in step]
    happened = go(f"task/{task}").get_by_role("region", name="What happened")
    link = happened.locator(f"td a[href='#/task/{maker}']")
    sync_api.expect(link).to_have_text(short(bytes.fromhex(maker)))


def test_the_graph_is_drawn_and_leads_to_a_task(go: Any, visitor: httpx.Client) -> None:
    tab = go("graph")
    graph = visitor.get("/api/graph").json()
    sync_api.expect(tab.locator("svg.graph a.box")).to_have_count(len(graph["boxes"]))
    sync_api.expect(tab.locator("svg.graph path.arrow")).to_have_count(len(graph["arrows"]))
    places = tab.locator("svg.graph a.box > rect:first-of-type").evaluate_all(
        "boxes => boxes.map(box => box.getAttribute('x') + ' ' + box.getAttribute('y'))"
    )
    assert len(set(places)) == len(places), "no box lies on another"
    tab.get_by_role("link", name="add").first.click()
    sync_api.expect(tab.locator("svg.graph a.middle")).to_have_count(1)
    sync_api.expect(tab.locator("svg.graph a.box")).to_have_count(3)


def test_logs_come_as_they_are_printed(go: Any) -> None:
    tab = go("logs")
    text = tab.locator("pre.log")
    for button in tab.locator("button.link").all():
        button.click()
        sync_api.expect(text).not_to_be_empty()
        if "doubles" in text.inner_text():
            return
    sync_api.expect(text).to_contain_text("doubles", timeout=10_000)


def test_logs_of_one_task_are_its_own_lines(go: Any, scene: Scene) -> None:
    """As `loom logs ID` has them: its worker has run others, which printed too."""
    task, x = scene.doubles[2].hex()[:32], 1
    tab = go(f"task/{task}")
    tab.get_by_role("link", name="logs", exact=True).click()
    sync_api.expect(tab.locator("pre.log")).to_have_text(f"doubles {x}\n")
    (row,) = rows_of(tab, "Workers that printed")
    assert row[0].startswith("worker-")
    tab.get_by_role("link", name="all workers").click()
    sync_api.expect(tab.locator("pre.log")).to_contain_text("doubles")
    sync_api.expect(tab.locator("pre.log")).not_to_have_text(f"doubles {x}\n")


def test_a_profile_is_drawn_of_what_runs(go: Any, scene: Scene) -> None:
    tab = go(f"profile/{scene.runs.hex()[:32]}")
    tab.get_by_role("button", name="Look").click()
    sync_api.expect(tab.locator("svg.flame")).to_contain_text("until", timeout=20_000)
    assert rows_of(tab, "Most time by themselves")
    # By keys: down to a part, have it alone, and all again.
    parts = tab.get_by_role("treeitem")
    whole = parts.count()
    parts.first.focus()
    tab.keyboard.press("ArrowDown")
    focused = tab.locator(":focus")
    sync_api.expect(focused).to_have_attribute("aria-level", "2")
    below = focused.get_attribute("aria-label")
    tab.keyboard.press("Enter")
    sync_api.expect(parts.first).to_have_attribute("aria-label", below)
    sync_api.expect(parts.first).to_be_focused()
    sync_api.expect(parts).not_to_have_count(whole)
    # It stays so while moments come: the page is drawn anew with each.
    tab.evaluate("dispatchEvent(new HashChangeEvent('hashchange'))")
    tab.evaluate("new Promise(requestAnimationFrame)")
    tab.evaluate("new Promise(requestAnimationFrame)")
    sync_api.expect(parts.first).to_have_attribute("aria-label", below)
    sync_api.expect(parts).not_to_have_count(whole)
    tab.keyboard.press("Escape")
    sync_api.expect(parts).to_have_count(whole)
    sync_api.expect(focused).to_have_attribute("aria-level", "1")
    assert _grave(tab) == []


def test_the_stream_is_zoomed_by_keys(go: Any) -> None:
    tab = go("stream")
    canvas = tab.locator("canvas[aria-label*='functions in']")
    canvas.wait_for()
    before = canvas.get_attribute("aria-label")
    canvas.focus()
    tab.keyboard.press("+")
    sync_api.expect(canvas).not_to_have_attribute("aria-label", before, timeout=20_000)


def test_the_stream_names_what_is_pointed_at(go: Any, visitor: httpx.Client) -> None:
    tab = go("stream")
    tab.get_by_role("button", name="Latest").click()
    canvas = tab.locator("canvas[aria-label*='going on']")
    canvas.wait_for()
    seen = visitor.get("/api/stream").json()
    (lane,) = [running[0] for running in seen["running"]]
    box = canvas.bounding_box()
    x, y = box["width"] - 20, 20 + 22 * lane + 10  # as `draw` has them; it goes on to the right end
    canvas.hover(position={"x": x - 5, "y": y})
    canvas.hover(position={"x": x, "y": y})
    sync_api.expect(canvas).to_have_attribute("title", re.compile(r"until: goes on, \d"))


def test_only_a_page_that_may_act_has_buttons(
    browser: Any, page: Page, acting: Page, scene: Scene
) -> None:
    place = f"#/task/{scene.waits[0].hex()[:32]}"
    for which, number in ((page, 0), (acting, 1)):
        with _tab(browser, which) as tab:
            tab.goto(f"{which.url}/{place}")
            sync_api.expect(tab.locator("main")).to_contain_text("What happened")
            button = tab.get_by_role("button", name="cancel")
            sync_api.expect(button).to_have_count(number)
            if number:
                button.click()
                tab.get_by_role("button", name="Really cancel").click()
                sync_api.expect(tab.locator(".CANCELLED")).to_have_count(1, timeout=20_000)
