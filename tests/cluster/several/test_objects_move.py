"""Large values go from node to node by themselves, and are freed everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.cluster.several.stores import nothing_is_left, objects_on
from tests.cluster.several.tasks import (
    MIB,
    joined,
    make,
    on,
    size_of,
    sizes_in,
)  # fmt: skip

if TYPE_CHECKING:
    from hyperloom.testing import Cluster

pytestmark = pytest.mark.slow


def test_a_driver_and_tasks_read_what_lies_elsewhere(cluster: Cluster) -> None:
    here, there, third = cluster.nodes
    ref = on(there.id, make).remote(MIB)
    assert loom.get(ref, timeout=30) == b"x" * MIB
    assert loom.get(on(third.id, size_of).remote(ref), timeout=30) == MIB
    assert loom.get(on(third.id, sizes_in).remote([ref, ref]), timeout=30) == [MIB, MIB]
    assert all(len(objects_on(node)) == 1 for node in (here, there, third))
    del ref
    nothing_is_left(cluster)


def test_what_the_driver_put_is_read_elsewhere(cluster: Cluster) -> None:
    _, there, _ = cluster.nodes
    ref = loom.put(b"y" * MIB)
    assert loom.get(on(there.id, size_of).remote(ref), timeout=30) == MIB
    # Arguments that are large travel as an object too.
    assert loom.get(on(there.id, size_of).remote(b"z" * MIB), timeout=30) == MIB
    del ref
    nothing_is_left(cluster)


def test_many_come_at_the_same_time(cluster: Cluster) -> None:
    _, there, third = cluster.nodes
    refs = [on(node.id, make).remote(MIB, b"%d" % i) for i, node in enumerate([there, third] * 4)]
    assert loom.get(refs, timeout=30) == [b"%d" % i * MIB for i in range(8)]
    assert loom.get(on(there.id, joined).remote(*refs), timeout=30)[-1:] == b"7"
    del refs
    nothing_is_left(cluster)
