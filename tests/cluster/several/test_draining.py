"""A node that is drained leaves without anything being lost."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.cli.main import main
from hyperloom.core import current
from hyperloom.raylet.node import NodeSettings
from hyperloom.testing import Cluster
from tests.cluster.api.gate import Gate
from tests.cluster.several.tasks import MIB, alive, make, on, where
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """The driver's node stays; others come, and are drained."""
    with Cluster(nodes=1, beat_s=0.1, check=True) as cluster, cluster.connect():
        yield cluster


@loom.task
def wait_for_file(path: str) -> str:
    Gate(Path(path)).pass_through()
    return loom.context().node_id


@loom.actor(max_restarts=0)
class Counter:
    def __init__(self) -> None:
        self.n = 0

    def add(self) -> tuple[int, str]:
        self.n += 1
        return self.n, loom.context().node_id


def test_objects_move_and_the_actor_lives_on_elsewhere(cluster: Cluster) -> None:
    first = cluster.nodes[0]
    leaves = cluster.add_node()
    refs = [on(leaves.id, make).options(max_retries=0).remote(MIB) for _ in range(3)]
    loom.wait(refs, num_returns=3, timeout=30)
    rather = loom.NodeAffinity(leaves.id, soft=True)
    counter = Counter.options(scheduling=rather, num_cpus=0).remote()
    assert loom.get(counter.add.remote(), timeout=30)[0] == 1
    cluster.remove_node(leaves, drain=True)
    assert alive() == {first.id}
    assert not leaves.folder.exists()
    assert loom.get(refs, timeout=30) == [b"x" * MIB] * 3
    assert loom.get(counter.add.remote(), timeout=30) == (1, first.id), "it began anew"


def _why(capsys: pytest.CaptureFixture[str], ref: Any) -> dict[str, Any]:
    """What ``loom why`` says of what has just been submitted."""
    session = current.session()
    session.settle()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOM_PASSWORD_FILE", str(session.address.password_file))
        assert main(["why", ref.hex(), "--json", "--address", str(session.address)]) == 0
    last: dict[str, Any] = json.loads(capsys.readouterr().out)[-1]
    return last


def test_what_can_run_only_on_a_node_that_drains_says_so(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A resource that no other node has; it runs as soon as another joins that has it."""
    leaves = cluster.add_node(resources={"licence": 1}, labels={"zone": "far"})
    gate = tmp_path / "gate"
    runs = on(leaves.id, wait_for_file).remote(str(gate))
    wait_until(lambda: _free(leaves.id) == 0, 20)
    far = where.options(scheduling=loom.NodeLabels({"zone": "far"})).remote()
    assert _why(capsys, far)["why"] == "busy", "a label is something that a node has"
    drained = threading.Thread(target=cluster.remove_node, args=(leaves,), kwargs={"drain": True})
    drained.start()
    wait_until(lambda: any(node.get("draining") for node in loom.nodes()), 20)
    licensed = where.options(resources={"licence": 1}).remote()
    line = _why(capsys, licensed)
    assert (line["why"], "1 licence free" in line["says"]) == ("drains", True)
    assert line["advice"].startswith("add a node that has it")
    assert _why(capsys, far)["why"] == "drains"
    next_ = cluster.add_node(resources={"licence": 1}, labels={"zone": "far"})
    assert loom.get([licensed, far], timeout=30) == [next_.id] * 2
    Gate(gate).open()
    assert loom.get(runs, timeout=30) == leaves.id
    drained.join(30)
    cluster.remove_node(next_, drain=True)


def test_what_runs_ends_and_what_was_not_begun_is_handed_back(
    cluster: Cluster, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first = cluster.nodes[0]
    leaves = cluster.add_node()
    gate = tmp_path / "gate"
    runs = on(leaves.id, wait_for_file).remote(str(gate))
    rather = where.options(scheduling=loom.NodeAffinity(leaves.id, soft=True))
    wait_until(lambda: _free(leaves.id) == 0, 20)
    drained = threading.Thread(target=cluster.remove_node, args=(leaves,), kwargs={"drain": True})
    drained.start()
    wait_until(lambda: any(node.get("draining") for node in loom.nodes()), 20)
    assert loom.get([rather.remote() for _ in range(3)], timeout=30) == [first.id] * 3
    placed = on(leaves.id).remote()
    line = _why(capsys, placed)
    assert line["why"] == "drains"
    assert f"the only one that has it drains (node {leaves.id[:8]})" in line["says"]
    assert "submit it with scheduling= for another node" in line["advice"]
    with pytest.raises(errors.GetTimeout, match="the only one that has it drains"):
        loom.get(placed, timeout=0.1)
    loom.cancel(placed)
    gate.touch()
    assert loom.get(runs, timeout=30) == leaves.id
    drained.join(30)
    assert alive() == {first.id}


def _free(node: str) -> float:
    return next((n["free"].get("CPU", 0) for n in loom.nodes() if n["node"] == node), 1)


def test_what_runs_too_long_runs_again_elsewhere(cluster: Cluster, tmp_path: Any) -> None:
    first = cluster.nodes[0]
    leaves = cluster.add_node()
    gate = tmp_path / "gate"
    assert loom.get(on(leaves.id).remote(), timeout=30) == leaves.id
    rather = loom.NodeAffinity(leaves.id, soft=True)
    runs = wait_for_file.options(scheduling=rather).remote(str(gate))
    wait_until(lambda: _free(leaves.id) == 0, 20)
    cluster.remove_node(leaves, drain=True, timeout=0.2)
    gate.touch()
    assert loom.get(runs, timeout=30) == first.id


def test_what_was_spilled_moves_too(cluster: Cluster) -> None:
    first = cluster.nodes[0]
    leaves = cluster.add_node(object_store_memory=4 * MIB)
    once = on(leaves.id, make).options(max_retries=0)
    refs = [once.remote(MIB, bytes([65 + i])) for i in range(10)]
    loom.wait(refs, num_returns=10, timeout=30)
    assert len(list(NodeSettings.read(leaves.folder).spill.iterdir())) > 4
    cluster.remove_node(leaves, drain=True)
    assert alive() == {first.id}
    assert loom.get(refs, timeout=30) == [bytes([65 + i]) * MIB for i in range(10)]


def test_bundles_go_elsewhere_before_all_that_runs_has_ended(
    cluster: Cluster, tmp_path: Any
) -> None:
    """What waits for the group need not wait for tasks that have nothing to do with it."""
    leaves = cluster.add_node(num_cpus=3)
    group = loom.placement_group([{"CPU": 2}])
    in_it = where.options(scheduling=group)
    assert loom.get(in_it.remote(), timeout=30) == leaves.id, "nobody else has so many"
    gate = tmp_path / "gate"
    runs = on(leaves.id, wait_for_file).remote(str(gate))
    wait_until(lambda: _free(leaves.id) == 0, 20)
    other = cluster.add_node(num_cpus=2)
    drained = threading.Thread(target=cluster.remove_node, args=(leaves,), kwargs={"drain": True})
    drained.start()
    wait_until(lambda: any(node.get("draining") for node in loom.nodes()), 20)
    assert loom.get(in_it.remote(), timeout=30) == other.id
    gate.touch()
    assert loom.get(runs, timeout=30) == leaves.id
    drained.join(30)
    loom.remove_placement_group(group)
    cluster.remove_node(other)


def test_a_node_through_which_a_program_is_connected_stays(cluster: Cluster) -> None:
    with pytest.raises(errors.LoomError, match=r"programs that are connected through it: 1\."):
        cluster.remove_node(cluster.nodes[0], drain=True)
    assert loom.get(where.remote(), timeout=30) == cluster.nodes[0].id
