"""Parts of a cluster that cannot reach one another: in both directions, or in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.testing import Cluster
from tests.cluster.several.tasks import alive, make, on, size_of, where
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(Cluster.why_no_networks()), reason=Cluster.why_no_networks()),
]

SIZE = 1 << 20


@pytest.fixture(scope="module")
def apart() -> Iterator[Cluster]:
    """Three nodes, a server and this program, each in a network of its own."""
    with Cluster(nodes=3, networks=True, lease_s=1, beat_s=0.1) as cluster, cluster.connect():
        yield cluster


@pytest.fixture
def whole(apart: Cluster) -> Iterator[Cluster]:
    """The same, whatever the test before cut."""
    ids = {node.id for node in apart.nodes}
    wait_until(lambda: alive() == ids, 30)
    yield apart
    apart.heal()


@pytest.mark.parametrize("way", ["both", "to the server", "from the server"])
def test_a_node_that_cannot_reach_the_server_or_be_reached_is_given_up_and_joins_again(
    whole: Cluster, way: str
) -> None:
    first, second, cut = whole.nodes
    if way == "from the server":
        whole.partition("server", cut, one_way=True)
    else:
        whole.partition(cut, "server", one_way=way == "to the server")
    wait_until(lambda: alive() == {first.id, second.id}, 30)
    assert loom.get([where.remote() for _ in range(10)], timeout=30)
    whole.heal(cut)
    wait_until(lambda: cut.id in alive(), 30)
    assert loom.get(on(cut.id).remote(), timeout=30) == cut.id


@pytest.mark.parametrize("way", ["both", "of what it asks", "of what it is answered"])
def test_an_object_is_fetched_from_another_node_that_has_it(whole: Cluster, way: str) -> None:
    maker, copies, lacks = whole.nodes
    data = on(maker.id, make).remote(SIZE)
    assert loom.get(on(copies.id, size_of).remote(data), timeout=30) == SIZE
    # It would be asked first: it has served the fewest.
    if way == "of what it is answered":
        whole.partition(copies, lacks, one_way=True)
    else:
        whole.partition(lacks, copies, one_way=way == "of what it asks")
    assert loom.get(on(lacks.id, size_of).remote(data), timeout=40) == SIZE
    assert alive() == {node.id for node in whole.nodes}, "all of them reach the server"


def test_an_object_that_nobody_else_has_is_waited_for(whole: Cluster) -> None:
    maker, lacks, _ = whole.nodes
    data = on(maker.id, make).remote(SIZE)
    loom.wait([data], timeout=30)
    whole.partition(maker, lacks)
    size = on(lacks.id, size_of).remote(data)
    assert loom.get(on(lacks.id).remote(), timeout=30) == lacks.id, "others do not wait for it"
    assert loom.wait([size], timeout=0)[0] == []
    whole.heal()
    assert loom.get(size, timeout=40) == SIZE


@pytest.mark.parametrize("way", ["both", "to the server", "from the server"])
def test_a_driver_that_is_cut_off_goes_on_where_it_was(whole: Cluster, way: str) -> None:
    before = [where.remote() for _ in range(10)]
    if way == "from the server":
        whole.partition("server", "driver", one_way=True)
    else:
        whole.partition("driver", "server", one_way=way == "to the server")
    meanwhile = [where.remote() for _ in range(10)]
    with pytest.raises(errors.GetTimeout, match=r"why: the control plane at .* does not answer"):
        loom.get(meanwhile, timeout=0.5)
    whole.heal("driver")
    ids = {node.id for node in whole.nodes}
    assert set(loom.get(before + meanwhile, timeout=40)) <= ids


def test_what_cannot_be_cut_is_refused(whole: Cluster) -> None:
    with pytest.raises(ValueError, match="name the other part, too"):
        whole.partition("driver", one_way=True)
