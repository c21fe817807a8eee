"""What is told of a plan when nobody can take it up any more: what was told of it alive, and why.

A real head, whose recorder has heard of the plan; first its program lets go of it, then it ends,
then the cluster does.
"""

from __future__ import annotations

import json
import re
from subprocess import PIPE
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom.watch.plans import FROM_HISTORY
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

SCRIPT = """
import sys
import hyperloom as loom

@loom.task
def add(*parts):
    return sum(parts)

@loom.task(max_retries=0)
def bad(x):
    raise ValueError(f"no {x % 2}")

@loom.task(num_cpus=64)
def stays(x):
    return x

def wait_for(line):
    print(line, flush=True)
    sys.stdin.readline()

loom.init("auto")
loom.get(add.remote(1))  # the job has another task, of the same function
few = [add.bind(n) for n in range(4)]
wanted = [add.bind(*few), *[add.bind(bad.bind(n), few[0]) for n in range(3)]]
wanted += [bad.bind(5).named("the last"), stays.bind(1)]
plan = loom.Plan(wanted, label="night").submit()
loom.wait(plan.results[:5], num_returns=5)
wait_for(plan.id)
plan.cancel()
wait_for("cancelled")
plan.release()
loom.get(add.remote(1))
wait_for("released")
"""
# What it came to; what moves, and from where it is told, are apart.
SAME = (
    "id", "job", "label", "tasks", "results", "program", "pid", "at", "detached", "left", "there",
    "failed", "cancelled", "failures", "tasks_done", "tasks_failed", "tasks_cancelled", "untold",
    "names", "errors", "began", "ended",
)  # fmt: skip


def told(home: Home, *command: str) -> Any:
    return json.loads(home.loom(*command, "--json").stdout)


def same(about: dict[str, Any]) -> dict[str, Any]:
    return {name: about[name] for name in SAME}


def test_it_is_told_as_it_was_when_it_could_be_taken_up(home: Home) -> None:
    """1. It is cancelled, and all of it is over.  2. It is let go of.  3. Its program ends, and
    4. the cluster.  Each time the same is told of it; and from 2. on, in the same words
    everywhere, that nobody can take it up any more.
    """
    (home.path / "script.py").write_text(SCRIPT)
    home.start_head()
    with home.python("script.py", stdin=PIPE) as program:

        def goes_on() -> str:
            """What it says next, when it is told to go on."""
            program.stdin.write("\n")
            program.stdin.flush()
            return program.stdout.readline()

        plan = program.stdout.readline().strip()
        assert goes_on() == "cancelled\n"
        alive: dict[str, Any] = {}

        def settled() -> bool:
            alive.update(told(home, "show", plan))
            return bool(alive["left"] == alive["untold"] == 0)

        wait_until(settled, 30)
        assert (alive["told_from"], alive["tasks"], alive["results"]) == ("cluster", 13, 6)
        ended = ("tasks_done", "tasks_failed", "tasks_cancelled")
        assert [alive[name] for name in ended] == [5, 7, 1]
        assert [alive[name] for name in ("there", "failed", "cancelled")] == [6, 4, 1]
        assert alive["failures"][0] == {"name": "bad", "text": "ValueError: no 0", "results": 2}
        assert {each["name"] for each in alive["failures"]} == {"bad", "the last", "stays"}
        assert goes_on() == "released\n"
        _is_told_from_history(home, plan, alive)
        assert goes_on() == ""
    assert program.returncode == 0
    wait_until(lambda: told(home, "ls", "jobs")["jobs"][0]["ended"], 30)
    assert same(told(home, "show", plan)) == same(alive)
    home.loom("stop")
    _is_told_from_history(home, plan, alive)
    report = home.path / "report.html"
    home.loom("report", "-o", "report.html")
    assert re.search(rf"<tr><th>{plan}</th><td class=text>night</td>", report.read_text())
    assert f"told from {FROM_HISTORY}" in report.read_text()


def _is_told_from_history(home: Home, plan: str, alive: dict[str, Any]) -> None:
    wait_until(lambda: told(home, "show", plan)["told_from"] == "history", 30)
    about = told(home, "show", plan)
    assert same(about) == same(alive)
    assert about["told_from_text"] == FROM_HISTORY
    assert f"told_from     {FROM_HISTORY}\n" in home.loom("show", plan).stdout
    listed = home.loom("ls", "plans").stdout
    assert f"\n1 plan is told from {FROM_HISTORY}\n" in listed
    assert plan in listed
    (row,) = told(home, "ls", "plans")["plans"]
    for name in ("tasks", "left", "failed", "cancelled", "there", "tasks_failed"):
        assert row[name] == alive[name], name
    (head,) = told(home, "why", plan)
    assert head["says"].endswith(f"7 tasks failed; 1 task was cancelled; told from {FROM_HISTORY}")
