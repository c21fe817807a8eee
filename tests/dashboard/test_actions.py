"""What a page may do that was told it may, and to whom it listens then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom.dashboard.access import TOKEN
from hyperloom.watch import actors
from tests.dashboard.conftest import connect
from tests.dashboard.scene import Counter, never

if TYPE_CHECKING:
    import httpx

    from tests.dashboard.conftest import Page

pytestmark = pytest.mark.slow


def ours(page: Page, visitor: httpx.Client) -> dict[str, str]:
    """What the page's own script sends along."""
    told = visitor.get("/api/terms").json()
    assert told["actions"]
    return {"Origin": page.url, TOKEN: told["token"]}


def test_a_task_and_a_job_are_cancelled(acting: Page) -> None:
    one, more = never.remote(), [never.remote() for _ in range(3)]
    with acting.visitor() as visitor:
        headers = ours(acting, visitor)
        reply = visitor.post(f"/api/do/cancel?id={one.hex()[:32]}", headers=headers)
        assert reply.json()["cancelled"] == 1
        with pytest.raises(loom.errors.TaskCancelled):
            loom.get(one)
        job = one.hex()[:8]
        assert visitor.post(f"/api/do/cancel?id={job}", headers=headers).json()["cancelled"] == 3
    for ref in more:
        with pytest.raises(loom.errors.TaskCancelled):
            loom.get(ref)


def test_an_actor_is_killed(acting: Page) -> None:
    counter = Counter.remote()
    assert loom.get(counter.add.remote()) == 1
    cluster = connect()
    (row,) = actors.actors(cluster, cluster.jobs())
    cluster.close()
    with acting.visitor() as visitor:
        url = f"/api/do/kill?id={row['id']}"
        assert visitor.post(url, headers=ours(acting, visitor)).json() == {"killed": True}
        with pytest.raises(loom.errors.ActorDied, match="killed from outside"):
            loom.get(counter.add.remote())
        assert visitor.post(url, headers=ours(acting, visitor)).json() == {"killed": False}


@pytest.mark.parametrize("lacking", ["Origin", TOKEN, "cookie"])
def test_who_is_not_the_page_itself_is_refused(acting: Page, lacking: str) -> None:
    with acting.visitor() as visitor:
        headers = ours(acting, visitor)
        if lacking == "cookie":
            visitor.cookies.clear()
        else:
            del headers[lacking]
        reply = visitor.post("/api/do/cancel?id=last", headers=headers)
        assert reply.status_code == (401 if lacking == "cookie" else 403)


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://127.0.0.1:1"}, {TOKEN: "é"}, {TOKEN: "of another viewer"}]
)
def test_what_is_wrong_is_refused(acting: Page, headers: dict[str, str]) -> None:
    with acting.visitor() as visitor, acting.visitor() as another:
        given = {**ours(acting, visitor), **headers}
        if given[TOKEN] == "of another viewer":
            given[TOKEN] = ours(acting, another)[TOKEN]
        encoded = {name: value.encode() for name, value in given.items()}
        reply = visitor.post("/api/do/cancel?id=last", headers=encoded)
        assert reply.status_code == 403


def test_what_is_not_there_is_told(acting: Page) -> None:
    with acting.visitor() as visitor:
        headers = ours(acting, visitor)
        for what in ("cancel?id=zz", "kill?id=zz", "kill", "cancel"):
            reply = visitor.post(f"/api/do/{what}", headers=headers)
            assert reply.status_code == 404
            assert reply.json()["error"]
        assert visitor.get("/api/do/cancel", headers=headers).status_code == 405


def test_a_page_that_only_reads_has_no_such_route(page: Page) -> None:
    with page.visitor() as visitor:
        told = visitor.get("/api/terms").json()
        assert told["actions"] is False
        for what in ("cancel", "kill"):
            headers = {"Origin": page.url, TOKEN: told["token"]}
            assert visitor.post(f"/api/do/{what}?id=last", headers=headers).status_code == 404
