"""Large values on several nodes: once to each, from whoever has it, as long as anybody has it."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.testing import Cluster
from tests.cluster.several.stores import nothing_is_left, transfers
from tests.cluster.several.tasks import MIB, joined, make, on, size_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.mark.timeout(150)
def test_a_broadcast_costs_each_node_one_receive() -> None:
    """And the one that made it sends it to half of them only: the others have it from these."""
    size, store = 256 * MIB, 320 * MIB
    sizes = {"beat_s": 0.1, "check": True}
    nodes = [{"object_store_memory": store}] * 5
    with Cluster(nodes=nodes, **sizes) as cluster, cluster.connect():
        maker, *readers = cluster.nodes
        ref = on(maker.id, make).remote(size)
        loom.wait([ref], timeout=60)
        asked = [on(n.id, size_of).remote(ref) for n in readers for _ in range(3)]
        assert loom.get(asked, timeout=100) == [size] * 12
        wait_until(lambda: sum(moved["received"] for moved in transfers().values()) == 4, 20)
        moved = transfers()
        assert [moved[node.id]["received"] for node in cluster.nodes] == [0, 1, 1, 1, 1]
        came = [moved[node.id]["received_bytes"] for node in readers]
        assert all(size < each < size + MIB // 2 for each in came), "its bytes, once"
        assert moved[maker.id]["sent"] < 4
        assert moved[maker.id]["sent_bytes"] < 4 * size


def test_a_transfer_goes_on_from_another_copy_when_its_source_dies() -> None:
    """1. A node fetches from the last one that got a copy.  2. It stops in the middle.  3. That one
    is killed.  4. It goes on, and has the rest from another."""
    size = 64 * MIB
    with Cluster(nodes=2, beat_s=0.1) as cluster, cluster.connect():
        _, maker = cluster.nodes
        copy = cluster.add_node()
        ref = on(maker.id, make).remote(size)
        assert loom.get(on(copy.id, size_of).remote(ref), timeout=30) == size
        wait_until(lambda: transfers()[maker.id]["sent"] == 1, 20)
        sent = transfers()[maker.id]["sent_bytes"]
        armed = replace(cluster._config, failpoints="transfer.begun=stop@30")
        cluster._config = armed
        reader = cluster.add_node()
        asked = on(reader.id, size_of).remote(ref)
        stopped = psutil.STATUS_STOPPED
        wait_until(lambda: psutil.Process(reader.pid).status() == stopped, 30)
        cluster.remove_node(copy, kill=True)
        os.kill(reader.pid, signal.SIGCONT)
        assert loom.get(asked, timeout=40) == size
        assert loom.get(on(reader.id, joined).remote(ref), timeout=40) == b"x" * size
        wait_until(lambda: transfers()[maker.id]["sent"] == 2, 20)
        rest = transfers()[maker.id]["sent_bytes"] - sent
        assert 0 < rest < size - MIB, "not what had come already"


def test_a_copy_serves_when_its_maker_is_gone() -> None:
    with Cluster(nodes=3, lease_s=1, beat_s=0.1) as cluster, cluster.connect():
        _, maker, reader = cluster.nodes
        there = on(maker.id, make).options(max_retries=0)
        ref, lost = there.remote(MIB), there.remote(MIB)
        assert loom.get(on(reader.id, size_of).remote(ref), timeout=30) == MIB
        loom.wait([lost], timeout=30)
        cluster.remove_node(maker, kill=True)
        assert loom.get(ref, timeout=30) == b"x" * MIB
        why = (
            rf"is lost: it lay in the shared memory of node {maker.id[:8]}, which died or left. It "
            "is not made again by itself, since its task has max_retries=0"
        )
        with pytest.raises(errors.ObjectLost, match=why):
            loom.get(lost, timeout=30)
        reads = size_of.remote(lost)
        with pytest.raises(errors.ObjectLost, match=why) as caught:
            loom.get(reads, timeout=30)
        assert caught.value.task_id == reads.binary()[:16]


def test_more_than_the_store_holds_comes_and_goes() -> None:
    """Each task's argument takes more than half of the store; all of them finish."""
    sizes = {"object_store_memory": 16 * MIB}
    with Cluster(nodes=[sizes, sizes | {"num_cpus": 2}]) as cluster, cluster.connect():
        _, reader = cluster.nodes
        refs = [loom.put(bytes(9 * MIB)) for _ in range(6)]
        asked = [on(reader.id, size_of).remote(ref) for ref in refs]
        assert loom.get(asked, timeout=50) == [9 * MIB] * 6
        del refs, asked
        nothing_is_left(cluster)


def test_get_waits_no_longer_than_it_was_told() -> None:
    with Cluster(nodes=2) as cluster, cluster.connect():
        _, there = cluster.nodes
        ref = on(there.id, make).remote(MIB)
        loom.wait([ref], timeout=30)
        cluster.pause(there)
        with pytest.raises(errors.GetTimeout, match=r"exist on other nodes and have not all come"):
            loom.get(ref, timeout=0.2)
        cluster.resume(there)
        assert loom.get(ref, timeout=30) == b"x" * MIB


@pytest.mark.skipif(bool(Cluster.why_no_networks()), reason=Cluster.why_no_networks())
def test_a_transfer_goes_on_after_a_partition() -> None:
    with Cluster(nodes=2, networks=True) as cluster, cluster.connect():
        _, there = cluster.nodes
        (where,) = [n["objects"] for n in loom.nodes() if n["node"] == there.id]
        assert where.startswith("tcp:198.")
        ref = on(there.id, make).remote(MIB)
        loom.wait([ref], timeout=30)
        cluster.partition(there)
        with pytest.raises(errors.GetTimeout):
            loom.get(ref, timeout=0.2)
        cluster.heal(there)
        assert loom.get(ref, timeout=40) == b"x" * MIB


def test_a_single_node_is_open_to_nobody() -> None:
    with Cluster(nodes=1) as cluster, cluster.connect():
        (where,) = [node["objects"] for node in loom.nodes()]
        path = Path(where.removeprefix("unix:"))
        assert path.parent == cluster.nodes[0].folder
        assert path.stat().st_mode & 0o077 == 0
