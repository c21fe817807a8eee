"""A head records what happens: a run can be looked at after it ended, and after the head did."""

from __future__ import annotations

import json
import re
from textwrap import indent
from typing import Any

import pytest

from tests.home import Home
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
import hyperloom as loom

@loom.task
def fine(x):
    return x

@loom.task(max_retries=0)
def bad():
    print("before it fails")
    raise ValueError("recorded")

loom.init("auto")
loom.get([fine.remote(i) for i in range(500)])
loom.wait([bad.remote()])
if len(loom.nodes()) and sys.argv[1:]:
    loom.Plan([fine.bind(n) for n in range(3)]).submit(detach=True)
"""


def test_a_run_is_looked_at_after_it_and_its_head_ended(home: Home) -> None:
    script = home.path / "script.py"
    script.write_text(SCRIPT)
    home.start_head()
    home.loom("run", "script.py")

    def names() -> dict[str, dict[str, int]]:
        told = json.loads(home.loom("ls", "names", "--job", "last", "--json").stdout)
        return {row["name"]: row for row in told["names"]}

    wait_until(lambda: names()["fine"]["done"] == 500)
    home.kill("recorder")  # the next one goes on where it was
    home.loom("run", "script.py")
    wait_until(lambda: len(_jobs(home)) == 2 and all(job["ended"] for job in _jobs(home)))
    home.loom("stop")
    assert home.left() == []

    first, second = _jobs(home)
    for job in (first, second):
        assert (job["submitted"], job["done"], job["failed"], job["left"]) == (501, 500, 1, 0)
        assert job["state"] == "ended"
    told = json.loads(home.loom("ls", "tasks", "--limit", "1000", "--json").stdout)
    assert (told["matched"], told["hidden"]) == (501, 0)
    (failed,) = [row for row in told["tasks"] if row["state"] == "FAILED"]
    assert failed["error"] == "ValueError: recorded"
    shown = home.loom("show", failed["id"]).stdout
    assert "FAILED: ValueError: recorded" in shown
    _tells_why(home, failed, shown)
    assert "began, attempt 1, on node" in shown
    home.loom("report", first["job"], "-o", "report.html")
    assert re.search("<tr><th>[0-9a-f]{8} on ", (home.path / "report.html").read_text())
    ended = rf"no job is open; of the last one, {first['job']} script.py, ended \S+:\n"
    for what in ("tasks", "names", "errors", "actors"):
        assert re.match(ended, home.loom("ls", what).stdout), what
    none = home.loom("ls", "plans").stdout
    assert none.endswith("\nno plans\nof another job: --job ID, of loom ls jobs\n")
    assert "no job is open" not in home.loom("ls", "names", "--job", second["job"]).stdout
    assert home.loom("ls", "jobs").stdout.startswith("job ")
    assert "no node of yours runs here" in home.loom("stack", exits=3).stderr
    would = json.loads(home.loom("clean", "--all", "--dry-run", "--json").stdout)
    folders = [str(folder) for folder in home.sessions()]
    assert (would["removed"], would["dry_run"]) == (folders, True)
    assert [str(folder) for folder in home.sessions()] == folders
    assert "would be freed" in home.loom("clean", "--all", "--dry-run").stdout
    did = json.loads(home.loom("clean", "--all", "--json").stdout)
    assert did == {"removed": folders, "bytes": would["bytes"], "dry_run": False}
    assert would["bytes"] > 0
    assert home.sessions() == []
    nothing = {"removed": [], "bytes": 0, "dry_run": False}
    assert json.loads(home.loom("clean", "--all", "--json").stdout) == nothing
    assert "nothing was recorded" in home.loom("ls", "tasks", exits=3).stderr


def _tells_why(home: Home, failed: dict[str, Any], shown: str) -> None:
    """The traceback is there, and where to look for what was printed."""
    (group,) = json.loads(home.loom("ls", "errors", "--json").stdout)["errors"]
    assert group["traceback_of"] == failed["id"]
    assert group["traceback"].startswith("Traceback (most recent call last):\n")
    assert 'raise ValueError("recorded")' in group["traceback"]
    assert indent(group["traceback"].rstrip(), "    ") in shown
    assert failed["short"] in home.loom("ls", "errors").stdout
    file = f"logs/worker-{failed['pid']}.log"
    assert f"  printed   into {file} of its node's session folder" in shown
    files = [folder / file for folder in home.sessions() if (folder / file).exists()]
    assert ["before it fails" in each.read_text() for each in files] == [True]


GROUPED = """
import hyperloom as loom

loom.init("auto")
group = loom.placement_group([{"CPU": 1}])
assert group.wait(30)
loom.remove_placement_group(group)
"""


def test_the_recorder_passes_over_what_only_nodes_are_told(home: Home) -> None:
    (home.path / "grouped.py").write_text(GROUPED)
    folder = home.start_head()
    recorder = home.pid("recorder")
    home.loom("run", "grouped.py")
    assert home.pid("recorder") == recorder
    home.loom("stop")
    assert (folder / "recorder.log").read_text() == ""


def test_what_was_recorded_is_seen_from_elsewhere(home: Home) -> None:
    """From a machine that has nothing but the address: the head's recorder tells it."""
    (home.path / "script.py").write_text(SCRIPT)
    head = home.start_head()
    home.loom("run", "script.py")
    wait_until(lambda: [job["state"] for job in _jobs(home)] == ["ended"])
    elsewhere = Home(variables={"LOOM_PASSWORD_FILE": str(head / "password")})
    at = ("--address", home.status()["address"])
    try:
        for asked in (["ls", "jobs"], ["ls", "tasks", "--limit", "1000"], ["timeline"]):
            here = json.loads(home.loom(*asked, "--json").stdout)
            assert json.loads(elsewhere.loom(*asked, *at, "--json").stdout) == here
        elsewhere.loom("report", "-o", "report.html", *at)
        (row,) = re.findall(
            "<tr><th>[0-9a-f]{8} on .*?</tr>", (elsewhere.path / "report.html").read_text()
        )
        assert row.startswith(f"<tr><th>{home.status()['node']['node'][:8]} on ")
        home.kill("recorder")
        wait_until(lambda: json.loads(elsewhere.loom("ls", "jobs", *at, "--json").stdout)["jobs"])
    finally:
        elsewhere.close()
    home.loom("stop")


def test_a_node_that_joined_a_head_of_this_machine_has_its_history(home: Home) -> None:
    (home.path / "script.py").write_text(SCRIPT)
    head = home.start_head()
    url, password = home.status()["address"], head / "password"
    home.loom("start", "--address", url, "--password-file", password, "--num-cpus", "1")
    assert home.current != head
    home.loom("run", "script.py")

    def states() -> list[str]:
        return [job["state"] for job in _jobs(home)]

    wait_until(lambda: states() == ["ended"])
    home.loom("stop", "--all")
    assert states() == ["ended"]
    assert "ValueError: recorded" in home.loom("ls", "errors").stdout


def test_detached_plans_are_listed(home: Home) -> None:
    (home.path / "script.py").write_text(SCRIPT)
    home.start_head()
    home.loom("run", "script.py", "detach")

    def plans() -> list[dict[str, object]]:
        told: list[dict[str, object]] = json.loads(home.loom("ls", "plans", "--json").stdout)[
            "plans"
        ]
        return told

    wait_until(lambda: [plan["left"] for plan in plans()] == [0])
    (plan,) = plans()
    assert (plan["tasks"], plan["results"]) == (3, 3)
    assert str(plan["id"]) in home.loom("ls", "plans").stdout
    home.loom("stop")


def _jobs(home: Home) -> list[dict[str, int | str]]:
    told = json.loads(home.loom("ls", "jobs", "--json").stdout)
    jobs: list[dict[str, int | str]] = told["jobs"]
    return jobs


def test_a_head_may_do_without_a_history(home: Home) -> None:
    home.variables["LOOM_HISTORY_BYTES"] = "0"
    folder = home.start_head()
    assert "recorder" not in json.loads((folder / "processes.json").read_text())
    assert list(folder.rglob("history.sqlite*")) == []
    home.loom("stop")
