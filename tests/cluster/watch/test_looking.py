"""What the answers say of a node on which everything happens at the same time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.ids import short
from hyperloom.watch import left, objects, reasons, story, tasks, things
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.cluster.watch.conftest import Scene

pytestmark = pytest.mark.slow

OVER = {
    "done": "DONE", "failed": "FAILED", "died": "FAILED", "poisoned": "FAILED",
    "passed on": "FAILED", "cancelled": "CANCELLED",
}  # fmt: skip
GOES_ON = {
    "running": "RUNNING", "other": "RUNNING", "blocked": "RUNNING", "ready": "READY",
    "waiting": "WAITING", "too large": "READY", "behind too large": "WAITING",
}  # fmt: skip


def all_of(_: dict[str, Any]) -> bool:
    return True


def steps_of(scene: Scene, name: str) -> list[dict[str, Any]]:
    """But for "taken", of what had to wait at its node: how long that is, the machine decides."""
    steps: list[dict[str, Any]] = reasons.show(scene.cluster, scene.task(name))["steps"]
    assert steps == sorted(steps, key=lambda step: step["at"])
    return [step for step in steps if step["what"] != "taken"]


def test_the_table_has_every_task_as_it_stands(scene: Scene) -> None:
    def states() -> dict[str, str]:
        table = tasks.table(scene.cluster, [scene.job], all_of, 100)
        assert table["hidden"] == 0
        assert table["matched"] == len(table["tasks"]) == len(OVER) + len(GOES_ON) + 1
        by_id = {row["id"]: row["state"] for row in table["tasks"]}
        return {name: by_id[scene.hex(name)] for name in scene.refs}

    wait_until(lambda: states() == OVER | GOES_ON)


def test_a_task_by_itself_stands_as_the_table_has_it(scene: Scene) -> None:
    def states() -> dict[str, str]:
        return {name: reasons.show(scene.cluster, scene.task(name))["state"] for name in scene.refs}

    wait_until(lambda: states() == OVER | GOES_ON)


def test_rows_are_chosen_by_state_and_condition_and_counted(scene: Scene) -> None:
    failed = tasks.table(scene.cluster, [scene.job], all_of, 2, frozenset({"FAILED"}))
    assert failed["matched"] == 4
    assert [row["state"] for row in failed["tasks"]] == ["FAILED", "FAILED"]
    (row,) = tasks.table(scene.cluster, [scene.job], lambda r: r["name"] == "dies", 9)["tasks"]
    assert (row["id"], row["attempt"]) == (scene.hex("died"), 2)
    assert row["error"] == "the worker that ran dies died: exit code 3"


def test_counts_by_function_are_exact(scene: Scene) -> None:
    counts = {row["name"]: row for row in tasks.names(scene.cluster, scene.job)}
    shown = ("submitted", "done", "failed", "cancelled", "retried", "left")
    assert {name: tuple(row[what] for what in shown) for name, row in counts.items()} == {
        "same": (7, 1, 1, 1, 0, 4), "fails": (1, 0, 1, 0, 1, 0), "dies": (1, 0, 1, 0, 1, 0),
        "poison": (1, 0, 1, 0, 2 if counts["poison"]["retried"] == 2 else 5, 0),
        "waits": (3, 0, 0, 0, 0, 3), "asks": (1, 0, 0, 0, 0, 1),
    }  # fmt: skip
    assert counts["fails"]["timed"] == 2
    assert 0 < counts["fails"]["mean_s"] <= counts["fails"]["p99_s"]


def test_the_story_of_success(scene: Scene) -> None:
    submitted, began, done = steps_of(scene, "done")
    assert [step["what"] for step in (submitted, began, done)] == ["submitted", "began", "done"]
    assert done["node"] == began["node"] == loom.nodes()[0]["node"]
    assert done["bytes"] >= 2_000_000
    assert done["pid"] > 0


def test_the_story_of_a_retry(scene: Scene) -> None:
    told = [(step["what"], step.get("attempt")) for step in steps_of(scene, "failed")]
    assert told == [
        ("submitted", None), ("began", 1), ("came to nothing", 1), ("began", 2), ("failed", 2),
    ]  # fmt: skip
    errors_ = [step["error"] for step in steps_of(scene, "failed") if "error" in step]
    assert errors_ == [{"category": "app", "text": "ValueError: not today"}] * 2


def test_the_story_of_workers_that_die(scene: Scene) -> None:
    told = [(step["what"], step.get("attempt")) for step in steps_of(scene, "died")]
    assert told == [
        ("submitted", None), ("began", 1), ("came to nothing", 1), ("began", 2), ("failed", 2),
    ]  # fmt: skip
    pids = {step["pid"] for step in steps_of(scene, "died") if "pid" in step}
    assert len(pids) == 2


def test_the_story_of_poison(scene: Scene) -> None:
    steps = steps_of(scene, "poisoned")
    assert [step["what"] for step in steps if step["what"] != "began"] == [
        "submitted", *["came to nothing"] * 5, "failed",
    ]  # fmt: skip
    assert "poison" in steps[-1]["error"]["text"] or "killed" in steps[-1]["error"]["text"]
    assert steps[-1]["error"]["category"] == "poisoned"


def test_the_story_of_what_failed_with_its_input(scene: Scene) -> None:
    assert [step["what"] for step in steps_of(scene, "passed on")] == [
        "submitted", "failed with an input",
    ]  # fmt: skip


def test_the_story_of_what_runs_has_what_it_does_now(scene: Scene) -> None:
    """Where, and since when; events tell of it when it has ended."""
    for name, what in (("running", "began"), ("blocked", "waits in get() for tasks of its own")):
        submitted, now = steps_of(scene, name)
        assert (submitted["what"], now["what"], now["attempt"]) == ("submitted", what, 1)
        assert (now["node"], now["pid"] > 0) == (loom.nodes()[0]["node"], True)
        assert submitted["at"] <= now["at"] <= time.time()


def test_what_runs_for_a_while_is_told_of_before_it_ends(scene: Scene) -> None:
    """So it is known of a node that dies."""

    def told() -> list[tuple[str, int | None]]:
        steps = story.steps(scene.cluster.events(scene.job), scene.task("running"))
        told = [(step["what"], step.get("attempt")) for step in steps]
        return [step for step in told if step[0] != "taken"]

    wait_until(lambda: len(told()) == 2, 20)
    assert told() == [("submitted", None), ("began", 1)]


def test_the_story_of_a_cancelled_task(scene: Scene) -> None:
    assert [step["what"] for step in steps_of(scene, "cancelled")] == ["submitted", "cancelled"]


@pytest.mark.parametrize(
    ("name", "why"),
    {
        "done": "done", "failed": "failed", "cancelled": "cancelled", "running": "running",
        "blocked": "blocked", "ready": "busy", "too large": "too-large",
    }.items(),
)  # fmt: skip
def test_why(scene: Scene, name: str, why: str) -> None:
    def lines() -> list[dict[str, Any]]:
        return reasons.explain(scene.cluster, scene.task(name))

    wait_until(lambda: [line["why"] for line in lines()] == [why])
    (line,) = lines()
    assert line["task"] == scene.hex(name)


def test_why_follows_what_is_waited_for_to_the_cause(scene: Scene) -> None:
    waits, cause = reasons.explain(scene.cluster, scene.task("behind too large"))
    assert (waits["why"], cause["why"]) == ("inputs", "too-large")
    assert waits["lacks"] == [scene.refs["too large"].hex()]
    assert cause["task"] == scene.hex("too large")
    assert "48 CPU missing" in cause["says"]


def test_why_of_a_job_is_why_of_its_tasks_those_alike_in_one_line(scene: Scene) -> None:
    def kinds() -> list[tuple[str, str, int, str]]:
        lines = left.of_job(scene.cluster, scene.job)[1:]
        return [(line["name"], line["why"], line["tasks"], line["task"]) for line in lines]

    # How much room a node has is said with its next beat.
    wait_until(lambda: len(kinds()) == 6 and "next" not in {each[1] for each in kinds()})
    stuck, *others = kinds()
    assert stuck == ("same", "too-large", 1, scene.hex("too large"))
    assert sorted(each[:3] for each in others) == [
        ("asks", "blocked", 1), ("same", "busy", 1), ("same", "inputs", 1), ("same", "inputs", 1),
        ("waits", "running", 3),
    ]  # fmt: skip
    head = left.of_job(scene.cluster, scene.job)[0]
    assert (
        head["says"]
        == "has 8 of 14 tasks left: 4 on nodes, 2 ready, 2 waiting; 4 failed, 1 cancelled"
    )
    assert head["advice"] == f"see what failed: loom ls errors --job {scene.job.hex()}"


def test_why_of_a_node_is_what_it_has(scene: Scene) -> None:
    (line,) = left.of_node(scene.cluster, loom.nodes()[0]["node"])
    assert (line["why"], line["state"], line["advice"]) == ("node", "alive", "")
    assert line["says"] == "is alive with 0 of 2 CPU free; its tasks: 3 running, 1 in get()"


def test_objects_and_memory(scene: Scene) -> None:
    table = objects.table(scene.cluster, [scene.job], all_of, 100)
    first = table["objects"][0]
    assert (first["id"], first["name"]) == (scene.refs["done"].hex(), "same")
    assert first["bytes"] >= 2_000_000
    assert first["where"] == loom.nodes()[0]["node"]
    assert (first["holders"], first["held_by_maker"]) == (1, True)
    assert table["matched"] == 6  # what is over, all held by this test
    told = objects.memory(scene.cluster, [scene.job])
    of_same = next(group for group in told["created"] if group["name"] == "same")
    assert of_same["in_store"] == first["bytes"]
    driver = next(each for each in told["held"] if each["is"] == "driver")
    assert driver["count"] == 6
    assert told["stores"][0]["used"] >= 0


def test_jobs_nodes_and_workers(scene: Scene) -> None:
    (job,) = things.jobs(scene.cluster)
    assert (job["job"], job["state"]) == (scene.job.hex(), "open")
    what = ("submitted", "done", "failed", "cancelled", "left")
    assert [job[each] for each in what] == [14, 1, 4, 1, 8]
    (node,) = things.nodes(scene.cluster)
    assert (node["state"], node["resources"]["CPU"]) == ("alive", 2)
    wait_until(lambda: "CPU" not in things.nodes(scene.cluster)[0]["free"])
    workers = [w for w in things.workers(scene.cluster) if w["task_id"]]
    assert {w["task_id"] for w in workers} >= {scene.hex("running"), scene.hex("other")}


def test_an_id_may_be_written_in_many_ways(scene: Scene) -> None:
    task, ref = scene.task("done"), scene.refs["done"]
    find = scene.cluster.find
    for text in (task.hex(), short(task)):
        assert find(text) == ("task", task)
    for text in (ref.hex(), short(ref.binary()), repr(ref)):
        assert find(text) == ("object", ref.binary())
    assert find(scene.job.hex()) == find(scene.job.hex()[:6]) == ("job", scene.job)
    assert find(loom.nodes()[0]["node"][:12]).kind == "node"
    assert find("last") == ("task", scene.task("cancelled"))
    with pytest.raises(errors.NotFound, match=r"several tasks \(.*\.\.\.\); write which"):
        find(task.hex()[:30])
    assert scene.cluster.job("last") == scene.cluster.job() == scene.job


@pytest.mark.parametrize("text", ["no id", "ffffffffffffff", "123456-7", "z"])
def test_an_id_that_means_nothing_is_refused_with_advice(scene: Scene, text: str) -> None:
    with pytest.raises(errors.NotFound, match=r"loom ls|write"):
        scene.cluster.find(text)
    with pytest.raises(errors.NotFound, match="there is no job"):
        scene.cluster.job("ffffffff")
