"""Lines to the control plane that are slow, or lose words: raylets, workers and this driver."""

from __future__ import annotations

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.gcs import codes
from hyperloom.testing import Cluster
from tests.chaos import observed
from tests.chaos.counting import Counter
from tests.chaos.network import behind
from tests.chaos.oracle import plus_one
from tests.chaos.proxy import Faults
from tests.cluster.several.tasks import alive, on
from tests.cluster.several.test_state_lost import as_admin

pytestmark = pytest.mark.slow

MANY = 40


def test_calls_that_are_not_answered_are_said_again_and_count_once() -> None:
    """Of all calls, some are lost, some done and not answered, and some done when it is late."""
    with behind(Faults(seed=1, cuts=0.05), nodes=2, submit_batch=5) as (_, proxy):
        counter = Counter.options(checkpoint_every=1).remote()
        refs = [plus_one.remote(plus_one.remote(i)) for i in range(MANY)]
        calls = [counter.add.remote(1) for _ in range(MANY)]
        assert loom.get(refs, timeout=50) == list(range(2, MANY + 2))
        assert loom.get(calls, timeout=50) == list(range(1, MANY + 1))
        assert observed.count(codes.FAILED) == 0
        # Tasks, and calls; and the constructor, when it is over.
        assert observed.count(codes.DONE) == 2 * MANY + MANY
    assert {"lost", "done", "late"} == {name.split()[1] for name in proxy.faults}


def test_a_line_that_takes_its_time_is_no_reason_to_give_a_node_up() -> None:
    with behind(Faults(seed=1, delay_s=0.05, jitter_s=0.03), nodes=2, lease_s=20) as (cluster, _):
        refs = [plus_one.remote(plus_one.remote(i)) for i in range(MANY)]
        assert loom.get(refs, timeout=50) == list(range(2, MANY + 2))
        assert alive() == {node.id for node in cluster.nodes}
        assert observed.count(codes.AGAIN) == 0


def test_a_node_whose_connections_break_while_it_starts_comes_up() -> None:
    """Each other of its first connections: before an answer, after one, after two, and so on."""
    with behind(Faults(early=10), nodes=4) as (cluster, proxy):
        assert alive() == {node.id for node in cluster.nodes}
        ids = [node.id for node in cluster.nodes]
        assert loom.get([on(node).remote() for node in ids], timeout=30) == ids
    assert proxy.faults["connections broken"] == 10


def test_a_node_that_cannot_come_up_says_why() -> None:
    """Its folder is removed, and what it wrote into it; but not what it said."""
    with Cluster(nodes=0) as cluster:
        as_admin(cluster, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        for _ in range(3):
            with pytest.raises(errors.LoomError, match="may evict keys"):
                cluster.add_node()
        assert cluster.nodes == []
