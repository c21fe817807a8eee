"""Tasks with large inputs run where these are, unless that node is busy: then others take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.gcs import keys
from hyperloom.gcs.wire import Wire
from hyperloom.testing import Cluster
from tests.cluster.api.gate import Gate
from tests.cluster.gated import waits
from tests.cluster.several.tasks import MIB, make, on, place_of, where
from tests.cluster.several.test_state_lost import as_admin
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hyperloom.testing import ClusterNode

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes of one CPU."""
    with Cluster(nodes=3, num_cpus=1) as cluster, cluster.connect():
        yield cluster


def held_by(node: ClusterNode) -> int:
    """How many tasks of this job the control plane has given to a node."""
    session = current.session()
    wire = Wire(session.address)
    number: int = wire.call("HLEN", keys.HELD.name(session.namespace, bytes.fromhex(node.id)))
    wire.close()
    return number


def test_a_busy_node_leaves_to_others_what_it_holds_and_does_not_get_to(
    cluster: Cluster, tmp_path: Path
) -> None:
    """
    1. All nodes are busy.  2. A task comes whose inputs lie on one of them, which takes it, to have
    its turn there.  3. The others have nothing to do any more; that one's task goes on and on.
    """
    *others, full = cluster.nodes
    data = on(full.id, make).remote(2 * MIB)
    loom.wait([data], timeout=30)
    for_long, for_a_while = Gate(tmp_path / "long"), Gate(tmp_path / "while")
    notes = Gate(tmp_path / "notes")
    long = on(full.id, waits).remote(for_long, notes)
    short = [on(node.id, waits).remote(for_a_while, notes) for node in others]
    wait_until(lambda: all(held_by(node) == 1 for node in cluster.nodes), 30)
    refs = [place_of.remote(data) for _ in range(4)]

    def holds_one() -> bool:
        """A node says again what it would take when something ends there."""
        loom.get(on(full.id).options(num_cpus=0).remote(), timeout=30)
        return held_by(full) > 1

    wait_until(holds_one, 30)
    for_a_while.open()
    assert set(loom.get(refs, timeout=20)) <= {node.id for node in others}
    for_long.open()
    assert loom.get([long, *short], timeout=30) == [full.id, *(node.id for node in others)]


@pytest.mark.parametrize("at", [0, 1])  # all are given to one node first, and it is not both
def test_one_that_was_handed_on_is_not_begun_again_when_connections_break(
    cluster: Cluster, tmp_path: Path, at: int
) -> None:
    """Its entry says that its attempt is the first; in the list of what is held it does not."""
    home = cluster.nodes[at]
    data = on(home.id, make).remote(2 * MIB)
    loom.wait([data], timeout=30)
    gate, notes = Gate(tmp_path / "gate"), Gate(tmp_path / "notes")
    refs = [place_of.options(num_cpus=0.1).remote(data, gate, notes) for _ in range(6)]
    wait_until(lambda: len(notes.notes()) == 6, 30)
    as_admin(cluster, "CLIENT", "KILL", "TYPE", "normal")
    # A node offers nothing before it has looked at what it holds.
    assert loom.get(on(home.id).options(num_cpus=0.1).remote(), timeout=30) == home.id
    assert loom.get(where.options(num_cpus=0.1).remote(), timeout=30)
    gate.open()
    assert loom.get(refs, timeout=30) == [home.id] * 6
    assert len(notes.notes()) == 6
