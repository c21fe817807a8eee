"""Why a task waits, where there are several answers."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.cli.main import main
from hyperloom.core import current
from hyperloom.gcs import codes, keys
from hyperloom.ids import short
from hyperloom.watch import objects, reasons
from tests.cluster.api.gate import Gate
from tests.cluster.gated import waits
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from hyperloom.watch.cluster import Cluster

pytestmark = pytest.mark.slow


@loom.task
def merge(*parts: str) -> int:
    return len(parts)


def test_of_several_inputs_the_one_that_will_not_come_is_followed(
    cluster: Cluster, tmp_path: Path
) -> None:
    log, go_on = Gate(tmp_path / "log"), Gate(tmp_path / "go_on")
    runs = waits.remote(go_on, log)
    wait_until(log.notes)
    never = merge.options(num_cpus=50).remote()
    merged = merge.remote(runs, never)
    try:
        current.session().settle()
        line, cause = reasons.explain(cluster, merged.binary()[:16])
        assert (line["why"], len(line["lacks"])) == ("inputs", 2)
        assert (cause["why"], cause["task"]) == ("too-large", never.binary()[:16].hex())
        loom.cancel(never)
        wait_until(lambda: len(reasons.explain(cluster, merged.binary()[:16])) == 2)
        line, cause = reasons.explain(cluster, merged.binary()[:16])
        assert (cause["why"], cause["task"]) == ("running", runs.binary()[:16].hex())
        job = bytes(current.session().job)
        (cancelled,) = objects.table(cluster, [job], None, 10)["objects"]
        assert (cancelled["id"], cancelled["name"]) == (never.hex(), "merge")
    finally:
        go_on.open()
        loom.cancel(merged)
    assert loom.get(runs, timeout=20)


@loom.task
def count(n: int) -> Any:
    yield from range(n)


@loom.actor
class Counter:
    def count(self, n: int) -> Any:
        yield from range(n)


@loom.task
def reads_two(log: Gate, gate: Gate) -> int:
    """A worker that reads a stream, and for a while does not go on."""
    items = count.options(num_cpus=0, num_returns="streaming", stream_ahead=3).remote(20)
    total = sum(loom.get(next(items)) for _ in range(2))
    log.note(items.completed().hex())
    gate.pass_through()
    return total + sum(loom.get(item) for item in items)


def _paused(capsys: pytest.CaptureFixture[str], task: str) -> dict[str, Any]:
    """The last line of ``loom why``, as soon as the stream is as far ahead as it may be."""

    def line() -> dict[str, Any]:
        assert main(["why", task, "--json"]) == 0
        last: dict[str, Any] = json.loads(capsys.readouterr().out)[-1]
        return last

    wait_until(lambda: line()["why"] == "paused")
    return line()


@pytest.mark.parametrize("of_actor", [False, True])
def test_a_stream_that_is_ahead_of_its_reader_says_who_has_to_read(
    cluster: Cluster, capsys: pytest.CaptureFixture[str], *, of_actor: bool
) -> None:
    del cluster
    options = {"num_returns": "streaming", "stream_ahead": 4}
    actor = Counter.remote() if of_actor else None
    made = (actor.count if actor else count).options(**options).remote(30)
    assert loom.get([next(made) for _ in range(3)]) == [0, 1, 2]
    line = _paused(capsys, made.completed().hex())
    assert (
        "4 items are made and not taken, as far as it may be ahead (stream_ahead=4)" in line["says"]
    )
    assert f"(pid {os.getpid()}), which has taken 3" in line["says"]
    assert "it goes on when its reader takes the next one" in line["advice"]
    if actor is not None:
        _is_shown_of_the_actor(capsys, made.completed().hex())
    assert loom.get(list(made)) == list(range(3, 30)), "it went on"
    assert main(["why", made.completed().hex(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["why"] != "paused"


def _is_shown_of_the_actor(capsys: pytest.CaptureFixture[str], call: str) -> None:
    assert main(["ls", "actors", "--filter", "class=Counter", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["actors"]
    assert (row["answering"], row["paused"], row["waiting"]) == (1, 1, 0)
    assert main(["ls", "actors"]) == 0
    assert "paused" in capsys.readouterr().out
    assert main(["why", row["id"], "--json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)
    name = short(bytes.fromhex(call)[:16])
    says = f"1 of them is paused: what reads the items of {name} has to take the next one"
    assert says in line["says"]
    assert line["advice"] == f"loom why {name} tells who reads"


def test_of_a_stream_that_a_task_reads_the_worker_is_named(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del cluster
    log, go_on = Gate(tmp_path / "log"), Gate(tmp_path / "go_on")
    read = reads_two.remote(log, go_on)
    try:
        wait_until(log.notes)
        line = _paused(capsys, log.notes()[0])
        node = loom.nodes()[0]["node"]
        assert f" on node {node[:8]}, which has taken 2" in line["says"]
        assert "of its reader, worker " in line["says"]
    finally:
        go_on.open()
    assert loom.get(read, timeout=30) == sum(range(20))


def test_a_placement_group_is_shown_with_why_it_has_no_place(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    large, small = (loom.placement_group([{"CPU": cpus}], name=f"of {cpus}") for cpus in (30, 1))
    try:
        small.wait(20)
        assert main(["show", large.id, "--json"]) == 0
        about = json.loads(capsys.readouterr().out)
        kept = {key: about[key] for key in ("id", "name", "state", "strategy", "why")}
        assert kept == {
            "id": large.id, "name": "of 30", "state": "PENDING", "strategy": "PACK",
            "why": "too-large",
        }  # fmt: skip
        assert about["bundles"] == [
            {"index": 0, "takes": {"CPU": 30.0}, "node": about["bundles"][0]["node"], "held": False}
        ]
        assert main(["show", large.id[:6]]) == 0
        shown = capsys.readouterr().out.splitlines()
        assert "name          of 30" in shown
        (says,) = [line for line in shown if line.startswith("says ")]
        assert "is more than the nodes that there are could keep" in says
        (advice,) = [line for line in shown if line.startswith("advice ")]
        assert "ask for less, or add nodes" in advice
        assert main(["show", small.id, "--json"]) == 0
        about = json.loads(capsys.readouterr().out)
        assert (about["state"], about["why"]) == ("CREATED", "done")
        (bundle,) = about["bundles"]
        assert (bundle["node"], bundle["held"]) == (loom.nodes()[0]["node"], True)
        for state, group in (("created", small), ("pending", large)):
            assert main(["ls", "groups", "--state", state, "--json"]) == 0
            (row,) = json.loads(capsys.readouterr().out)["groups"]
            assert row["id"] == group.id
    finally:
        loom.remove_placement_group(large)
        loom.remove_placement_group(small)
    wait_until(lambda: cluster.control_plane.groups() == [])


def test_what_another_version_wrote_is_told(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    wire = cluster.control_plane.wire
    stream = keys.EVENTS.name(keys.job_namespace(bytes(current.session().job)))
    entry = wire.call("XADD", stream, "*", codes.RAN, b"\x01")
    try:
        assert main(["ls", "tasks", "--state", "done"]) == 1
        said = capsys.readouterr().err
        assert "was written by another version of HyperLoom than this" in said
        assert "loom clean --all" in said
    finally:
        wire.call("XDEL", stream, entry)
    assert main(["ls", "tasks", "--state", "done"]) == 0
