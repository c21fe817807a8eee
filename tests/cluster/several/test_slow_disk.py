"""The control plane's disk is slow, and its server is killed meanwhile."""

from __future__ import annotations

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.testing import Cluster
from tests.slow_disk import slow_disk, why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]

MANY = 60


@loom.task
def plus_one(x: int) -> int:
    return x + 1


def test_what_was_accepted_always_stays() -> None:
    with Cluster(nodes=2, durability="always", submit_batch=5) as cluster, cluster.connect():
        first = [plus_one.remote(i) for i in range(MANY)]
        with slow_disk(cluster._control_plane.server_pid, 0.3):
            refs = [plus_one.remote(ref) for ref in first]
            loom.get(refs[0], timeout=30)
            cluster.kill_server()
        assert loom.get(refs, timeout=40) == list(range(2, MANY + 2))
        assert len(loom.nodes()) == 2, "a slow disk is no reason to give a node up"


def test_else_what_was_lost_is_done_again_or_said_and_nobody_waits_for_ever() -> None:
    with Cluster(nodes=2) as cluster, cluster.connect():
        first = [plus_one.remote(i) for i in range(MANY)]
        loom.get(first, timeout=30)
        with slow_disk(cluster._control_plane.server_pid, 1.0):
            refs = [plus_one.remote(ref) for ref in first]
            loom.get(refs[: MANY // 2], timeout=30)
            cluster.kill_server()
        for i, ref in enumerate(refs):
            try:
                assert loom.get(ref, timeout=40) == i + 2
            except errors.GetTimeout:
                raise
            except errors.LoomError:
                continue
        assert loom.get(plus_one.remote(1), timeout=30) == 2
