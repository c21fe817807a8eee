"""Which job a page is about when nobody says."""

from __future__ import annotations

from typing import Any

import pytest

from hyperloom.dashboard.sampler import usual
from hyperloom.watch.things import RETRY


def job(name: str, submitted: int, *, state: str = "open", program: str = "p.py") -> dict[str, Any]:
    return {"job": name, "submitted": submitted, "state": state, "program": program}


@pytest.mark.parametrize(
    ("jobs", "chosen"),
    [
        ([], None),
        ([job("new", 0), job("old", 0)], "new"),
        ([job("new", 3), job("old", 3)], "new"),
        ([job("new", 0), job("old", 3)], "old"),
        ([job("new", 3, state="ended"), job("old", 3)], "old"),
        ([job("new", 0), job("old", 3, state="ended")], "old"),
        ([job("retry", 0, program=RETRY), job("old", 0, state="ended")], "old"),
        ([job("retry", 3, program=RETRY)], None),
    ],
)
def test_an_open_one_that_has_tasks_if_there_is_one_and_no_commands(
    jobs: list[dict[str, Any]], chosen: str | None
) -> None:
    """After `loom retry` the latest job is that command's own, which is empty."""
    assert usual(jobs) == chosen
