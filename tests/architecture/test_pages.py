"""The pages that are made from code say what the code says."""

from __future__ import annotations

import pytest

from scripts.generate_docs import DOCS, PAGES, Page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_page_is_current(page: Page) -> None:
    if not page.is_possible():
        pytest.skip(f"there is no {page.source} yet")
    written = DOCS / page.path
    assert written.exists(), "run python scripts/generate_docs.py"
    assert written.read_text() == page.text(), "run python scripts/generate_docs.py"
