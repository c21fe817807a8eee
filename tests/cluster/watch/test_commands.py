"""The commands that look: ``--json`` is what the functions answer; tables are for people."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.cli.main import main
from hyperloom.core import current
from hyperloom.ids import short
from hyperloom.watch import logs, reasons, tasks, things
from tests.cluster.watch import conftest
from tests.collector import collecting
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.watch.conftest import Scene

pytestmark = pytest.mark.slow


@pytest.fixture
def loom_(capsys: pytest.CaptureFixture[str], scene: Scene) -> Any:
    """Run a command in this process: its output, and as JSON if it was asked for that."""
    del scene

    def run(*arguments: str, exits: int = 0) -> Any:
        assert main(arguments) == exits, capsys.readouterr()
        out, err = capsys.readouterr()
        if exits:
            return err
        # The scene's own program hears when it likes that nobody has 50 CPU; no command says it.
        says = [line for line in err.splitlines() if "there is at most 2 CPU on a node" not in line]
        assert says == []
        return json.loads(out) if "--json" in arguments else out

    return run


def test_json_is_what_the_functions_answer(scene: Scene, loom_: Any) -> None:
    told = loom_("ls", "names", "--json")
    assert told["names"] == [
        {"job": scene.job.hex(), **row} for row in tasks.names(scene.cluster, scene.job)
    ]
    assert loom_("ls", "jobs", "--json")["jobs"] == things.jobs(scene.cluster)
    told = loom_("ls", "tasks", "--state", "failed", "--json")
    table = tasks.table(scene.cluster, [scene.job], lambda _: True, 50, frozenset({"FAILED"}))
    assert told == table
    task = scene.task("failed")
    printed = {"printed": logs.last_lines(scene.cluster, task)}
    told = loom_("show", short(task), "--json")
    assert told == {**reasons.show(scene.cluster, task), **printed}
    assert loom_("why", short(task), "--json") == reasons.explain(scene.cluster, task)


def test_tables_are_for_people(scene: Scene, loom_: Any) -> None:
    shown = loom_("ls", "tasks", "--limit", "3")
    assert shown.splitlines()[0].split() == [
        "task", "name", "state", "attempt", "node", "pid", "took", "result", "error",
    ]  # fmt: skip
    assert re.search(r"3 of 1\d are shown; --limit shows more", shown)
    assert "\033" not in shown
    assert short(scene.task("died")) in loom_("ls", "tasks", "--filter", "name~die")
    assert loom_("ls", "tasks", "--filter", "name=nobody") == "no tasks\n"
    for what in ("names", "jobs", "nodes", "workers", "objects"):
        assert len(loom_("ls", what).splitlines()) > 1


@pytest.mark.parametrize(
    ("what", "state", "other"),
    [
        ("jobs", "open", "ended"), ("nodes", "alive", "draining"), ("workers", "busy", "dead"),
        ("objects", "failed", "missing"),
    ],
)  # fmt: skip
def test_rows_of_every_table_with_states_are_chosen_by_them(
    loom_: Any, what: str, state: str, other: str
) -> None:
    every = loom_("ls", what, "--json")[what]
    chosen = loom_("ls", what, "--state", state, "--json")
    assert chosen[what] == [row for row in chosen[what] if row["state"].lower() == state]
    assert [row["state"].lower() for row in every].count(state) == chosen["matched"] > 0
    assert loom_("ls", what, "--state", other) == f"no {what}\n"
    both = loom_("ls", what, "--state", state, "--state", other, "--json")
    assert both["matched"] == chosen["matched"]


def test_a_table_without_states_is_not_chosen_by_them(loom_: Any) -> None:
    assert "names have no state; --filter chooses" in loom_("ls", "names", "--state", "x", exits=2)


def test_show_and_why_tell_the_story(scene: Scene, loom_: Any) -> None:
    shown = loom_("show", scene.hex("failed"))
    for words in (
        "  state     FAILED: ValueError: not today",
        "began, attempt 2, on node",
    ):
        assert words in shown
    assert "loom show" not in shown, "who is here need not be sent here"
    assert "  state     DONE\n" in loom_("show", scene.hex("done"))
    story, _, traceback = shown.partition("traceback")
    assert "second line" not in story
    assert "second line" in traceback
    why = loom_("why", repr(scene.refs["behind too large"])).splitlines()
    assert why[0].endswith(f"waits for 1 of its inputs: {short(scene.refs['too large'].binary())}")
    assert why[1].startswith(f"  {short(scene.task('too large'))} same is ready and waits for")
    assert why[2].startswith("To do: ask for less")
    shown, again = loom_("why"), loom_("why", scene.job.hex()[:6])
    assert re.sub(r"for \S+ s ", "", shown) == re.sub(r"for \S+ s ", "", again)
    head, stuck, advice, *_ = shown.splitlines()
    assert re.fullmatch(
        rf"job {scene.job.hex()} \S.* has 8 of 1\d tasks left: .*; \d failed, \d cancelled", head
    )
    assert stuck.startswith(f"  {short(scene.task('too large'))} same is ready and waits for")
    assert advice.startswith("    To do: ask for less")
    assert "  3 x waits, such as " in shown
    assert [line["why"] for line in loom_("why", "--json")][:2] == ["job", "too-large"]
    node = loom.nodes()[0]["node"]
    assert loom_("why", node[:8]).startswith(f"node {node[:8]} on ")
    assert "made by" in loom_("show", repr(scene.refs["done"]))
    shown = loom_("show", scene.job.hex())
    assert scene.job.hex() in shown
    assert "ValueError: not today" in shown, "a job's record has the reasons of its failures"


@pytest.mark.parametrize(
    ("arguments", "exits", "says"),
    [
        (("show", "nothing"), 1, "'nothing' is no id"),
        (("why", "abcdef-9"), 1, "there is no process 'abcdef-9' here"),
        (("why", "abcdef"), 1, "there is no job, node, placement group, plan, task or object"),
        (("ls", "cats"), 2, "'cats' is not one of 'tasks'"),
        (("ls", "tasks", "--filter", "oops"), 2, "write name=value"),
        (("ls", "tasks", "--filter", "colour=red"), 2, "there is no column 'colour' here"),
        (("ls", "tasks", "--job", "ffffffff"), 1, "there is no job 'ffffffff' here"),
        (("ls", "tasks", "--session", "nowhere"), 1, "there is no session 'nowhere' here"),
    ],
)
def test_what_is_wrong_is_told(
    loom_: Any, arguments: tuple[str, ...], exits: int, says: str
) -> None:
    assert says in loom_(*arguments, exits=exits)


def test_why_of_a_task_that_nobody_knows_fails(scene: Scene, loom_: Any) -> None:
    process = scene.task("done")[:10]
    unknown = process + (10**6).to_bytes(6, "big")
    says = f"{short(unknown)} is not known to the control plane: it was never accepted, or"
    for more in ((), ("--json",)):
        assert says in loom_("why", unknown.hex(), *more, exits=1)
    assert loom_("why", scene.hex("ready")).startswith(short(scene.task("ready")))


def test_the_beginning_of_what_is_shown_will_do_where_it_is_the_only_one(
    scene: Scene, loom_: Any
) -> None:
    several = short(scene.task("done")).partition("-")[0]
    says = loom_("why", several, exits=1)
    assert re.search(
        rf"'{several}' may be several tasks \({several}-\d+, .*\.\.\.\); write which", says
    )
    (only,) = [
        task
        for task in scene.cluster.control_plane.tasks(scene.job, 99)[0]
        if not task.startswith(scene.task("done")[:10])
    ]
    for text in (short(only).partition("-")[0], short(only).partition("-")[0][:4]):
        assert loom_("why", text, "--json")[0]["task"] == only.hex()


def test_memory_top_and_logs(scene: Scene, loom_: Any) -> None:
    told = loom_("memory", "--json")
    assert told["created"][0]["name"] == "same"
    assert "driver" in loom_("memory")
    told = loom_("top", "--json")
    assert {row["name"]: row["submitted"] for row in told["names"]}["waits"] == 3
    assert "waits" in loom_("top", "--once")
    wait_until(lambda: "asks prints" in loom_("logs", scene.hex("blocked")))
    assert "asks prints" in loom_("logs")
    assert "asks prints" not in loom_("logs", scene.hex("running"))
    assert "has not run yet" in loom_("logs", scene.hex("ready"), exits=1)


def test_stacks_and_profiles_show_what_tasks_do(scene: Scene, loom_: Any, tmp_path: Path) -> None:
    (told,) = loom_("stack", scene.hex("running"), "--json")
    assert told["task_id"] == scene.hex("running")
    assert "in pass_through" in told["told"]
    assert "hyperloom/core/execution" not in told["told"]
    assert "in pass_through" in loom_("stack")
    assert "no worker runs task" in loom_("stack", scene.hex("ready"), exits=1)
    file = tmp_path / "p.json"
    loom_("profile", scene.hex("running"), "--seconds", "0.2", "-o", str(file))
    profile = json.loads(file.read_text())
    names = {frame["name"] for frame in profile["shared"]["frames"]}
    assert {"waits", "Gate.pass_through"} <= names
    (one,) = profile["profiles"]
    assert one["endValue"] == pytest.approx(sum(one["weights"]))
    assert all(frame < len(names) + 9 for sample in one["samples"] for frame in sample)
    assert "--seconds 0 cannot be" in loom_("profile", "--seconds", "0", exits=2)


def test_a_timeline_has_every_attempt(loom_: Any, tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    assert "attempts of job" in loom_("timeline", "-o", str(file))
    shown = json.loads(file.read_text())["traceEvents"]
    ran = [each for each in shown if each["ph"] == "X"]
    of_fails = [each for each in ran if each["name"] == "fails"]
    assert [each["args"]["attempt"] for each in of_fails] == [1, 2]
    assert {each["args"]["ended"] for each in of_fails} == {"RETRIED", "FAILED"}
    goes_on = [each["name"] for each in ran if each["args"]["ended"] == "RUNNING"]
    assert sorted(goes_on) == ["asks", "waits", "waits", "waits"]
    assert all(each["dur"] >= 0 and each["ts"] >= 0 for each in ran)


def test_figures_for_prometheus(loom_: Any, scene: Scene) -> None:
    text = loom_("metrics", "--once")
    assert f'loom_tasks_total{{job="{scene.job.hex()}",name="waits",what="submitted"}} 3.0' in text
    job = scene.job.hex()
    for name, state, number in (("same", "waiting", 2), ("waits", "held", 3), ("same", "ready", 2)):
        assert f'loom_tasks_now{{job="{job}",name="{name}",state="{state}"}} {number}.0' in text
    assert "loom_nodes_alive 1.0" in text
    assert f'loom_task_seconds_count{{job="{job}",name="fails"}} 2.0' in text
    row = {"name": "loom_tasks_total", "labels": {"job": job, "name": "waits", "what": "submitted"}}
    assert {**row, "value": 3.0} in loom_("metrics", "--json")
    dashboard = json.loads(loom_("metrics", "--grafana"))
    there = set(re.findall(r"^# TYPE (\w+?)(?:_total)? ", text, re.MULTILINE))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    words = {word for expr in asked for word in re.findall(r"loom_\w+", expr)}
    assert {re.sub(r"_(bucket|count|sum|total)$", "", word) for word in words} <= there


def test_figures_are_those_of_the_tables(loom_: Any, scene: Scene) -> None:
    figures = {
        (row["name"], *sorted(row["labels"].values())): row["value"]
        for row in loom_("metrics", "--json")
    }
    job = scene.job.hex()
    names = loom_("ls", "names", "--json")["names"]
    assert len(names) >= 5
    for row in names:
        for what in ("submitted", "done", "failed", "cancelled", "retried"):
            key = ("loom_tasks_total", *sorted((job, row["name"], what)))
            assert figures[key] == row[what], key
        of = sorted((job, row["name"]))
        assert figures.get(("loom_task_seconds_count", *of), 0) == row["timed"]
        if row["timed"]:
            total = figures["loom_task_seconds_sum", *of]
            assert total == pytest.approx(row["timed"] * row["mean_s"])
    (node,) = loom_("ls", "nodes", "--json")["nodes"]
    of = sorted((node["node"], node["host"]))
    told = {
        "loom_store_used_bytes": node["used"], "loom_store_bytes": node["bytes"],
        "loom_workers": node["workers"], "loom_spilled_bytes": node["load"]["spilled"],
        "loom_memory_bytes": node["load"]["memory_bytes"],
        "loom_objects_sent_bytes_total": node["transfers"]["sent_bytes"],
        "loom_objects_received_total": node["transfers"]["received"],
    }  # fmt: skip
    assert {name: figures[name, *of] for name in told} == told
    for resource, amount in node["resources"].items():
        each = sorted((node["node"], resource))
        assert figures["loom_resources", *each] == amount
        assert figures["loom_free", *each] == node["free"].get(resource, 0)


def test_figures_for_opentelemetry(loom_: Any) -> None:
    with collecting() as collector:
        assert not loom_("metrics", "--once", "--otlp", collector.endpoint)
    (request,) = collector.got
    names = {metric.name for metric in request.resource_metrics[0].scope_metrics[0].metrics}
    assert {"loom_tasks", "loom_nodes_alive", "loom_task_seconds"} <= names


def test_a_task_is_cancelled_from_outside(loom_: Any) -> None:
    ref = conftest.same.options(num_cpus=70).remote(1)
    current.session().settle()
    told = loom_("cancel", ref.hex(), "--json")
    assert told == {"cancelled": 1, "running": 0, "finished": 0}
    says = rf"same was cancelled; it has no result\n  in task same \({short(ref.binary()[:16])}\)"
    with pytest.raises(errors.TaskCancelled, match=says):
        loom.get(ref, timeout=20)
    assert "0 tasks cancelled, 0 told to stop, 1 over already" in loom_("cancel", ref.hex())
    assert "is a node" in loom_("cancel", loom.nodes()[0]["node"], exits=1)


@pytest.mark.parametrize(
    ("command", "counts"),
    [
        (("timeline",), {"job", "attempts"}), (("report",), {"job", "names", "submitted"}),
        (("profile", "--seconds", "0.1"), {"workers", "seconds"}),
    ],
)  # fmt: skip
def test_a_file_that_is_named_is_written_with_json_too(
    loom_: Any, tmp_path: Path, command: tuple[str, ...], counts: set[str]
) -> None:
    file = tmp_path / "out"
    told = loom_(*command, "--json", "-o", str(file))
    assert (told["path"], told["bytes"]) == (str(file), file.stat().st_size)
    assert told["bytes"] > 100
    assert counts <= told.keys()
    for more in ((), ("--json",)):
        says = loom_(*command, "-o", str(tmp_path / "none" / "x.html"), *more, exits=1)
        assert f"x.html cannot be written: there is no folder {tmp_path / 'none'}. " in says
        says = loom_(*command, "-o", str(tmp_path), *more, exits=1)
        assert "cannot be written: Is a directory. " in says


def test_a_report_is_one_file(loom_: Any, scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "r.html"
    assert scene.job.hex() in loom_("report", "-o", str(file))
    page = file.read_text()
    assert "ValueError: not today" in page
    assert "fails</th>" in page
    assert "The job goes on: this is how it stood at" in page
    _, _, left = page.partition("<h2>What is left</h2><p>The job has 8 of ")
    counts, _, _ = left.partition("</p>")
    assert re.fullmatch(
        r"1\d tasks left: 4 on nodes, 2 ready, 2 waiting; \d failed, \d cancelled\.", counts
    )
    assert f"<td class=text>{short(scene.task('too large'))}</td>" in left
    assert "<dt>running</dt><dd>4</dd>" in page, "with the one that waits in get()"
    told = loom_("report", "--json")
    assert {row["name"]: row["retried"] for row in told["names"]}["fails"] == 1
