"""What is told of plans: each task counts once, whatever became of it, in plans large and small.

Here a plan of five tasks is as large as one of 20,000 elsewhere, where the test says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.plan import detaching
from hyperloom.watch import plans, standing
from hyperloom.watch.followed import Followed
from tests.cluster.api.gate import Gate
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.standing import Standing

pytestmark = pytest.mark.slow


@loom.task
def add(*parts: int) -> int:
    return sum(parts)


@loom.task
def passes(gate: Gate, x: int = 0) -> int:
    gate.pass_through()
    return x


@loom.task
def further(x: int) -> Any:
    """Goes on as another."""
    return add.bind(x, 1)


@loom.task(max_retries=0)
def needs(gate: Gate, x: int) -> int:
    if not gate.is_open:
        raise ValueError("it is closed")
    return x


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detaching, "COUNTED_FROM", 5)


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any job has more tasks left than are looked at."""
    monkeypatch.setattr(standing, "_LOOKED_AT", 0)


@pytest.fixture
def beside(cluster: Cluster) -> None:
    """The job has a task beside its plans."""
    del cluster
    assert loom.get(add.remote(1)) == 1


def told(loom_: Any, plan: str, *names: str) -> list[int]:
    about = loom_("show", plan, "--json")
    assert (
        about["tasks_done"] + about["tasks_failed"] + about["left"] + about["untold"]
        == about["tasks"]
    )
    rows = {row["name"]: row for row in about["names"]}
    for row in rows.values():
        assert row["done"] + row["failed"] + row["left"] == row["submitted"]
    return [about[name] for name in names]


COUNTS = ("tasks", "left", "tasks_done", "tasks_failed")


@pytest.mark.usefixtures("large", "crowded", "beside")
@pytest.mark.parametrize("number", [4, 5, 300])
def test_the_parts_of_a_plan_are_the_whole(loom_: Any, tmp_path: Path, number: int) -> None:
    """Small, large, and large as a range of which some are taken."""
    gate = Gate(tmp_path / "gate")
    wanted = [add.bind_map(range(number - 1)), passes.bind(gate)]
    plan = loom.Plan(wanted).submit()
    loom.wait(plan.results[0], num_returns=number - 1)
    wait_until(lambda: told(loom_, plan.id, *COUNTS) == [number, 1, number - 1, 0], 20)
    (row,) = [row for row in loom_("ls", "plans", "--json")["plans"] if row["id"] == plan.id]
    assert (row["tasks"], row["left"]) == (number, 1)
    head = loom_("why", plan.id, "--json")[0]
    assert head["says"] == f"has 1 of {number} tasks left: 1 running"
    gate.open()
    plan.wait()
    wait_until(lambda: told(loom_, plan.id, *COUNTS) == [number, 0, number, 0], 20)
    plan.release()


@pytest.mark.usefixtures("large", "beside")
def test_a_task_that_went_on_as_another_counts_once(loom_: Any) -> None:
    plan = loom.Plan([further.bind_map(range(40))]).submit()
    assert plan.fetch() == [[n + 1 for n in range(40)]]
    assert told(loom_, plan.id, *COUNTS, "untold") == [40, 0, 40, 0, 0]
    rows = {row["name"]: row["submitted"] for row in loom_("show", plan.id, "--json")["names"]}
    assert rows == {"further": 40, "add": 40}
    plan.release()


@pytest.mark.usefixtures("large", "beside")
@pytest.mark.parametrize("events", ["told", "dropped"])
def test_what_is_run_again_counts_too(
    loom_: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: str
) -> None:
    if events == "dropped":  # the counts need none
        monkeypatch.setattr(Followed, "take", lambda *_: None)
    gate = Gate(tmp_path / "gate")
    plan = loom.Plan([add.bind_map(range(30)), *[needs.bind(gate, n) for n in range(3)]]).submit()
    assert plan.wait()
    assert told(loom_, plan.id, *COUNTS) == [33, 0, 30, 3]
    gate.open()
    assert plan.retry_failed() == 3
    assert plan.wait()
    assert told(loom_, plan.id, *COUNTS, "run_again") == [36, 0, 33, 3, 3]
    plan.release()


@pytest.mark.usefixtures("large", "beside")
def test_what_failed_is_told_where_not_all_results_are_looked_at(
    loom_: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large plan the results that failed may be among the others."""
    monkeypatch.setattr(standing, "RESULTS", 2)
    gate = Gate(tmp_path / "gate")
    plan = loom.Plan([*[add.bind(n) for n in range(5)], needs.bind(gate, 1)]).submit()
    assert plan.wait()
    wait_until(lambda: told(loom_, plan.id, *COUNTS) == [6, 0, 5, 1], 20)
    (head,) = loom_("why", plan.id, "--json")
    assert head["says"] == "is over: 2 of the 2 results looked at are there; 1 task failed"
    assert head["advice"] == f"see what failed: loom show {plan.id}"
    wait_until(lambda: loom_("show", plan.id, "--json")["errors"], 20, what="errors come later")
    (failure,) = loom_("show", plan.id, "--json")["errors"]
    assert failure["such_as"] == failure["tasks"][0]["short"]
    assert "ValueError: it is closed" in loom_("show", plan.id)
    plan.release()


@pytest.mark.usefixtures("large", "beside")
def test_two_plans_of_one_function_have_counts_of_their_own(loom_: Any, tmp_path: Path) -> None:
    gates = [Gate(tmp_path / name) for name in "ab"]
    both = [loom.Plan([passes.bind(gate, n) for n in range(6)]).submit() for gate in gates]
    gates[0].open()
    both[0].wait()
    assert [told(loom_, plan.id, *COUNTS) for plan in both] == [[6, 0, 6, 0], [6, 6, 0, 0]]
    gates[1].open()
    both[1].wait()
    assert [told(loom_, plan.id, *COUNTS) for plan in both] == [[6, 0, 6, 0]] * 2
    for plan in both:
        plan.release()


@pytest.mark.usefixtures("beside")
def test_a_task_that_is_left_and_told_to_be_over_counts_once(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. Somebody looks at what is left.  2. A task ends.  3. They read the events: it is done.

    It was one of the done and one of those that are left, of three tasks four.
    """
    gate = Gate(tmp_path / "gate")
    plan = loom.Plan([add.bind(1), add.bind(2), passes.bind(gate)]).submit()
    assert plan.id is not None
    loom.wait(plan.results[:2], num_returns=2)
    followed = Followed(bytes.fromhex(plan.id))
    wait_until(lambda: followed.look(cluster)["tasks_done"] == 2, 20)
    _, record = plans.found(cluster, followed.plan)
    before = standing.look(cluster, followed.plan, record)
    assert before.left == 1
    gate.open()
    plan.wait()
    wait_until(lambda: followed.look(cluster)["tasks_done"] == 3, 20)

    def stale(*_: object) -> Standing:
        return before

    monkeypatch.setattr(standing, "look", stale)
    about = followed.look(cluster)
    assert [about[name] for name in (*COUNTS, "untold")] == [3, 1, 2, 0, 0]
    rows = {row["name"]: (row["submitted"], row["done"], row["left"]) for row in about["names"]}
    assert rows == {"add": (2, 2, 0), "passes": (1, 0, 1)}
    plan.release()


@pytest.mark.usefixtures("crowded", "beside")
def test_so_many_small_plans_are_looked_at_the_latest_first(
    loom_: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_OF_PLANS", 5)
    gate = Gate(tmp_path / "gate")
    both = [loom.Plan([passes.bind(gate, n) for n in range(3)]).submit() for _ in range(2)]
    rows = {row["id"]: (row["left"], row["left_text"])
            for row in loom_("ls", "plans", "--json")["plans"]}  # fmt: skip
    assert rows == {both[0].id: (None, "not looked at"), both[1].id: (3, "3")}
    assert "not looked at" in loom_("ls", "plans")
    gate.open()
    for plan in both:
        plan.gather()


def test_a_task_that_was_taken_of_a_range_is_not_left_with_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    """What the tasks of a range have in common stands there as long as one of them is left."""
    live, job = cluster.control_plane, bytes(current.session().job)
    first, others = Gate(tmp_path / "first"), Gate(tmp_path / "others")
    plan = loom.Plan([passes.bind_map([first] + [others] * 199)]).submit()
    first.open()
    loom.get(plan.results[0][0])
    tasks = [ref.binary()[:16] for ref in plan.results[0]]
    records = live.records(job, [tasks[0], tasks[-1]])
    assert [record is None for record in records] == [True, False]
    others.open()
    plan.gather()
