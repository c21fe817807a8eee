"""What was cancelled has not failed, on the page too: nothing is red for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hyperloom as loom
from hyperloom.core import current
from tests.dashboard import test_browser
from tests.dashboard.test_browser import browser, figure, rows_of, sync_api

if TYPE_CHECKING:
    from typing import Any

    from tests.dashboard.conftest import Page

__all__ = ["browser"]
pytestmark = test_browser.pytestmark


@loom.task(num_cpus=50)
def nowhere(x: int) -> int:
    return x


def test_the_overview_and_jobs_after_a_cancel(browser: Any, page: Page) -> None:
    refs = [nowhere.remote(n) for n in range(60)]
    for ref in refs[:57]:
        loom.cancel(ref)
    current.session().settle()
    with test_browser._tab(browser, page) as tab:
        tab.goto(f"{page.url}/#/overview")
        sync_api.expect(figure(tab, "Failed")).to_contain_text("0 57 cancelled")
        sync_api.expect(tab.locator(".figure.bad")).to_have_count(0)
        ((*_, left, failed, cancelled),) = rows_of(tab, "Open jobs")
        assert (left, failed, cancelled) == ("3", "0", "57")
        tab.goto(f"{page.url}/#/jobs")
        sync_api.expect(tab.get_by_title("0 of 60 done, 57 cancelled").first).to_be_visible()
        (row,) = rows_of(tab, "Functions of job")
        assert row[2:7] == ["60", "0", "3", "0", "57"]
