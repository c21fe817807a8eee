"""The commands that look: ``--json`` is what the functions answer; tables are for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom.cli.main import main
from hyperloom.ids import short
from hyperloom.watch import reasons, tasks, things

if TYPE_CHECKING:
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
        assert err == ""
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
    assert loom_("show", short(task), "--json") == reasons.show(scene.cluster, task)
    assert loom_("why", short(task), "--json") == reasons.explain(scene.cluster, task)


def test_tables_are_for_people(scene: Scene, loom_: Any) -> None:
    shown = loom_("ls", "tasks", "--limit", "3")
    assert shown.splitlines()[0].split() == [
        "task", "name", "state", "attempt", "node", "pid", "took", "result", "error",
    ]  # fmt: skip
    assert "3 of 14 are shown; --limit shows more" in shown
    assert "\033" not in shown
    assert short(scene.task("died")) in loom_("ls", "tasks", "--filter", "name~die")
    assert loom_("ls", "tasks", "--filter", "name=nobody") == "no tasks\n"
    for what in ("names", "jobs", "nodes", "workers", "objects"):
        assert len(loom_("ls", what).splitlines()) > 1


def test_show_and_why_tell_the_story(scene: Scene, loom_: Any) -> None:
    shown = loom_("show", scene.hex("failed"))
    for words in (
        "FAILED: failed: ValueError: not today",
        "began, attempt 2, on node",
        "loom retry",
    ):
        assert words in shown
    assert "second line" not in shown
    why = loom_("why", repr(scene.refs["behind too large"])).splitlines()
    assert why[0].endswith(f"waits for 1 of its inputs: {short(scene.refs['too large'].binary())}")
    assert why[1].startswith(f"  {short(scene.task('too large'))} same is ready and waits for")
    assert why[2].startswith("To do: ask for less")
    assert "made by" in loom_("show", repr(scene.refs["done"]))
    assert scene.job.hex() in loom_("show", scene.job.hex())


@pytest.mark.parametrize(
    ("arguments", "exits", "says"),
    [
        (("show", "nothing"), 1, "'nothing' is no id"),
        (("why", "abcdef-9"), 1, "there is no process 'abcdef-9' here"),
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
