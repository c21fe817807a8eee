"""Plans by their ids, from the command line: shown, explained, cancelled; detached ones or not."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.cli import looking
from hyperloom.cli.main import main
from hyperloom.core import current
from tests.cluster.plans.programs import add, living, needs, passes, says, submit_from
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cluster.api.gate import Gate
    from tests.home import Home

pytestmark = pytest.mark.slow


@contextmanager
def plan(head: Home, gate: Gate, kind: str) -> Iterator[str]:
    """The id of one that waits for the gate; released in the end."""
    if kind == "living":
        with living(head, gate) as program:
            yield program.plan
            program.end()
        return
    it = submit_from(head, gate, "killed")
    yield it
    loom.init("auto")
    loom.attach(it).release()


def told(head: Home, *words: str) -> Any:
    return json.loads(head.loom(*words, "--json").stdout)


@pytest.mark.parametrize("kind", ["detached", "living"])
def test_a_plan_is_listed_shown_explained_and_cancelled_by_its_id(
    head: Home, gate: Callable[[str], Gate], kind: str
) -> None:
    with plan(head, gate("never"), kind) as it:
        wait_until(lambda: told(head, "show", it)["running"] == 10, 20)
        (row,) = told(head, "ls", "plans")["plans"]
        assert (row["id"], row["label"], row["tasks"], row["left"], row["detached"]) == (
            it, "sums", 13, 13, kind == "detached",
        )  # fmt: skip
        about = told(head, "show", it[:14])
        assert about["id"] == it
        assert [about[key] for key in ("left", "running", "ready", "waiting")] == [13, 10, 0, 3]
        assert [about[key] for key in ("results", "there", "failed")] == [5, 0, 0]
        assert f"id            {it}" in head.loom("show", it).stdout
        lines = told(head, "why", it)
        assert lines[0]["says"] == "has 13 of 13 tasks left: 10 running, 3 waiting"
        assert [line["name"] for line in lines] == ["sums", "add", "add", "passes"]
        assert f"plan {it} sums has 13 of 13" in head.loom("why", it).stdout
        assert told(head, "cancel", it) == {"cancelled": 3, "running": 10, "finished": 0}
        wait_until(lambda: told(head, "show", it)["left"] == 0, 20)
        about = told(head, "show", it)
        assert (about["there"], about["failed"], about["cancelled"]) == (5, 0, 5)
        (row,) = told(head, "ls", "plans")["plans"]
        what = ("left", "results", "looked_at", "there", "failed", "cancelled")
        assert [row[key] for key in what] == [0, 5, 5, 5, 0, 5]
        heads, cells = head.loom("ls", "plans").stdout.splitlines()
        shown = dict(zip(heads.split(), cells.split(), strict=False))
        assert (shown["failed"], shown["cancelled"]) == ("0", "5")
        assert "was cancelled" in head.loom("show", it).stdout
        over = told(head, "why", it)[0]
        assert over["says"] == "is over: 5 of 5 results are there; 5 results were cancelled"
        assert over["advice"] == ""


def test_the_other_plans_of_its_program_go_on(head: Home, gate: Callable[[str], Gate]) -> None:
    """Also when it is so large that its tasks are dropped, and not cancelled one by one."""
    loom.init("auto")
    first = loom.submit([passes.bind(gate("go"), 1), passes.bind(gate("go"), 2)])
    large = loom.submit([add.bind_map([passes.bind(gate("go"), 0)] * 700).named("part")])
    last = loom.submit(add.bind_map([passes.bind(gate("go"), 3)] * 2))
    assert large.id is not None
    done = told(head, "cancel", large.id)
    assert done["cancelled"] + done["running"] == 701
    assert large.wait(30)
    with pytest.raises(errors.TaskCancelled):
        large.fetch()
    (failure,) = large.failures()
    assert (failure.label, failure.path, failure.results) == ("part", ("part",), 700)
    gate("go").open()
    assert (first.gather(30), last.gather(30)) == ([1, 2], [[3, 3]])


def test_what_printed_and_what_runs_of_a_plan_is_that_of_its_tasks(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    loom.init("auto")
    one, other = (loom.submit([says.bind(gate("go"), word)]) for word in ("one", "other"))
    pids = [_worker_of(head, plan, word) for plan, word in ((one, "one"), (other, "other"))]
    assert pids[0] != pids[1]
    assert "other begins" not in head.loom("logs", str(one.id)).stdout
    gate("go").open()
    assert one.gather(30) == other.gather(30) == [None]
    wait_until(lambda: _told_from(head) == {one.id: "history", other.id: "history"}, 20)


def _told_from(head: Home) -> dict[str, str]:
    return {row["id"]: row["told_from"] for row in told(head, "ls", "plans")["plans"]}


def _worker_of(head: Home, plan: loom.PlanHandle, word: str) -> int:
    """The only one that the plan has, when it has begun and printed."""
    it = str(plan.id)
    wait_until(lambda: told(head, "show", it)["running"] == 1, 20)
    wait_until(lambda: f"{word} begins\n" in head.loom("logs", it, exits=None).stdout, 20)
    (worker,) = told(head, "stack", it)
    (file,) = told(head, "logs", it)
    assert file["name"].startswith(f"worker-{worker['pid']}.")
    assert "in says" in worker["told"]
    return int(worker["pid"])


def test_what_failed_is_told_by_label(head: Home, gate: Callable[[str], Gate]) -> None:
    loom.init("auto")
    handle = loom.submit([needs.bind(gate("no"), 7).named("the bad one"), add.bind(1)])
    assert handle.id is not None
    assert handle.wait(30)
    shown = told(head, "show", handle.id)
    assert shown["failures"] == [{"name": "the bad one", "text": "KeyError: 7", "results": 1}]
    said = head.loom("show", handle.id).stdout
    assert "failed      the bad one: KeyError: 7" in said
    assert [line for line in said.splitlines() if re.fullmatch(r"\w+ +", line)] == [], "no value"
    over = f"plan {handle.id} is over: 2 of 2 results are there; 1 result failed"
    assert over in head.loom("why", handle.id).stdout
    it = handle.id
    handle.release()
    wait_until(lambda: _told_from(head) == {it: "history"}, 20)
    wait_until(lambda: told(head, "show", it)["failures"] == shown["failures"], 20)
    assert head.loom("show", it).stdout.count("the bad one: KeyError: 7") == 1


def test_the_last_job_is_not_that_of_the_command_that_retries(
    head: Home, gate: Callable[[str], Gate], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    it = submit_from(head, gate("go"), "fails")
    gate("go").open()
    loom.init("auto")
    assert loom.attach(it).wait(30)
    mine = current.session().job
    loom.shutdown()
    assert main(["retry", it, "--failed"]) == 0
    capsys.readouterr()

    def recorded() -> bool:
        assert main(["ls", "jobs", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["jobs"]
        assert "loom retry" not in {row["program"] for row in rows}, "it is nobody's"
        with looking.cluster_at("", "") as cluster:
            ended = {of: about for of, about in cluster.jobs().items() if about["ended"]}
        programs = [about["about"].get("argv") for about in ended.values()]
        return ["loom retry"] in programs and mine in ended

    wait_until(recorded)
    assert main(["report", "last", "-o", str(tmp_path / "report.html"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["job"] == mine.hex()
    loom.init("auto")
    loom.attach(it).release()
