"""Nodes of a `Cluster` that are killed, hang or are cut off; and the end of it all."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.testing import Cluster
from tests.cluster.api.gate import Gate
from tests.cluster.gated import waits
from tests.cluster.several.tasks import alive, on, where
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.home import Home

pytestmark = pytest.mark.slow


@pytest.fixture
def fleeting() -> Iterator[Cluster]:
    """Two nodes that this test may end, and that are given up soon."""
    with Cluster(nodes=2, lease_s=1, beat_s=0.1) as cluster, cluster.connect():
        yield cluster


def test_a_killed_node_is_given_up_and_its_tasks_run_elsewhere(fleeting: Cluster) -> None:
    stays, goes = fleeting.nodes
    assert loom.get(on(goes.id).remote(), timeout=30) == goes.id
    refs = [where.remote() for _ in range(20)]
    fleeting.remove_node(goes, kill=True)
    assert set(loom.get(refs, timeout=30)) <= {stays.id, goes.id}
    wait_until(lambda: alive() == {stays.id})


def test_a_paused_node_is_given_up_and_joins_again(fleeting: Cluster) -> None:
    stays, hangs = fleeting.nodes
    fleeting.pause(hangs)
    wait_until(lambda: alive() == {stays.id}, 20)
    fleeting.resume(hangs)
    wait_until(lambda: alive() == {stays.id, hangs.id}, 20)
    assert loom.get(on(hangs.id).remote(), timeout=30) == hangs.id


@loom.task(max_retries=0)
def asks_another() -> tuple[str, int]:
    return loom.get(where.remote(), timeout=30), os.getpid()


def test_who_stood_idle_on_a_node_that_was_given_up_gets_no_more_tasks(
    fleeting: Cluster, tmp_path: Path
) -> None:
    """1. A worker submits a task, and is idle.  2. Its node is given up, and all of its processes
    are buried.  3. The node joins again: what the worker said would be refused from now on."""
    stays, hangs = fleeting.nodes
    gate, begun = Gate(tmp_path / "gate"), Gate(tmp_path / "begun")
    lost = on(hangs.id, waits).options(max_retries=0, num_cpus=0).remote(gate, begun)
    wait_until(begun.notes, 30)
    _, before = loom.get(on(hangs.id, asks_another).remote(), timeout=30)
    fleeting.pause(hangs)
    with pytest.raises(errors.NodeLost):
        loom.get(lost, timeout=30)
    fleeting.resume(hangs)
    wait_until(lambda: alive() == {stays.id, hangs.id}, 20)
    ran, after = loom.get(on(hangs.id, asks_another).remote(), timeout=30)
    assert ran in {stays.id, hangs.id}
    assert after != before


def test_the_control_plane_s_server_is_started_again(fleeting: Cluster) -> None:
    ref = loom.put(1)
    fleeting.kill_server()
    assert loom.get(where.remote(), timeout=30) in {node.id for node in fleeting.nodes}
    assert loom.get(ref) == 1


@pytest.mark.skipif(bool(Cluster.why_no_networks()), reason=Cluster.why_no_networks())
def test_a_node_that_is_cut_off_is_given_up_and_joins_again() -> None:
    with Cluster(nodes=2, networks=True, lease_s=1, beat_s=0.1) as cluster, cluster.connect():
        stays, cut = cluster.nodes
        ids = {stays.id, cut.id}
        assert set(loom.get([on(node).remote() for node in ids], timeout=30)) == ids
        cluster.partition(cut)
        wait_until(lambda: alive() == {stays.id}, 20)
        cluster.heal(cut)
        wait_until(lambda: alive() == ids, 30)
        assert loom.get(on(cut.id).remote(), timeout=30) == cut.id


def test_a_program_that_is_killed_leaves_nothing(home: Home) -> None:
    program = """
import hyperloom as loom
from hyperloom.testing import Cluster

networks = not Cluster.why_no_networks()
with Cluster(nodes=2, networks=networks) as cluster, cluster.connect():
    loom.get(loom.task(lambda: 1).remote())
    print("runs", cluster._network and cluster._network.name, flush=True)
    input()
"""
    process = home.python("-c", program, stdin=subprocess.PIPE)
    assert process.stdout is not None
    said, network = process.stdout.readline().split()
    assert said == "runs"
    assert len(home.processes()) > 5
    process.send_signal(signal.SIGKILL)
    process.communicate()
    home.wait_empty()
    assert home.sessions() == []
    if network != "None":
        # The kernel takes a network down in its own time, when the last process in it is gone.
        wait_until(lambda: network not in _links(), what="its links are gone")


def _links() -> str:
    listed = subprocess.run(["ip", "link"], capture_output=True, text=True, check=True)
    return listed.stdout


def test_a_child_does_not_hold_it(home: Home) -> None:
    program = """
import os, sys
from hyperloom.testing import Cluster

cluster = Cluster(nodes=1)
child = os.fork()
if child == 0:
    sys.stdin.read()
    os._exit(0)
cluster.close()
print("closed", flush=True)
sys.stdin.read()
os.waitpid(child, 0)
"""
    process = home.python("-c", program, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "closed\n"
    assert process.communicate("") == ("", "")
    home.wait_empty()


def test_what_cannot_be_is_refused_and_nothing_is_left() -> None:
    with pytest.raises(TypeError, match="it is how many, or a list with a dict for each node"):
        Cluster(nodes="3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="nodes=-1 cannot be"):
        Cluster(nodes=-1)
    with pytest.raises(errors.InvalidOption, match="there is no option 'leese_s'"):
        Cluster(leese_s=3)
    with pytest.raises(ValueError, match="num_cpus=-1"):
        Cluster(nodes=[{"num_cpus": -1}])
    with Cluster(nodes=0) as cluster:
        with pytest.raises(errors.NotConnected, match="has no node to connect to"):
            cluster.connect()
        node = cluster.add_node()
        with pytest.raises(errors.LoomError, match="has no networks, so none can be cut"):
            cluster.partition(node)
        with pytest.raises(TypeError, match="num_gpu"):
            cluster.add_node(num_gpu=1)  # type: ignore[call-arg]


def test_a_cluster_that_is_closed_ends_the_connection_to_it() -> None:
    with Cluster() as cluster:
        cluster.connect()
        assert loom.get(where.remote(), timeout=30) == cluster.nodes[0].id
    assert not loom.is_initialized()
    cluster.close()
