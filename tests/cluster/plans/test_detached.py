"""Detached plans: taken up again from any process, by any number of them, until released."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.cli.main import main
from hyperloom.plan import detached
from tests.cluster.plans.programs import (
    ANSWER,
    add,
    fails,
    needs,
    plan_of,
    square,
    submit_from,
    zeros,
)
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.api.gate import Gate
    from tests.home import Home

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("how", ["ends", "killed"])
def test_a_plan_goes_on_without_its_driver_and_is_taken_up_by_another(
    head: Home, gate: Callable[[str], Gate], how: str
) -> None:
    it = submit_from(head, gate("go"), how)
    loom.init("auto")
    handle = loom.attach(it)
    assert (handle.id, handle.job_id) == (it, it[:8])
    assert handle.job_id != loom.context().job_id
    assert handle.progress() == (0, 0, 5, 13, 0)
    assert not handle.wait(0)
    gate("go").open()
    assert handle.fetch(30) == ANSWER
    assert f"plan {it} of 13 tasks: 5 of 5 results" in repr(handle)
    assert sorted(str(loom.get(ref)) for ref in handle.as_completed(30)) == [
        "-45", "0", "1", "45", "46",
    ]  # fmt: skip
    assert handle.gather() == ANSWER
    with pytest.raises(errors.NotFound, match="it was released"):
        loom.attach(it)


def test_results_that_were_there_long_before_are_found(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    gate("go").open()
    it = submit_from(head, gate("go"))
    loom.init("auto")
    wait_until(lambda: [job["tasks"] for job in head.jobs() if job["job"] == it[:8]] == [0])
    handle = loom.attach(it)
    assert handle.fetch(30) == ANSWER
    assert handle.progress() == (5, 0, 5, 13, 0)
    handle.release()


def test_several_may_have_a_plan_at_once_and_so_may_who_submitted_it(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    loom.init("auto")
    mine = plan_of(gate("go")).submit(detach=True)
    assert mine.id is not None
    again = loom.attach(mine.id)
    other = head.python("-c", _ATTACH, mine.id)
    gate("go").open()
    assert mine.fetch(30) == again.fetch(30) == ANSWER
    out, err = other.communicate(timeout=40)
    assert json.loads(out) == ANSWER, err
    other.stdout.close()  # type: ignore[union-attr]
    assert mine.gather() == ANSWER
    assert again.fetch() == ANSWER  # what is known here is known


_ATTACH = """
import json, sys
import hyperloom as loom
print(json.dumps(loom.attach(sys.argv[1]).fetch(30)))
"""


def test_dropping_its_handle_does_not_release_a_plan(gate: Callable[[str], Gate]) -> None:
    loom.init("auto")
    it = plan_of(gate("go")).submit(detach=True).id
    assert it is not None
    gate("go").open()
    assert loom.attach(it).gather(30) == ANSWER


def test_a_handle_of_a_closed_session_says_how_to_take_the_plan_up(
    gate: Callable[[str], Gate],
) -> None:
    loom.init("auto")
    handle = plan_of(gate("go")).submit(detach=True)
    it = handle.id
    assert it is not None
    loom.shutdown()
    for use in (handle.cancel, handle.states, handle.retry_failed, handle.release):
        with pytest.raises(errors.SessionClosed, match=rf"loom\.attach\('{it}'\) takes it up"):
            use()
    loom.init("auto")
    gate("go").open()
    assert loom.attach(it).gather(30) == ANSWER


def test_results_of_a_plan_may_be_inputs_of_the_next_wherever_it_is(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    """A task belongs to the job of the refs that it takes."""
    it = submit_from(head, gate("go"))
    loom.init("auto")
    handle = loom.attach(it)
    first = handle.results[0]
    soon = add.remote(first, 1)
    several = add.map([first, first], chunk=1)
    plan = loom.submit(add.bind(add.bind(first, 2), handle.results[1][1]))
    more = loom.Plan([add.bind(soon, 1)], label="more").submit(detach=True)
    gate("go").open()
    assert loom.get(soon, timeout=30) == 47
    assert loom.get(several, timeout=30) == [46, 46]
    assert plan.gather(30) == [3]
    assert {soon.job_id(), plan.job_id, more.job_id} == {handle.job_id}
    kept = loom.put([first])
    assert kept.job_id() == handle.job_id
    handle.release()
    assert loom.get(loom.get(kept)[0]) == 46
    assert more.gather(30) == [48]


def test_refs_of_two_jobs_do_not_mix(head: Home, gate: Callable[[str], Gate]) -> None:
    gate("go").open()
    it = submit_from(head, gate("go"))
    loom.init("auto")
    theirs, mine = loom.attach(it).results[0], loom.put(1)
    uses: list[Callable[[], Any]] = [
        lambda: add.remote(theirs, mine),
        lambda: add.remote(mine, [theirs]),
        lambda: loom.submit(add.bind(theirs, add.bind(mine))),
        lambda: loom.get([mine, theirs]),
        lambda: loom.wait([theirs, mine]),
        lambda: loom.put({"theirs": theirs}),
    ]
    for use in uses:
        with pytest.raises(errors.OtherJob, match="Get the values of the one job's refs"):
            use()
    assert loom.get(add.remote(loom.get(theirs), mine)) == 47
    loom.attach(it).release()


def test_all_plans_of_a_job_are_taken_up_by_its_id() -> None:
    job = loom.init("auto").job_id
    with pytest.raises(errors.NotFound, match=r"that job is there .* but no plan: .* detach=True"):
        loom.attach(job)
    first = loom.submit([add.bind(1)], detach=True)
    assert loom.attach(job).id == first.id
    second = loom.submit([add.bind(2), add.bind(3)], detach=True)
    both = loom.attach(job)
    assert both.fetch(30) == [1, 2, 3]
    assert both.progress() == (3, 0, 3, 3, 0)
    assert both.states() == {"waiting": 0, "ready": 0, "running": 0, "over": 3}
    assert [plan.id for plan in both.plans] == [first.id, second.id]  # type: ignore[attr-defined]
    both.release()
    assert loom.get(second.results[0]) == 2


def test_a_plan_can_be_cancelled_from_elsewhere(head: Home, gate: Callable[[str], Gate]) -> None:
    it = submit_from(head, gate("never"))
    loom.init("auto")
    handle = loom.attach(it)
    handle.cancel()
    assert handle.wait(30)
    with pytest.raises(errors.TaskCancelled):
        handle.fetch()
    handle.release()


def test_a_map_and_single_items_of_it_are_taken_up_as_they_were_wanted() -> None:
    loom.init("auto")
    squares = square.bind_map(range(1000))
    it = loom.submit([squares, squares[7], add.bind(squares[3], 1)], detach=True).id
    assert it is not None
    handle = loom.attach(it)
    assert handle.gather(30) == [[x * x for x in range(1000)], 49, 10]


def test_results_from_the_cache_are_held_by_the_plan_too(tmp_path: Path) -> None:
    """They are not made by its tasks, but by whoever submits it."""
    for _ in range(2):
        loom.init("auto", cache_dir=str(tmp_path))
        cached = square.options(cache=True).bind(12)
        it = loom.submit([cached, square.bind(3)], detach=True).id
        assert it is not None
        loom.shutdown()
        loom.init("auto")
        assert loom.attach(it).gather(30) == [144, 9]
        loom.shutdown()


def test_what_failed_of_a_detached_plan_is_run_again_and_kept(
    gate: Callable[[str], Gate],
) -> None:
    """By the program that has its tasks; others find the new results."""
    loom.init("auto")
    handle = loom.submit([add.bind(needs.bind(gate("go"), 1), 1), add.bind(5)], detach=True)
    assert handle.id is not None
    assert handle.wait(30)
    (failure,) = loom.attach(handle.id).failures()
    assert failure.path == ("needs", "add")
    gate("go").open()
    assert handle.retry_failed() == 1
    it = handle.id
    del handle
    assert loom.attach(it).gather(30) == [2, 5]


def test_who_takes_a_plan_up_has_all_that_its_program_had(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    """Its program is gone: tasks are named by labels, or are those of the plan as it was."""
    it = submit_from(head, gate("go"), "fails")
    loom.init("auto")
    handle = loom.attach(it)
    assert handle.wait(30)
    assert repr(handle) == f"<plan {it} of 4 tasks: 4 of 4 results, 2 failed>"
    (failure,) = handle.failures()
    assert (failure.label, failure.path, failure.results) == (
        "the bad one", ("the bad one",), 2,
    )  # fmt: skip
    assert "in needs" in "".join(failure.error.remote_traceback)  # type: ignore[attr-defined]
    assert (handle.state("the bad one"), handle.state("both")) == ("failed", "finished")
    assert [loom.get(ref) for ref in handle.ref("both")] == [7, -7]
    assert isinstance(handle.future("the bad one").exception(30), KeyError)
    with pytest.raises(ValueError, match=r"2 tasks of this plan are named 'add'.*handle\.plan"):
        handle.state("add")
    with pytest.raises(
        ValueError, match=r"no task.*is named 'x'; there are: the bad one, both, add"
    ):
        handle.ref("x")
    assert str(handle.plan.explain()).startswith("4 tasks (2 add, 1 ")
    total = handle.plan.wanted[0]
    assert handle.ref(total) == handle.results[0]
    gate("go").open()
    other = loom.attach(it)
    assert handle.retry_failed() == 2
    assert handle.fetch(30) == [10, [7, -7], 3]
    assert other.retry_failed() == 0
    assert other.fetch(30) == [10, [7, -7], 3]
    handle.release()
    assert handle.progress() == (4, 0, 4, 4, 0)
    assert repr(handle).endswith("4 of 4 results, released>")


def test_what_failed_is_run_again_from_the_command_line(
    head: Home, gate: Callable[[str], Gate], capsys: pytest.CaptureFixture[str]
) -> None:
    def retry(what: str, *more: str, exits: int = 0) -> str:
        loom.shutdown()
        assert main(["retry", what, "--failed", *more]) == exits
        out, err = capsys.readouterr()
        loom.init("auto")
        return err if exits else out

    it = submit_from(head, gate("go"), "fails")
    loom.init("auto")
    assert loom.attach(it).wait(30)
    gate("go").open()
    again = json.loads(retry(it[:8], "--json"))
    assert again == {"plans": [{"id": it, "retried": 2}], "failed_elsewhere": 0}
    handle = loom.attach(it)
    assert handle.fetch(30) == [10, [7, -7], 3]
    assert retry(it) == retry("last") == "nothing failed so far\n"
    loom.attach(it).release()
    assert "loom ls plans lists" in retry(it, exits=1)


def test_a_plan_too_large_to_be_kept_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "KEPT_BYTES", 1000)
    loom.init("auto")
    it = loom.submit([fails.bind(1), zeros.bind(bytes(2000))], detach=True).id
    assert it is not None
    handle = loom.attach(it)
    assert handle.wait(30)
    for use in (handle.retry_failed, lambda: handle.state("fails"), lambda: handle.plan):
        with pytest.raises(errors.ObjectLost, match="known only to the program"):
            use()
    assert [failure.label for failure in handle.failures()] == ["fails"]
    handle.release()


def test_a_plan_is_stopped_by_its_first_failure_without_its_program(
    head: Home, gate: Callable[[str], Gate]
) -> None:
    """It was killed before; whoever takes the plan up hears of the failure all the same."""
    it = submit_from(head, gate("go"), "stops")
    loom.init("auto")
    handle = loom.attach(it)
    assert not handle.wait(0)
    gate("go").open()
    assert handle.wait(30)
    with pytest.raises(KeyError):
        handle.fetch()
    (failure,) = handle.failures()
    assert (failure.label, failure.results) == ("the bad one", 2)
    handle.release()


def test_large_results_stay_until_they_are_released(head: Home) -> None:
    loom.init("auto")
    it = loom.submit([zeros.bind(1 << 20)], detach=True).id
    assert it is not None
    loom.shutdown()
    loom.init("auto")
    handle = loom.attach(it)
    assert len(handle.fetch(30)[0]) == 1 << 20
    assert head.status()["node"]["store"]["used"] > 1 << 20
    handle.release()
    wait_until(lambda: head.status()["node"]["store"]["used"] == 0)


def test_a_task_may_take_up_a_plan(head: Home, gate: Callable[[str], Gate]) -> None:
    @loom.task
    def finishes(it: str) -> Any:
        handle = loom.attach(it)
        more = add.remote(handle.results[0], 1)
        return handle.fetch(30), loom.get(more, timeout=30)

    gate("go").open()
    it = submit_from(head, gate("go"))
    loom.init("auto")
    assert loom.get(finishes.remote(it), timeout=40) == (ANSWER, 47)
    loom.attach(it).release()


def test_who_visited_a_job_does_not_keep_it(head: Home, gate: Callable[[str], Gate]) -> None:
    """Its program is gone, and its only plan is released; this process lives on."""
    gate("go").open()
    it = submit_from(head, gate("go"))
    mine = loom.init("auto").job_id
    handle = loom.attach(it)
    assert handle.gather(30) == ANSWER
    wait_until(lambda: [job["job"] for job in head.jobs()] == [mine], 20)
    assert loom.get(add.remote(1, 2)) == 3


def test_what_is_no_id_is_refused() -> None:
    loom.init("auto")
    for wrong in ("", "abc", "xyz", "ab" * 9):
        with pytest.raises(ValueError, match=r"is no id: a plan has 20 hexadecimal digits"):
            loom.attach(wrong)
    with pytest.raises(TypeError, match="which is text, not 3"):
        loom.attach(3)  # type: ignore[arg-type]


def test_an_unknown_id_is_answered_with_what_there_is() -> None:
    loom.init("auto")
    for unknown in ("ab" * 10, "ab" * 4, loom.context().job_id + "ab" * 6):
        with pytest.raises(errors.NotFound, match="Nothing can be there"):
            loom.attach(unknown)
    handle = loom.submit([add.bind(1)], label="the sum", detach=True)
    with pytest.raises(errors.NotFound, match=f"{handle.id} the sum"):
        loom.attach("ab" * 10)
    handle.release()


@pytest.mark.parametrize("mode", ["cluster", "inline"])
def test_where_nothing_outlives_the_program_nothing_can_be_detached(mode: Any) -> None:
    loom.init("local", num_cpus=1, mode=mode)
    with pytest.raises(ValueError, match=r"loom start --head.*Nothing was submitted"):
        loom.submit([add.bind(1)], detach=True)
    if mode == "inline":
        with pytest.raises(RuntimeError, match="cannot be reached from an inline session"):
            loom.attach("ab" * 10)
    loom.shutdown()
