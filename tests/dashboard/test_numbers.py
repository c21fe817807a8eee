"""The page shows the numbers that the command line gives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.watch import tasks, things
from tests.dashboard.conftest import connect
from tests.waiting import wait_until

if TYPE_CHECKING:
    import httpx

    from tests.dashboard.conftest import Page

pytestmark = pytest.mark.slow


@loom.task
def double(x: int) -> int:
    return 2 * x


@loom.task(max_retries=0)
def fail(x: int) -> int:
    raise ValueError(f"<b>no</b> {x}")


def asked(visitor: httpx.Client, path: str) -> Any:
    reply = visitor.get(path)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_counts_are_those_of_the_command_line(page: Page) -> None:
    refs = [double.remote(i) for i in range(50)]
    failed = [fail.remote(1) for _ in range(3)]
    loom.wait([*refs, *failed], num_returns=53)
    with page.visitor() as visitor:
        cluster = connect()
        (job,) = things.jobs(cluster)
        names = {row["name"]: row for row in tasks.names(cluster, cluster.job(job["job"]))}
        cluster.close()
        # All viewers share a moment, which may be a second old.
        wait_until(lambda: asked(visitor, "/api/moment")["jobs"] == [job], 20)
        moment = asked(visitor, "/api/moment")
        assert moment["totals"]["done"] == job["done"] >= 50
        assert moment["totals"]["failed"] == job["failed"] >= 3
        assert [node["alive"] for node in moment["nodes"]] == [True]
        for row in asked(visitor, f"/api/job?job={job['job']}")["names"]:
            for what in ("submitted", "done", "failed", "left", "retried"):
                assert row[what] == names[row["name"]][what]


def test_an_error_is_grouped_and_told_as_text(page: Page) -> None:
    failed = [fail.remote(7) for _ in range(4)]
    loom.wait(failed, num_returns=4)
    with page.visitor() as visitor:

        def told() -> bool:  # events come a moment later
            errors = asked(visitor, "/api/errors")["errors"]
            mine = [e for e in errors if e["text"] == "ValueError: <b>no</b> 7"]
            return bool(mine) and mine[0]["count"] == 4 and len(mine[0]["tasks"]) == 4

        wait_until(told, 20)
        reply = visitor.get("/api/errors")
        assert reply.headers["content-type"] == "application/json"


def test_the_stream_and_a_task_of_it(page: Page) -> None:
    refs = [double.remote(i) for i in range(20)]
    assert loom.get(refs) == [2 * i for i in range(20)]
    with page.visitor() as visitor:
        wait_until(lambda: asked(visitor, "/api/stream?start=0&end=9e9")["count"] >= 20, 20)
        seen = asked(visitor, "/api/stream?start=0&end=9e9")
        bar = next(bar for bar in seen["bars"] if seen["names"][bar[1]] == "double")
        task = asked(visitor, f"/api/task?id={bar[5]}")
        assert task["name"] == "double"
        assert task["state"] == "DONE"


def test_tables_of_tasks_nodes_and_objects(page: Page) -> None:
    ref = loom.put(bytes(2_000_000))
    with page.visitor() as visitor:
        nodes = asked(visitor, "/api/nodes")
        assert [node["state"] for node in nodes["nodes"]] == ["alive"]
        objects = asked(visitor, "/api/objects")
        assert objects["objects"][0]["id"] == ref.hex()
        done = asked(visitor, "/api/tasks?state=DONE&name=double&limit=5")["tasks"]
        assert {row["state"] for row in done} <= {"DONE"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/task?id=zz", 404), ("/api/task", 404), ("/api/job?job=ffffffff", 404),
        ("/api/tasks?state=BAD", 400), ("/api/stream?start=nan", 400), ("/api/tasks?limit=x", 400),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(page: Page, path: str, status: int) -> None:
    with page.visitor() as visitor:
        reply = visitor.get(path)
        assert reply.status_code == status
        assert reply.json()["error"]


def test_moments_come_by_themselves(page: Page) -> None:
    with page.visitor() as visitor, visitor.stream("GET", "/api/moments") as stream:
        told = [json.loads(line[6:]) for line in _lines(stream, 2)]
    assert told[1]["at"] > told[0]["at"]
    assert len(told[1]["curve"]) > len(told[0]["curve"])


def _lines(stream: httpx.Response, number: int) -> list[str]:
    found: list[str] = []
    for line in stream.iter_lines():
        if line.startswith("data: "):
            found.append(line)
            if len(found) == number:
                break
    return found
