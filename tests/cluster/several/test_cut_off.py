"""Tasks that run when their node is lost, or their job ends, are in its report until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors, events
from hyperloom.core import current
from hyperloom.gcs import codes
from hyperloom.testing import Cluster
from hyperloom.watch.cluster import Cluster as Looked
from hyperloom.watch.cut_off import JOB_ENDED, NODE_LOST
from hyperloom.watch.figures import figures
from hyperloom.watch.live import Live
from tests.cluster.api.gate import Gate
from tests.cluster.several.tasks import Resident, on
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@loom.task(max_retries=0, num_cpus=0)
def lasts(gate: Gate) -> None:
    gate.pass_through(600)


def test_what_was_cut_off_is_known_until_then(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    with Cluster(nodes=2, lease_s=1, beat_s=0.1) as cluster:
        stays, goes = cluster.nodes
        with cluster.connect():
            job = bytes(current.session().job)
            looked = Looked(Live(current.session().address))

            def told_of() -> set[bytes]:
                ran = [event for event in looked.events(job) if event.kind == codes.RAN]
                return {each.task for event in ran for each in events.begun(event.payload)}

            idle = on(stays.id, Resident).remote()
            assert loom.get(idle.where.remote(), timeout=30) == stays.id
            kept, lost = [on(node.id, lasts).remote(gate) for node in (stays, goes)]
            # Two tasks and the actor.
            wait_until(lambda: len(told_of()) == 3, 30)
            cluster.remove_node(goes, kill=True)
            with pytest.raises(errors.NodeLost):
                loom.get(lost, timeout=30)
            tasks = {ref.binary()[:16]: why for ref, why in ((kept, JOB_ENDED), (lost, NODE_LOST))}
        wait_until(lambda: codes.ENDED in {event.kind for event in looked.events(job)})
        run = figures(looked.events(job), lambda each: looked.name(job, each))
        looked.close()
    assert {each.task: each.why for each in run.cut_off} == tasks
    assert {each.node.hex() for each in run.cut_off} == {stays.id, goes.id}
    (group,) = [group for group in run.groups if group.name == "lasts"]
    assert min(group.cut_off) >= 1
    assert group.seconds == []
