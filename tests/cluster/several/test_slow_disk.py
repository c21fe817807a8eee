"""The control plane's disk is slow, and its server is killed meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom.testing import Cluster
from tests.chaos.forgetting import WINDOW_S, Known
from tests.slow_disk import slow_disk, why_not

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not())]

MANY = 60
ANSWERS_S = 20  # a server that is killed is back within 5 s, on a machine that does nothing else


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
        assert loom.get(plus_one.remote(1), timeout=ANSWERS_S) == 2
        assert loom.get(refs, timeout=ANSWERS_S) == list(range(2, MANY + 2))
        assert len(loom.nodes()) == 2, "a slow disk is no reason to give a node up"


def test_else_what_is_older_than_two_seconds_stays_and_the_rest_is_done_again(
    tmp_path: Path,
) -> None:
    """1. Results are in hand for longer than a server may put its writes off; others are not.
    2. It is killed.  3. Of the old ones no task runs again; all values are right; it answers."""
    with Cluster(nodes=2) as cluster, cluster.connect():
        known = Known(tmp_path)
        with slow_disk(cluster._control_plane.server_pid, 1.0):
            known.work_for(WINDOW_S)
            known.submit(MANY)
            killed_at = time.monotonic()
            cluster.kill_server()
        assert loom.get(plus_one.remote(1), timeout=ANSWERS_S) == 2
        assert known.forgotten(killed_at) == []
