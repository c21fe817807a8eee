"""What lay only on a node that died is made again by its tasks, or it is said why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.testing import Cluster
from tests.cluster.several.tasks import MIB, make, size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.testing import ClusterNode

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One node that stays, with the driver; others come and are killed."""
    with Cluster(nodes=1, lease_s=1, beat_s=0.1, check=True) as cluster, cluster.connect():
        yield cluster


@loom.task
def grow(data: bytes, more: bytes = b"") -> bytes:
    return data + b"+" + more


@loom.task
def twins() -> tuple[bytes, bytes]:
    return b"a" * MIB, b"b" * MIB


@loom.task
def nested(refs: list[Any]) -> int:
    return sum(len(data) for data in loom.get(refs))


@loom.actor
class Maker:
    def make(self) -> bytes:
        return b"m" * MIB


def rather(node: ClusterNode, task: Any, **options: Any) -> Any:
    return task.options(scheduling=loom.NodeAffinity(node.id, soft=True), **options)


def test_a_driver_gets_what_was_lost(cluster: Cluster) -> None:
    doomed = cluster.add_node()
    ref = rather(doomed, make).remote(MIB)
    pair = rather(doomed, twins, num_returns=2).remote()
    loom.wait([ref, *pair], num_returns=3, timeout=30)
    cluster.remove_node(doomed, kill=True)
    assert loom.get([ref, *pair], timeout=30) == [b"x" * MIB, b"a" * MIB, b"b" * MIB]


def test_a_chain_of_three_of_which_two_are_gone_already(cluster: Cluster) -> None:
    doomed = cluster.add_node()
    small = loom.put(b"small")
    first = rather(doomed, make).remote(MIB)
    second = rather(doomed, grow).remote(first, small)
    third = rather(doomed, grow).remote(second)
    loom.wait([third], timeout=30)
    del first, second, small
    cluster.remove_node(doomed, kill=True)
    assert loom.get(third, timeout=30) == b"x" * MIB + b"+small+"


def test_tasks_that_wait_for_it_and_tasks_that_ask_for_it(cluster: Cluster) -> None:
    doomed = cluster.add_node()
    ref, other = (rather(doomed, make).remote(MIB, what) for what in (b"x", b"y"))
    loom.wait([ref, other], num_returns=2, timeout=30)
    cluster.remove_node(doomed, kill=True)
    here = [size_of.remote(ref), grow.remote(other, ref), nested.remote([ref, other])]
    size, grown, both = loom.get(here, timeout=30)
    assert (size, grown, both) == (MIB, b"y" * MIB + b"+" + b"x" * MIB, 2 * MIB)


def test_what_cannot_be_made_again_says_why(cluster: Cluster) -> None:
    doomed = cluster.add_node(num_cpus=2)
    there = loom.NodeAffinity(doomed.id)
    never = make.options(scheduling=there, max_retries=0).remote(MIB)
    actor = Maker.options(scheduling=there).remote()
    from_actor = actor.make.remote()
    base = loom.get(putter.options(scheduling=there).remote())[0]
    of_put = grow.options(scheduling=there).remote(base)
    loom.wait([never, from_actor, of_put], num_returns=3, timeout=30)
    cluster.remove_node(doomed, kill=True)
    for ref, why in [
        (never, "its task has max_retries=0"),
        (from_actor, "a method of an actor made it, and is not called again"),
        (base, "it was put, and no task made it"),
        (of_put, r"since object \S+, which its task needs and is gone too, was put"),
    ]:
        with pytest.raises(errors.ObjectLost, match=why):
            loom.get(ref, timeout=30)
        reads = size_of.remote(ref)
        with pytest.raises(errors.ObjectLost, match=why):
            loom.get(reads, timeout=30)


@loom.task
def putter() -> list[Any]:
    return [loom.put(b"p" * MIB)]
