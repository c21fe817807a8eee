"""What a node did not hear that it was to free does not lie there until the job ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom.raylet.node import NodeSettings
from hyperloom.testing import Cluster
from tests.cluster.api.holdings import bytes_in
from tests.cluster.several.tasks import MIB, alive, make, on
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.testing.cluster import ClusterNode

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Words may be on their way for so short a time that the second question comes soon."""
    with Cluster(nodes=2, lease_s=1, beat_s=0.1, outage_s=1) as cluster, cluster.connect():
        yield cluster


def lies_at(node: ClusterNode) -> int:
    """Bytes of objects in its shared memory; slots that wait for the next one do not count."""
    return bytes_in(NodeSettings.read(node.folder).store / "o")


def test_of_a_node_that_was_given_up_and_came_back(cluster: Cluster) -> None:
    """1. It makes large results.  2. It hangs, and is given up.  3. The refs to some are dropped:
    it is not told.  4. It joins again, and has them still."""
    stays, hangs = cluster.nodes
    once = on(hangs.id, make).options(max_retries=0)
    refs = [once.remote(MIB, bytes([65 + n])) for n in range(6)]
    loom.wait(refs, num_returns=6, timeout=30)
    wait_until(lambda: lies_at(hangs) >= 6 * MIB)
    cluster.pause(hangs)
    wait_until(lambda: alive() == {stays.id}, 20)
    kept = refs[:2]
    del refs
    loom.get(on(stays.id, make).remote(1), timeout=30)  # what was let go of before this is said
    cluster.resume(hangs)
    wait_until(lambda: alive() == {stays.id, hangs.id}, 20)
    wait_until(lambda: lies_at(hangs) < 3 * MIB, 30)
    assert lies_at(hangs) >= 2 * MIB
    assert loom.get(kept, timeout=30) == [b"A" * MIB, b"B" * MIB], "these are held"
