"""A node that is killed while it is drained."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from hyperloom.gcs.wire import Wire
from hyperloom.node import draining
from hyperloom.testing import Cluster
from tests.cluster.api.gate import Gate
from tests.cluster.several.tasks import alive, on
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@loom.task(max_retries=0)
def waits(notes: Gate, gate: Gate) -> None:
    notes.note("runs")
    gate.pass_through(600)


def test_a_node_that_is_killed_while_it_drains_has_not_left(tmp_path: Path) -> None:
    with Cluster(nodes=2, lease_s=2, beat_s=0.1) as cluster, cluster.connect():
        stays, dies = cluster.nodes
        gate = Gate(tmp_path / "gate")
        notes = Gate(tmp_path / "notes")
        runs = on(dies.id, waits).remote(notes, gate)
        wait_until(notes.notes, 20)
        wire = Wire(current.session().address)
        with ThreadPoolExecutor(1) as pool:
            drained = pool.submit(draining.drain, wire, bytes.fromhex(dies.id))
            wait_until(lambda: any(node.get("draining") for node in loom.nodes()), 20)
            os.kill(dies.pid, signal.SIGKILL)
            with pytest.raises(errors.LoomError, match="did not hand over what it had"):
                drained.result(timeout=30)
        wire.close()
        cluster.remove_node(dies, kill=True)
        with pytest.raises(errors.NodeLost):
            loom.get(runs, timeout=30)
        assert alive() == {stays.id}
