"""What each page is told is what the command line tells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.dashboard.asking import asked
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from tests.dashboard.conftest import Page
    from tests.dashboard.scene import Scene

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def visitor(page: Page, scene: Scene) -> Iterator[httpx.Client]:  # noqa: ARG001 - it is there
    with page.visitor() as visitor:
        # Events come a moment later.
        wait_until(lambda: len(asked(visitor, "/api/tasks?state=FAILED")["tasks"]) == 3, 20)
        wait_until(lambda: len(asked(visitor, "/api/tasks?state=DONE&name=add")["tasks"]) >= 4, 20)
        yield visitor


def without(rows: list[dict[str, Any]], *moving: str) -> list[dict[str, Any]]:
    """Rows without what is another one at each look."""
    return [{name: value for name, value in row.items() if name not in moving} for row in rows]


def test_jobs_and_totals(visitor: httpx.Client, told: Any) -> None:
    (job,) = told("ls", "jobs")["jobs"]
    # All viewers share a moment, which may be a second old.
    wait_until(lambda: asked(visitor, "/api/moment")["jobs"] == [job], 20)
    moment = asked(visitor, "/api/moment")
    for what in ("submitted", "done", "failed", "left"):
        assert moment["totals"][what] == job[what]
    assert job["failed"] == 3
    assert [node["alive"] for node in moment["nodes"]] == [True]


def test_how_busy_it_is(visitor: httpx.Client, told: Any) -> None:
    load = asked(visitor, "/api/load")
    running = told("ls", "tasks", "--state", "RUNNING")["tasks"]
    actors = told("ls", "actors")["actors"]
    assert (load["running"], load["hosting"]) == (len(running) - len(actors), len(actors)) == (1, 1)
    (node,) = told("ls", "nodes")["nodes"]
    assert load["spilled"] == node["load"]["spilled"]
    assert 0 <= load["cpu_percent"] <= 100


def test_functions(visitor: httpx.Client, told: Any) -> None:
    names = {row["name"]: row for row in told("ls", "names")["names"]}
    rows = asked(visitor, "/api/job")["names"]
    assert len(rows) == len(names) >= 6
    for row in rows:
        for what in ("submitted", "done", "failed", "left", "retried", "mean_s"):
            assert row[what] == pytest.approx(names[row["name"]][what])


@pytest.mark.parametrize("state", ["", "FAILED", "RUNNING", "READY", "WAITING", "DONE"])
def test_tasks(visitor: httpx.Client, told: Any, state: str) -> None:
    chosen = ("--state", state) if state else ()
    mine = asked(visitor, f"/api/tasks?state={state}&limit=100")["tasks"]
    theirs = told("ls", "tasks", "--limit", "100", *chosen)["tasks"]
    assert without(mine, "seconds") == without(theirs, "seconds")
    assert mine


def test_one_task(visitor: httpx.Client, scene: Scene, told: Any) -> None:
    for ref in (scene.failed[0], scene.sums[0], scene.waits[1]):
        task = ref.hex()[:32]
        about = asked(visitor, f"/api/task?id={task}")
        why = about.pop("why")
        assert about.pop("plans") == []
        shown = told("show", task)
        shown = {name: value for name, value in shown.items() if name not in {"why", "printed"}}
        assert about == shown
        assert without(why, "says") == without(told("why", task), "says")
    assert "<b>no</b> 0" in asked(visitor, f"/api/task?id={scene.failed[0].hex()}")["traceback"]


def test_actors(visitor: httpx.Client, told: Any) -> None:
    mine = asked(visitor, "/api/actors")["actors"]
    assert mine == told("ls", "actors")["actors"]
    assert [(row["class"], row["name"], row["state"]) for row in mine] == [
        ("Counter", "visits", "ALIVE")
    ]


def test_tasks_of_a_name(visitor: httpx.Client, told: Any) -> None:
    mine = asked(visitor, "/api/tasks?name=oub&limit=100")
    theirs = told("ls", "tasks", "--filter", "name~oub", "--limit", "100")
    assert without(mine["tasks"], "seconds") == without(theirs["tasks"], "seconds")
    assert (mine["matched"], {row["name"] for row in mine["tasks"]}) == (8, {"double"})


def test_nodes_and_workers(visitor: httpx.Client, told: Any) -> None:
    mine = asked(visitor, "/api/nodes")
    (node,), (theirs,) = mine["nodes"], told("ls", "nodes")["nodes"]
    for what in ("node", "host", "state", "free", "resources", "used", "bytes", "workers"):
        assert node[what] == theirs[what]
    assert 0 < node["load"]["memory_used"] < node["load"]["memory_bytes"]
    workers = told("ls", "workers", "--limit", "100")["workers"]
    assert without(mine["workers"], "seconds", "state") == without(workers, "seconds", "state")


def test_objects(visitor: httpx.Client, scene: Scene, told: Any) -> None:
    mine = asked(visitor, "/api/objects?limit=50")
    assert mine["objects"] == told("ls", "objects")["objects"]
    assert mine["objects"][0]["id"] == scene.kept.hex()
    memory = told("memory")
    for what in ("created", "held"):
        assert mine[what] == memory[what]


def test_errors_are_grouped_by_class_and_place(visitor: httpx.Client, told: Any) -> None:
    mine = asked(visitor, "/api/errors")["errors"]
    theirs = told("ls", "errors")["errors"]
    more = ("job", "error", "such_as", "traceback", "traceback_of")
    assert without(mine) == without(theirs, *more)
    (group,) = mine
    assert (group["kind"], group["name"], group["count"]) == ("ValueError", "fail", 3)
    assert group["place"].endswith("in fail")
    named = ",".join(task["id"] for task in group["tasks"])
    found = asked(visitor, f"/api/traceback?ids={named}")
    assert found["task"] == group["tasks"][0]["id"]
    assert "raise ValueError" in found["traceback"]
    of_group = {name: group[name] for name in ("name", "kind", "place")}
    found = asked(visitor, f"/api/traceback?{urlencode(of_group)}")
    assert (found["task"], found["traceback"]) == (
        theirs[0]["traceback_of"], theirs[0]["traceback"],
    )  # fmt: skip
    assert "raise ValueError" in found["traceback"]


def test_logs(visitor: httpx.Client, scene: Scene, told: Any) -> None:
    theirs = {(file["node"], file["name"]): file["text"] for file in told("logs")}
    files = asked(visitor, "/api/logs")["files"]
    assert {(file["node"], file["name"]) for file in files} == set(theirs)
    told_by = [
        asked(visitor, f"/api/log?node={file['node']}&name={file['name']}")["text"]
        for file in files
    ]
    assert told_by == [theirs[file["node"], file["name"]] for file in files]
    assert sum(text.count("doubles") for text in told_by) == 8
    task = scene.doubles[2].hex()[:32]
    (of_task,) = asked(visitor, f"/api/logs?id={task}")["files"]
    path = f"/api/log?node={of_task['node']}&name={of_task['name']}&task={task}"
    (theirs_of_task,) = told("logs", task)
    assert asked(visitor, path)["text"] == theirs_of_task["text"] == "doubles 1\n"
    for of in (scene.failed[0].hex()[:32], scene.kept.hex()[:8], files[0]["node"]):
        some = asked(visitor, f"/api/logs?id={of}")["files"]
        assert 1 <= len(some) <= len(files)
    outside = visitor.get(f"/api/log?node={files[0]['node']}&name=../node.json").json()
    assert outside["text"] == ""


def test_the_graph_of_few_tasks_has_each(visitor: httpx.Client, scene: Scene) -> None:
    graph = asked(visitor, "/api/graph")
    assert graph["single"]
    at = {box["id"]: number for number, box in enumerate(graph["boxes"])}
    total = scene.sums[0].hex()[:32]
    into = [graph["boxes"][a]["name"] for a, b, _ in graph["arrows"] if b == at[total]]
    assert into == ["double", "double"]
    states = {box["name"]: box["state"] for box in graph["boxes"] if box["name"] != "add"}
    assert {name: states[name] for name in ("fail", "until", "never", "double")} == {
        "fail": "FAILED", "until": "RUNNING", "never": "READY", "double": "DONE",
    }  # fmt: skip
    waits = graph["boxes"][at[scene.waits[1].hex()[:32]]]
    assert waits["state"] == "WAITING"


def test_the_graph_of_many_has_their_functions(visitor: httpx.Client) -> None:
    graph = asked(visitor, "/api/graph?by=function")
    assert not graph["single"]
    names = [box["name"] for box in graph["boxes"]]
    arrows = {(names[a], names[b]): times for a, b, times in graph["arrows"]}
    assert arrows == {("double", "add"): 8, ("until", "add"): 1}
    boxes = {box["name"]: box for box in graph["boxes"]}
    assert (boxes["fail"]["failed"], boxes["until"]["running"]) == (3, 1)


def test_a_task_among_its_neighbours(visitor: httpx.Client, scene: Scene) -> None:
    for ref, above, below in (
        (scene.sums[0], ["double", "double"], []), (scene.runs, [], ["add"]),
        (scene.waits[1], ["until"], []),
    ):  # fmt: skip
        task = ref.hex()[:32]
        around = asked(visitor, f"/api/around?id={task}")
        middle = [box["id"] for box in around["boxes"]].index(task)
        names = [box["name"] for box in around["boxes"]]
        assert [names[a] for a, b, _ in around["arrows"] if b == middle] == above
        assert [names[b] for a, b, _ in around["arrows"] if a == middle] == below


def test_the_stream_shows_each_attempt(visitor: httpx.Client, scene: Scene) -> None:
    seen = asked(visitor, "/api/stream?start=0&end=9e9")
    names = [seen["names"][bar[1]] for bar in seen["bars"]]
    assert (names.count("double"), names.count("fail")) == (8, 3)
    assert seen["count"] == len(seen["bars"])
    (goes_on,) = seen["running"]
    assert (seen["names"][goes_on[1]], goes_on[4]) == ("until", scene.runs.hex()[:32])
    assert asked(visitor, "/api/stream")["running"], "what goes on is in sight"


def test_a_profile_is_what_a_worker_does(visitor: httpx.Client, scene: Scene) -> None:
    task = scene.runs.hex()[:32]
    told = asked(visitor, f"/api/profile?id={task}&seconds=0.2")
    assert [profile["name"].split(",")[0] for profile in told["profiles"]] == ["until"]
    assert any(frame["name"] == "until" for frame in told["shared"]["frames"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/task?id=zz", 404), ("/api/task", 404), ("/api/job?job=ffffffff", 404),
        ("/api/around", 404), ("/api/log", 404), ("/api/logs?id=zz", 404),
        ("/api/profile?seconds=99", 400), ("/api/profile?id=zz", 404),
        ("/api/tasks?state=BAD", 400), ("/api/stream?start=nan", 400), ("/api/tasks?limit=x", 400),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told(visitor: httpx.Client, path: str, status: int) -> None:
    reply = visitor.get(path)
    assert reply.status_code == status
    assert reply.json()["error"]


def test_moments_come_by_themselves(visitor: httpx.Client) -> None:
    with visitor.stream("GET", "/api/moments") as stream:
        told = [json.loads(line[6:]) for line in _lines(stream, 2)]
    assert told[1]["at"] > told[0]["at"]
    assert told[1]["point"]["at"] > told[0]["curve"][-1]["at"]
    assert "curve" not in told[1], "who has it needs its end only"


def _lines(stream: httpx.Response, number: int) -> list[str]:
    found: list[str] = []
    for line in stream.iter_lines():
        if line.startswith("data: "):
            found.append(line)
            if len(found) == number:
                break
    return found
