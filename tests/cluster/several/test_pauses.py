"""Parts of a cluster that hang (SIGSTOP), and come back: what they say then is late, or heard."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.gcs import codes
from hyperloom.testing import Cluster
from tests.chaos import observed
from tests.chaos.pauses import SAID, Late
from tests.cluster.several.tasks import alive, where
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_what_a_node_says_after_it_was_given_up_is_refused_and_counted(tmp_path: Path) -> None:
    """1. Tasks run on a node; it hangs, and is given up.  2. They run elsewhere.  3. Both end; the
    raylet that hangs has the word of each.  4. What it says of them is refused.  5. It goes on: it
    says it, or drops it; its workers end, and each result was committed once."""
    nodes: list[dict[str, Any]] = [{}, {"failpoints": SAID}]
    with Cluster(nodes=nodes, lease_s=1, beat_s=0.1) as cluster, cluster.connect():
        stays, hangs = cluster.nodes
        late = Late(hangs, tmp_path, 2)
        before = observed.count(codes.DONE)
        cluster.pause(hangs)
        wait_until(lambda: alive() == {stays.id}, 30)
        late.end(again=True)
        assert loom.get(late.refs, timeout=30) == [1, 1]
        assert observed.count(codes.AGAIN) == len(late.pids)
        late.have_ended()
        assert observed.refused(hangs, late.refs) == 2
        assert observed.too_late(hangs) == 2
        cluster.resume(hangs)
        wait_until(lambda: observed.running(late.pids) == [], 30)
        wait_until(lambda: alive() == {stays.id, hangs.id}, 30)
        assert observed.too_late(hangs) in {2, 3, 4}, "its raylet says it as well, or does not"
        assert observed.count(codes.DONE) == before + 2
        assert observed.count(codes.FAILED) == 0


def test_a_get_ends_in_time_when_the_server_hangs_and_nothing_runs_again() -> None:
    with Cluster(nodes=2, lease_s=20) as cluster, cluster.connect():
        loom.get(where.remote(), timeout=30)
        pid = cluster._control_plane.server_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            refs = [where.remote() for _ in range(20)]
            with pytest.raises(errors.GetTimeout, match=r"control plane at .* does not answer"):
                loom.get(refs, timeout=0.1)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert set(loom.get(refs, timeout=30)) <= alive()
        assert len(alive()) == 2
        assert observed.count(codes.AGAIN) == 0
