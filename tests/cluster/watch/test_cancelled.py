"""What was cancelled is told apart, and at once: not as what failed, and not as what is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import ids
from hyperloom.core import current
from hyperloom.errors import GetTimeout
from hyperloom.watch import errors
from hyperloom.watch.exposition import Collector
from tests.cluster.watch.own_jobs import own_cluster  # noqa: F401 - the fixture `cluster`
from tests.waiting import wait_until

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster

pytestmark = pytest.mark.slow


@loom.task(num_cpus=50)
def nowhere(x: int) -> int:
    return x


@loom.task(num_cpus=50)
def elsewhere(x: int) -> int:
    return x


@loom.task(num_cpus=0)
def fails(x: int) -> int:
    raise ValueError(x)


@loom.task(num_cpus=0)
def takes(x: int) -> int:
    return x


@pytest.fixture
def job(cluster: Cluster) -> str:
    del cluster
    return current.session().job.hex()


def standing(loom_: Any, job: str) -> tuple[int, ...]:
    """What status, top and the metrics have of a job, which is the same."""
    current.session().settle()
    (row,) = [row for row in loom_("top", "--json")["jobs"] if row["job"] == job]
    figures = tuple(row[state] for state in ("waiting", "ready", "held"))
    (session,) = loom_("status", "--json")["sessions"]
    (told,) = [row for row in session["cluster"]["jobs"] if row["job"] == job]
    assert tuple(told[state] for state in ("waiting", "ready", "held")) == figures
    return figures


def metric(cluster: Cluster, family: str) -> dict[tuple[str, str], float]:
    """By name, and state or what became of it; those that are not 0."""
    (found,) = [each for each in Collector(cluster).collect() if each.name == family]
    return {
        (s.labels["name"], s.labels.get("state") or s.labels["what"]): s.value
        for s in found.samples
        if s.value and s.name != f"{family}_created"
    }


def names(loom_: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in loom_("ls", "names", "--json")["names"]}


def test_nobody_reads_the_queue_of_what_is_cancelled(
    cluster: Cluster, loom_: Any, job: str
) -> None:
    """Tasks, a map and a plan for which no node has room, so that nothing meets their entries."""
    single = [nowhere.remote(n) for n in range(5)]
    behind = takes.remote(single[0])
    mapped = elsewhere.map(range(600), chunk=1)
    lacking = nowhere.bind_map(list(range(300)))
    plan = loom.submit([lacking, takes.bind_map([lacking[n] for n in range(4)])])
    assert standing(loom_, job) == (5, 905, 0)
    assert metric(cluster, "loom_tasks_now") == {
        ("nowhere", "ready"): 305, ("elsewhere", "ready"): 600, ("takes", "waiting"): 5,
    }  # fmt: skip
    plan.cancel()
    wait_until(lambda: standing(loom_, job) == (1, 605, 0))
    loom.cancel(mapped[7])
    assert standing(loom_, job) == (1, 604, 0)
    for ref in (*mapped, *single):
        loom.cancel(ref)
    with pytest.raises(loom.errors.TaskCancelled):
        loom.get(behind)
    wait_until(lambda: standing(loom_, job) == (0, 0, 0))
    assert metric(cluster, "loom_tasks_now") == {}
    told = names(loom_)
    assert [(told[n]["cancelled"], told[n]["failed"], told[n]["left"]) for n in told] == [
        (305, 0, 0), (5, 0, 0), (600, 0, 0),
    ]  # fmt: skip
    counted = metric(cluster, "loom_tasks")
    assert (counted["nowhere", "cancelled"], ("nowhere", "failed") in counted) == (305, False)


def test_what_was_cancelled_has_not_failed(cluster: Cluster, loom_: Any, job: str) -> None:
    """Nobody is sent to look for errors that there are not, nor shown anything red."""
    (row,) = [row for row in loom_("ls", "jobs", "--json")["jobs"] if row["job"] == job]
    before = row["cancelled"]
    refs = [nowhere.remote(n) for n in range(57)]
    for ref in refs:
        loom.cancel(ref)
    assert standing(loom_, job) == (0, 0, 0)
    (row,) = [row for row in loom_("ls", "jobs", "--json")["jobs"] if row["job"] == job]
    assert (row["failed"], row["cancelled"] - before, row["left"]) == (0, 57, 0)
    (head,) = loom_("why", job, "--json")
    assert head["says"].endswith(f"{row['cancelled']} cancelled")
    assert "failed" not in head["says"]
    assert head["advice"] == ""
    assert loom_("ls", "errors", "--job", job).endswith("no errors\n")
    shown = loom_("ls", "jobs").splitlines()
    assert "cancelled" in shown[0].split()
    assert str(row["cancelled"]) in shown[1].split()
    assert "cancelled" in loom_("top", "--once").split()
    assert f"; {row['cancelled']} cancelled\n" in loom_("status")
    kept = loom_("ls", "objects", "--job", job, "--limit", "0", "--json")["matched"]
    table = loom_("ls", "objects", "--job", job, "--limit", f"{kept}", "--json")["objects"]
    states = {row["id"]: row["state"] for row in table}
    assert {states[ref.hex()] for ref in refs} == {"CANCELLED"}
    assert [row["failed"] for row in loom_("memory", "--job", job, "--json")["created"]] == [0]
    assert loom_("show", refs[0].hex(), "--json")["state"] == "CANCELLED"
    failing = [fails.remote(n) for n in range(3)]
    loom.wait(failing, num_returns=3)
    wait_until(lambda: bool(errors.of_job(cluster, bytes.fromhex(job))))
    says = loom_("why", job, "--json")[0]
    assert says["says"].endswith(f"3 failed, {row['cancelled']} cancelled")
    assert says["advice"] == f"see what failed: loom ls errors --job {job}"


def test_what_ran_and_was_told_to_stop_is_cancelled(loom_: Any, job: str) -> None:
    (row,) = [row for row in loom_("ls", "jobs", "--json")["jobs"] if row["job"] == job]
    ref = stops.remote()
    wait_until(lambda: loom_("ls", "tasks", "--state", "running", "--json")["matched"] == 1)
    behind = takes.remote(ref)
    loom.cancel(ref)
    loom.wait([ref, behind], num_returns=2)
    current.session().settle()
    (now,) = [row for row in loom_("ls", "jobs", "--json")["jobs"] if row["job"] == job]
    assert (now["failed"], now["cancelled"]) == (row["failed"], row["cancelled"] + 2)
    told = loom_("ls", "tasks", "--filter", "name=stops", "--json")["tasks"]
    wait_until(
        lambda: (
            [
                row["state"]
                for row in loom_("ls", "tasks", "--filter", "name=stops", "--json")["tasks"]
            ]
            == ["CANCELLED"]
        ),
        what=f"its end is told, not {told}",
    )
    assert "stops" not in loom_("ls", "errors")


@loom.task(num_cpus=0)
def stops() -> None:
    import time  # noqa: PLC0415

    while True:
        time.sleep(0.01)  # the task runs until it is stopped


def test_what_takes_from_a_cancelled_task_is_told_to_end_so(loom_: Any, job: str) -> None:
    """1. A task is cancelled.  2. What takes its result is ready, and no node has room for it."""
    refs = {"CANCELLED": nowhere.remote(1), "FAILED": fails.remote(2)}
    takers = {state: elsewhere.remote(ref) for state, ref in refs.items()}
    loom.cancel(refs["CANCELLED"])
    wait_until(lambda: standing(loom_, job)[0] == 0)
    shown = {
        row["id"]: row
        for row in loom_("ls", "tasks", "--filter", "name=elsewhere", "--json")["tasks"]
    }
    for state, taker in takers.items():
        row = shown[taker.hex()[:32]]
        became = {"CANCELLED": "was cancelled", "FAILED": "failed"}[state]
        made = ids.short(refs[state].binary())
        assert (row["state"], row["error"]) == (state, f"takes {made}, which {became}")
        line, cause = loom_("why", taker.hex(), "--json")
        assert (line["state"], line["why"], cause["state"]) == (state, "input-ended", state)
        assert line["says"] == (
            f"does not run: what it takes from {made} {became}, and so it ends, too, as soon as a "
            "node has room to take it"
        )
        assert loom_("show", taker.hex()[:32], "--json")["state"] == state
        with pytest.raises(GetTimeout, match=f"does not run: what it takes from .* {became}"):
            loom.get(taker, timeout=0.01)
    kinds = {line["says"] for line in loom_("why", job, "--json") if line["name"] == "elsewhere"}
    assert len(kinds) == 2
    for taker in takers.values():
        loom.cancel(taker)
