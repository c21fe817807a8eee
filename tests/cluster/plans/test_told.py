"""What commands tell of jobs of which something is detached, and of others, is so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.core import current
from tests.cluster.plans.programs import fails, passes, plan_of, submit_from
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate
    from tests.home import Home

pytestmark = pytest.mark.slow

ENDED = "its program has ended, and what it detached goes on"


def told(head: Home, *words: str) -> Any:
    return json.loads(head.loom(*words, "--json").stdout)


@pytest.mark.parametrize("how", ["ends", "killed"])
def test_a_program_that_ended_does_not_go_on(
    head: Home, gate: Callable[[str], Gate], how: str
) -> None:
    """What it detached does, and has the job open; nobody is shown the pid of a dead process."""
    it = submit_from(head, gate("go"), how)
    job = it[:8]

    def row() -> Any:
        (found,) = [row for row in told(head, "ls", "jobs")["jobs"] if row["job"] == job]
        return found

    wait_until(lambda: row()["program_ended"] and told(head, "show", it)["running"] == 10, 20)
    assert [row()[what] for what in ("state", "pid", "left")] == ["open", None, 13]
    assert row()["notes"] == [ENDED], "the page shows them, too"
    shown = head.loom("ls", "jobs").stdout
    assert f"{job}: {ENDED}\n" in shown
    assert f"; {ENDED} (loom ls plans, loom ls actors)" in head.loom("why", job).stdout
    assert "(its program has ended): 3 waiting, 0 ready, 10 held" in head.loom("status").stdout
    gate("go").open()
    wait_until(lambda: told(head, "show", it)["left"] == 0, 20)
    says = told(head, "why", job)[0]["says"]
    assert says.startswith(f"has no task left; {ENDED} (loom ls plans, loom ls actors), until")
    assert "its program goes on" not in says
    loom.init("auto")
    loom.attach(it).release()


def test_what_a_cancelled_detached_plan_left_is_counted(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    it = submit_from(head, gate("never"), "ends")
    wait_until(lambda: told(head, "show", it)["running"] == 10, 20)
    head.loom("cancel", it[:8])
    wait_until(lambda: told(head, "show", it)["left"] == 0, 20)
    (job,) = [job for job in head.jobs() if job["job"] == it[:8]]
    assert [job[what] for what in ("tasks", "waiting", "ready", "held")] == [0, 0, 0, 0]
    assert [job[what] for what in ("done", "failed", "cancelled")] == [0, 0, 13]
    about = told(head, "show", it)
    assert [about[f"tasks_{what}"] for what in ("done", "failed", "cancelled")] == [0, 0, 13]
    says = told(head, "why", it[:8])[0]
    assert (says["says"].endswith(", 13 cancelled"), says["advice"]) == (True, "")
    assert "no errors" in head.loom("ls", "errors", "--job", it[:8]).stdout
    loom.init("auto")
    loom.attach(it).release()


def test_what_cannot_be_run_again_is_told_and_what_can_be_done(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    """Of what is not detached nobody but its program has the arguments."""
    loom.init("auto")
    job = current.session().job.hex()
    refs = [fails.remote(n) for n in range(3)]
    mine = loom.submit([fails.bind(7)], label="mine")
    assert loom.wait(refs, num_returns=3)
    assert mine.wait(20)
    assert mine.id is not None
    cannot = f"4 tasks of job {job} failed and cannot be run again from here"
    refused = head.loom("retry", job, "--failed", exits=1)
    for words in ("has no detached plan", cannot, "handle.retry_failed()", "max_retries="):
        assert words in refused.stderr
    refused = head.loom("retry", mine.id, "--failed", exits=1)
    assert f"plan {mine.id} is not detached" in refused.stderr
    gate("go").open()
    plan = plan_of(gate("go")).submit(detach=True)
    bad = loom.submit([fails.bind(passes.bind(gate("go"), 1))], detach=True)
    assert plan.wait(20)
    assert bad.wait(20)
    again = head.loom("retry", job, "--failed")
    assert f"plan {bad.id}: 1 result run again\n" in again.stdout
    assert cannot in again.stderr, "what failed of a detached plan is not counted there"
    assert bad.wait(20)
    bad.release()
    answer = told(head, "retry", job, "--failed")
    assert answer["plans"] == [{"id": plan.id, "retried": 0}]
    assert answer["failed_elsewhere"] >= 4
    programs = {row["program"] for row in told(head, "ls", "jobs")["jobs"]}
    assert "loom retry" not in programs, "a command's own job is nobody's, and has no tasks"
    assert programs
    plan.release()
