"""What the guide shows of nodes in networks of their own."""

from __future__ import annotations

import pytest

import hyperloom as loom
from hyperloom.testing import Cluster
from tests.cluster.several.tasks import make, size_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(Cluster.why_no_networks()), reason=Cluster.why_no_networks()),
]

SIZE = 1 << 20


def test_work_goes_on_without_a_node_that_is_cut_off() -> None:
    with Cluster(nodes=3, networks=True, lease_s=1, beat_s=0.1) as cluster, cluster.connect():
        first, second, third = cluster.nodes
        cluster.partition(first, "server")  # given up after a second
        cluster.partition(second, third)  # objects come from elsewhere, or later
        refs = [make.remote(SIZE) for _ in range(10)]
        assert loom.get([size_of.remote(ref) for ref in refs], timeout=30) == [SIZE] * 10
        cluster.heal()
