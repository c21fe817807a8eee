"""Actors and their calls, as people are shown them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.cli.main import main
from hyperloom.core import current
from hyperloom.watch import actors, objects, reasons, stacks, tasks
from hyperloom.watch.errors import of_job
from tests.cluster.api.gate import Gate
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from hyperloom.watch.cluster import Cluster

pytestmark = pytest.mark.slow


@loom.actor
class Slow:
    def ping(self) -> int:
        return 1

    def wait(self, log: Gate, gate: Gate) -> int:
        log.note("waits")
        gate.pass_through()
        return 1


def test_an_actor_its_calls_and_why_they_wait(cluster: Cluster, tmp_path: Path) -> None:
    log, go_on = Gate(tmp_path / "log"), Gate(tmp_path / "go_on")
    job = bytes(current.session().job)
    before = sum(row["submitted"] for row in tasks.names(cluster, job))
    wait_until(lambda: actors.actors(cluster, [job]) == [])  # those of an earlier test
    done, failed = _counts(cluster, job, "Slow")
    one = Slow.options(name="one").remote()
    calls = [one.wait.remote(log, go_on) for _ in range(30)]
    try:
        wait_until(log.notes)
        (row,) = actors.actors(cluster, [job])
        assert (row["state"], row["restarts"], row["detached"]) == ("ALIVE", 0, False)
        assert row["name"].endswith("one")
        assert row["node"] == loom.nodes()[0]["node"]
        for text in ("one", f"{row['namespace']}/one"):
            assert cluster.find(text) == ("task", bytes.fromhex(row["id"]))
        assert (row["answering"], row["waiting"]) == (1, 29)
        told = tasks.table(
            cluster,
            [job],
            lambda row: row["name"] == "Slow.wait",
            100,
            frozenset(["RUNNING", "HELD"]),
        )
        assert [each["state"] for each in told["tasks"]] == ["RUNNING"] + ["HELD"] * 29
        first = calls[0].hex()[:32]
        run = told["tasks"][0]
        assert (run["id"], run["node"], run["attempt"]) == (first, row["node"], 1)
        assert run["seconds"] > 0
        (told,) = stacks.stacks(cluster, cluster.find(first))
        assert (told["pid"], "in wait" in told["told"]) == (run["pid"], True)

        last = calls[-1].binary()[:16]
        (line,) = reasons.explain(cluster, last)
        says = "waits for its turn at its actor: 28 calls are before it, and Slow.wait ("
        assert (line["why"], line["says"].startswith(says)) == ("behind", True)
        with pytest.raises(errors.GetTimeout) as info:
            loom.get(calls[-1], timeout=0.1)
        assert says in str(info.value)
        total = tasks.names(cluster, job)
        assert sum(row["submitted"] for row in total) == before + 31
        assert all(row["left"] >= 0 for row in total)
    finally:
        go_on.open()
    assert loom.get(calls) == [1] * 30
    over = bytes.fromhex(row["id"])
    del one
    wait_until(lambda: actors.actors(cluster, [job]) == [])
    (row,) = [row for row in actors.ended(cluster, [job]) if row["id"] == over.hex()]
    assert (row["class"], row["state"]) == ("Slow", "DEAD")
    assert (row["error"], row["ended"] > 0) == ("nobody had a handle any more", True)
    (row,) = [row for row in _rows(cluster, job, "Slow") if row["id"] == over.hex()]
    assert (row["state"], row["error"]) == ("DONE", "nobody had a handle any more")
    assert _counts(cluster, job, "Slow") == (done + 1, failed), "it has not failed"
    with pytest.raises(errors.NotFound, match="no actor that lives has this name"):
        cluster.find("one")


def _rows(cluster: Cluster, job: bytes, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = tasks.table(
        cluster, [job], lambda row: row["name"] == name, 100
    )["tasks"]  # fmt: skip
    return rows


def _counts(cluster: Cluster, job: bytes, name: str) -> tuple[int, int]:
    """Done and failed."""
    counted = {row["name"]: (row["done"], row["failed"]) for row in tasks.names(cluster, job)}
    return counted.get(name, (0, 0))


def test_an_actor_that_was_killed_is_shown_with_what_it_died_of(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    job = bytes(current.session().job)
    wait_until(lambda: actors.actors(cluster, [job]) == [])  # those of an earlier test
    done, failed = _counts(cluster, job, "Slow")
    one = Slow.options(name="killed").remote()
    assert loom.get(one.ping.remote(), timeout=20) == 1
    (alive,) = actors.actors(cluster, [job])
    assert main(["kill", "killed"]) == 0
    wait_until(lambda: actors.actors(cluster, [job]) == [])
    row = actors.ended(cluster, [job])[-1]
    assert (row["id"], row["state"]) == (alive["id"], "DEAD")
    assert row["error"].startswith("it was killed")
    assert _counts(cluster, job, "Slow") == (done, failed + 1)
    assert [each["state"] for each in _rows(cluster, job, "Slow")].count("FAILED") == failed + 1
    rows = objects.table(cluster, [job], lambda of: of["id"].startswith(row["id"]), 10)["objects"]
    (kept,) = rows
    assert (kept["name"], kept["state"]) == ("Slow", "FAILED")
    capsys.readouterr()
    assert main(["ls", "actors"]) == 0
    shown = capsys.readouterr().out
    assert row["short"] not in shown
    assert " over; --all shows them too" in shown
    for words in (["--all"], ["--state", "dead"]):
        assert main(["ls", "actors", *words]) == 0
        shown = capsys.readouterr().out
        assert row["short"] in shown
        assert "it was killed" in shown
    assert main(["ls", "actors", "--state", "failed"]) == 2
    assert "they are PENDING, ALIVE or DEAD" in capsys.readouterr().err
    assert main(["ls", "tasks", "--all"]) == 2
    assert main(["kill", "killed"]) == 1
    assert "no actor that lives has this name" in capsys.readouterr().err


def test_an_actor_that_waits_for_calls_shows_nothing_of_ours(cluster: Cluster) -> None:
    one = Slow.remote()
    assert loom.get(one.ping.remote()) == 1
    (row,) = actors.actors(cluster, [bytes(current.session().job)])
    found = cluster.find(row["id"])
    (told,) = stacks.stacks(cluster, found)
    assert "(it waits for a task)" in told["told"]
    assert "File" not in told["told"]
    told = stacks.profile(cluster, found, 0.2)
    assert [frame["name"] for frame in told["shared"]["frames"]] == ["it waits for work"]
    del one


def test_calls_that_were_lost_with_their_actor_are_shown(cluster: Cluster, tmp_path: Path) -> None:
    log, go_on = Gate(tmp_path / "log"), Gate(tmp_path / "go_on")
    job = bytes(current.session().job)
    one = Slow.remote()
    calls = [one.wait.remote(log, go_on) for _ in range(300)]
    wait_until(log.notes)
    loom.kill(one)
    for ref in calls:
        with pytest.raises(errors.ActorDied):
            loom.get(ref)
    ran, waited = (ref.binary()[:16] for ref in (calls[0], calls[-1]))
    steps = [
        [step["what"] for step in reasons.show(cluster, task)["steps"]] for task in (ran, waited)
    ]
    assert [told[-1] for told in steps] == [
        "its actor was lost, and it may have run",
        "its actor was lost before it ran",
    ]
    (line,) = reasons.explain(cluster, waited)
    assert (line["name"], line["why"]) == ("Slow.wait", "failed")
    assert "it was killed by loom.kill" in line["says"]
    told = tasks.table(
        cluster, [job], lambda row: row["name"] == "Slow.wait", 1000, frozenset({"FAILED"})
    )
    assert len(told["tasks"]) == 300
    assert [group["count"] for group in of_job(cluster, job)] == [300]
