"""What the page is told of plans and actors that come and go is what the command line tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from tests.dashboard.asking import asked
from tests.dashboard.scene import Counter, add
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.dashboard.conftest import Page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def visitor(page: Page) -> Iterator[httpx.Client]:
    with page.visitor() as visitor:
        yield visitor


def test_plans(visitor: httpx.Client, told: Any) -> None:
    handle = loom.Plan([add.bind(1, 2), add.bind(3, 4)]).submit()
    handle.wait()
    mine = asked(visitor, "/api/plans")["plans"]
    assert mine == told("ls", "plans")["plans"]
    (row,) = mine
    assert (row["left"], row["looked_at"], row["there"], row["failed"]) == (0, 2, 2, 0)
    assert loom.get(handle.results) == [3, 7]
    handle.release()
    wait_until(lambda: told("ls", "plans")["plans"] == [], 20)


def test_actors_that_are_over(visitor: httpx.Client, told: Any) -> None:
    assert asked(visitor, "/api/actors?all=1")["ended"] == 0
    gone = Counter.remote()
    assert loom.get(gone.add.remote()) == 1
    loom.kill(gone)
    wait_until(lambda: asked(visitor, "/api/actors?all=1")["ended"] == 1, 20)
    mine = asked(visitor, "/api/actors?all=1")["actors"]
    assert mine == told("ls", "actors", "--all")["actors"]
    assert [row["state"] for row in mine] == ["DEAD"]
    del gone
    wait_until(lambda: not any(row["failed"] for row in told("memory")["created"]
                               if row["name"] == "Counter"), 20)  # fmt: skip
