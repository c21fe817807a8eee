"""kill -9 of a raylet at each word that it says to the control plane, and at some steps between.

One node of a cluster dies there, and never comes back: what it had goes on elsewhere, all results
are right, and nothing is held afterwards.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import msgpack

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import Wire
from hyperloom.testing import Cluster
from tests.cluster.api.gate import Gate
from tests.cluster.api.holdings import nothing_is_held
from tests.cluster.several.mortal import (
    LARGE,
    Resident,
    crashes_once,
    fails_once,
    goes_on,
    makes,
    passes,
    plus_one,
    size_of,
)
from tests.cluster.several.tasks import alive
from tests.sampled import one_in
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from hyperloom.testing.cluster import ClusterNode

    Deed = Callable[[Cluster, ClusterNode, Path], None]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PATIENCE_S = 50


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One node, of which this process is a driver; each test adds the one that dies."""
    with (
        Cluster(nodes=1, num_cpus=2, lease_s=1, beat_s=0.2, job_grace_s=1) as cluster,
        cluster.connect(),
    ):
        yield cluster


def there(node: ClusterNode, task: Any, **options: Any) -> Any:
    """On this node, as long as it is there."""
    return task.options(scheduling=loom.NodeAffinity(node.id, soft=True), **options)


# -- what is done on the node that dies --------------------------------------------------------


def runs(_: Cluster, node: ClusterNode, __: Path) -> None:
    refs = [there(node, plus_one).remote(i) for i in range(50)]
    assert loom.get(refs, timeout=PATIENCE_S) == list(range(1, 51))


def retries(_: Cluster, node: ClusterNode, folder: Path) -> None:
    ref = there(node, fails_once).remote(Gate(folder / "failed"))
    assert loom.get(ref, timeout=PATIENCE_S) == 1


def crashes(_: Cluster, node: ClusterNode, folder: Path) -> None:
    ref = there(node, crashes_once).remote(Gate(folder / "crashed"))
    assert loom.get(ref, timeout=PATIENCE_S) == LARGE


def redirects(_: Cluster, node: ClusterNode, __: Path) -> None:
    assert loom.get(there(node, goes_on).remote(1), timeout=PATIENCE_S) == 2


def fetches(_: Cluster, node: ClusterNode, __: Path) -> None:
    ref = loom.put(bytes(8 * LARGE))
    assert loom.get(there(node, size_of).remote(ref), timeout=PATIENCE_S) == 8 * LARGE


def gives(cluster: Cluster, node: ClusterNode, __: Path) -> None:
    """What it made is wanted elsewhere."""
    ref = there(node, makes).remote(8 * LARGE)
    loom.wait([ref], timeout=PATIENCE_S)
    assert loom.get(there(cluster.nodes[0], size_of).remote(ref), timeout=PATIENCE_S) == 8 * LARGE


def hands_on(cluster: Cluster, node: ClusterNode, folder: Path) -> None:
    """It takes tasks whose input lies on the other node, which is busy."""
    stays, gate = cluster.nodes[0], Gate(folder / "gate")
    on_it = passes.options(scheduling=loom.NodeAffinity(stays.id))
    busy = [on_it.remote(gate, i) for i in range(2)]
    wait_until(lambda: _free(stays) == 0, PATIENCE_S)
    data = loom.put(bytes(8 * LARGE))
    refs = [size_of.remote(data) for _ in range(4)]
    wait_until(lambda: not node.runs, PATIENCE_S, what="it dies")
    gate.open()
    assert loom.get([*busy, *refs], timeout=PATIENCE_S) == [0, 1, *[8 * LARGE] * 4]


def hosts(_: Cluster, node: ClusterNode, folder: Path) -> None:
    """An actor that saves itself, dies, and ends."""
    actor = there(node, Resident, checkpoint_every=1).remote()
    calls = [actor.add.remote(1), actor.crash.remote(Gate(folder / "crashed")), actor.add.remote(2)]
    assert loom.get(calls, timeout=PATIENCE_S) == [2, 1, 3]
    with pytest.raises(errors.ActorError):
        loom.get(actor.ends.remote(), timeout=PATIENCE_S)


def loses_an_actor(_: Cluster, node: ClusterNode, __: Path) -> None:
    """One that is killed."""
    actor = there(node, Resident).remote()
    assert loom.get(actor.add.remote(1), timeout=PATIENCE_S) == 2
    loom.kill(actor)
    with pytest.raises(errors.ActorError):
        loom.get(actor.add.remote(1), timeout=PATIENCE_S)
    wait_until(lambda: not node.runs, PATIENCE_S, what="it dies")


def keeps_a_bundle(_: Cluster, node: ClusterNode, folder: Path) -> None:
    """A group of which it has one bundle, and tasks; it is removed under them."""
    group = loom.placement_group([{"CPU": 1}, {"CPU": 1}], strategy="SPREAD")
    assert group.wait(PATIENCE_S)
    gate = Gate(folder / "gate")
    refs = [passes.options(scheduling=group).remote(gate, i) for i in range(4)]
    gate.open()
    assert loom.get(refs, timeout=PATIENCE_S) == [0, 1, 2, 3]
    shut = Gate(folder / "never")
    refs = [passes.options(scheduling=group).remote(shut, i) for i in range(4)]
    loom.remove_placement_group(group)
    for ref in refs:
        with pytest.raises(errors.PlacementGroupRemoved):
            loom.get(ref, timeout=PATIENCE_S)
    wait_until(lambda: not node.runs, PATIENCE_S, what="it dies")


def hears_of_a_group_that_is_gone(_: Cluster, node: ClusterNode, folder: Path) -> None:
    """Tasks that come for it afterwards fail, whichever node sees them first."""
    group = loom.placement_group([{"CPU": 1}])
    assert group.wait(PATIENCE_S)
    loom.remove_placement_group(group)

    def it_dies() -> bool:
        late = passes.options(scheduling=group).remote(Gate(folder / "never"), 1)
        with pytest.raises(errors.PlacementGroupRemoved):
            loom.get(late, timeout=PATIENCE_S)
        return not node.runs

    wait_until(it_dies, PATIENCE_S)


def leaves(cluster: Cluster, node: ClusterNode, folder: Path) -> None:
    """In order: what it has goes to others before."""
    actor = there(node, Resident).remote()
    assert loom.get(actor.add.remote(1), timeout=PATIENCE_S) == 2
    large = there(node, makes).remote(LARGE)
    loom.wait([large], timeout=PATIENCE_S)
    with suppress(errors.LoomError):  # it dies before it is drained
        cluster.remove_node(node, drain=True, timeout=20)
    assert loom.get(actor.add.remote(1), timeout=PATIENCE_S) == 2
    assert len(loom.get(large, timeout=PATIENCE_S)) == LARGE
    del folder


def lacks(cluster: Cluster, node: ClusterNode, __: Path) -> None:
    """What a task there needs was lost with another node, and is made again."""
    doomed = cluster.add_node()
    wait_until(lambda: _takes_part(doomed), 20)  # or it is made elsewhere, and not lost
    ref = there(doomed, makes).remote(8 * LARGE)
    loom.wait([ref], timeout=PATIENCE_S)
    cluster.remove_node(doomed, kill=True)
    assert loom.get(there(node, size_of).remote(ref), timeout=PATIENCE_S) == 8 * LARGE


def hears_again(cluster: Cluster, node: ClusterNode, folder: Path) -> None:
    """The server comes back: it says all over again, and looks at what it holds."""
    gate = Gate(folder / "gate")
    ref = there(node, passes).remote(gate, 1)
    wait_until(lambda: _free(node) < 2, PATIENCE_S)
    cluster.kill_server()
    wait_until(lambda: not node.runs, PATIENCE_S, what="it dies")
    gate.open()
    assert loom.get(ref, timeout=PATIENCE_S) == 1


def _free(node: ClusterNode) -> float:
    """CPUs."""
    return next((n["free"].get("CPU", 0) for n in loom.nodes() if n["node"] == node.id), 2)


def _takes_part(node: ClusterNode) -> bool:
    """In this job, for which it has room."""
    session = current.session()
    wire = Wire(session.address)
    try:
        idle = keys.IDLE.name(session.namespace)
        return bool(wire.call("HEXISTS", idle, bytes.fromhex(node.id)))
    finally:
        wire.close()


_PROGRAM = """
import sys
from pathlib import Path
import hyperloom as loom
from hyperloom import connection
from hyperloom.node.connect import Wanted

@loom.actor(num_cpus=0)
class Resident:
    def add(self, x):
        return x + 1

with connection.begin(Wanted(session=Path(sys.argv[1]))):
    actor = Resident.remote()
    assert loom.get(actor.add.remote(1)) == 2
"""


def serves_a_program(_: Cluster, node: ClusterNode, __: Path) -> None:
    """Whose job begins and ends there."""
    program = [sys.executable, "-c", _PROGRAM, str(node.folder)]
    subprocess.run(program, capture_output=True, check=False, timeout=PATIENCE_S)


def cancels_late(_: Cluster, node: ClusterNode, __: Path) -> None:
    """It is told to cancel what it has not (any more), and says so to whom it may concern."""
    ref = there(node, plus_one).remote(1)
    assert loom.get(ref, timeout=PATIENCE_S) == 2
    session = current.session()
    session.outbox.settle()
    Wire(session.address).call(
        "SPUBLISH", keys.INBOX.name(session.namespace, bytes.fromhex(node.id)),
        msgpack.encode([codes.CANCEL, ref.binary()[:16], b"0"]),
    )  # fmt: skip
    wait_until(lambda: not node.runs, PATIENCE_S, what="it dies")


DEEDS: dict[str, Deed] = {
    "raylet.claimed": runs,
    "membership.beaten": runs,
    "transfer.begun": fetches,
    "transfer.given": gives,
    "actor_left": loses_an_actor,
    "actor_lost": hosts,
    "actor_move": leaves,
    "actor_open": hosts,
    "actor_over": hosts,
    "actor_save": hosts,
    "event_add": runs,
    "event_open": serves_a_program,
    "group_sync": keeps_a_bundle,
    "job_close": serves_a_program,
    "job_forget": serves_a_program,
    "job_open": serves_a_program,
    "job_orphan": runs,
    "job_rest": serves_a_program,
    "node_attach": runs,
    "node_beat": runs,
    "node_join": runs,
    "node_leave": leaves,
    "object_copied": fetches,
    "process_bury": crashes,
    "task_cancel": cancels_late,
    "task_evict": hears_of_a_group_that_is_gone,
    "task_hand_on": hands_on,
    "task_held": hears_again,
    "task_put_off": lacks,
    "task_redirect": redirects,
    "task_remake": lacks,
    "task_requeue": leaves,
    "task_retry": retries,
    "task_step": runs,
}

POINTS = [
    point
    for name in DEEDS
    for point in ([name] if "." in name else [f"raylet.before.{name}", f"raylet.after.{name}"])
]


@pytest.mark.parametrize("point", one_in(5, POINTS))
def test_a_raylet_that_dies_at_a_step_loses_nothing(
    cluster: Cluster, point: str, tmp_path: Path
) -> None:
    stays = cluster.nodes[0]
    try:
        node = cluster.add_node(num_cpus=2, failpoints=f"{point}=kill9")
    except errors.LoomError:  # it died before it served
        wait_until(lambda: alive() == {stays.id}, 20)
        runs(cluster, stays, tmp_path)
    else:
        wait_until(lambda: _takes_part(node) or not node.runs, 20)
        DEEDS[point.removeprefix("raylet.before.").removeprefix("raylet.after.")](
            cluster, node, tmp_path
        )
        wait_until(lambda: not node.runs, PATIENCE_S, what="it dies")
        if node in cluster.nodes:
            cluster.remove_node(node, kill=True)
    wait_until(lambda: [each["node"] for each in loom.nodes()] == [stays.id], 20)
    nothing_is_held(20)
    session = current.session()
    wait_until(
        lambda: session.outbox.call("job_list", namespace=keys.CLUSTER)[::2] == [session.job], 20
    )
