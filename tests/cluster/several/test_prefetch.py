"""A node that is full fetches what the tasks need that it runs next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current
from hyperloom.testing import Cluster
from hyperloom.watch.live import Live
from tests.cluster.api.gate import Gate
from tests.cluster.gated import waits
from tests.cluster.several.stores import nothing_is_left, objects_on, transfers
from tests.cluster.several.tasks import make, on, place_of
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hyperloom.testing import ClusterNode

pytestmark = pytest.mark.slow

SIZE = 20_000_000
READERS = {"for": "readers"}


@pytest.fixture(scope="module")
def two() -> Iterator[Cluster]:
    nodes: list[dict[str, Any]] = [{}, {"labels": READERS}]
    with Cluster(nodes=nodes, num_cpus=1, check=True) as cluster:
        yield cluster


@pytest.fixture
def cluster(two: Cluster) -> Iterator[Cluster]:
    """A job for each test: what a node learns of its queues ends with it."""
    with two.connect():
        ids = [node.id for node in two.nodes]
        assert loom.get([on(node).remote() for node in ids], timeout=30) == ids
        yield two
        nothing_is_left(two)


class Full:
    """The only CPUs of these nodes are taken, until they are let go."""

    def __init__(self, folder: Path, *nodes: ClusterNode) -> None:
        folder.mkdir(exist_ok=True)
        self._gate, notes = Gate(folder / "gate"), Gate(folder / "notes")
        self._refs = [on(node.id, waits).remote(self._gate, notes) for node in nodes]
        wait_until(lambda: len(notes.notes()) == len(nodes), 30)

    def ends(self) -> None:
        assert loom.wait(self._refs, timeout=0.01)[0] == [], "they ran all the time"
        self._gate.open()
        loom.get(self._refs, timeout=30)


def is_on(node: ClusterNode, ref: Any) -> bool:
    return ref.binary().hex() in objects_on(node)


def reads() -> Any:
    return place_of.options(scheduling=loom.NodeLabels(READERS))


def fetching(node: ClusterNode) -> list[str]:
    """Tasks whose inputs are on their way there."""
    live = Live(current.session().address)
    try:
        fetched: list[str] = live.answers_of([bytes.fromhex(node.id)], "status")[node.id][
            "fetching"
        ]
        return fetched
    finally:
        live.close()


def received(node: ClusterNode) -> int:
    return transfers()[node.id]["received"]


def test_the_input_of_a_task_comes_while_the_one_before_it_runs(
    cluster: Cluster, tmp_path: Path
) -> None:
    maker, node = cluster.nodes
    data = on(maker.id, make).remote(SIZE)
    loom.wait([data], timeout=30)
    full, before = Full(tmp_path, node), received(node)
    place = on(node.id, place_of).remote(data)
    wait_until(lambda: is_on(node, data), 20)
    full.ends()
    assert loom.get(place, timeout=30) == node.id
    assert received(node) - before == 1, "and that was all that came"


def test_the_smaller_part_comes_to_where_the_larger_one_is(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Both nodes are full, and the task may run on both; it waits for the one that has more."""
    node, other = cluster.nodes
    large, small = on(node.id, make).remote(2 * SIZE), on(other.id, make).remote(SIZE)
    loom.wait([large, small], num_returns=2, timeout=30)
    full, other_full = Full(tmp_path / "a", node), Full(tmp_path / "b", other)
    place = place_of_both.remote(large, small)
    wait_until(lambda: is_on(node, small), 20)
    full.ends()
    assert loom.get(place, timeout=30) == node.id
    other_full.ends()


@loom.task
def place_of_both(first: bytes, second: bytes) -> str:
    assert first
    assert second
    return loom.context().node_id


def test_what_comes_for_a_task_binds_it_to_nothing(cluster: Cluster, tmp_path: Path) -> None:
    """1. A node that is full takes a task ahead, and has its input.  2. Another one joins.
    3. It stands idle, and is given the task, which fetches its input there."""
    maker, node = cluster.nodes
    data = on(maker.id, make).remote(SIZE)
    loom.wait([data], timeout=30)
    full = Full(tmp_path, node)
    place = reads().remote(data)
    wait_until(lambda: is_on(node, data), 20)
    joined = cluster.add_node(num_cpus=1, labels=READERS)
    try:
        assert loom.get(place, timeout=30) == joined.id
        full.ends()
    finally:
        cluster.remove_node(joined)


def test_of_a_task_that_is_cancelled_nothing_comes(cluster: Cluster, tmp_path: Path) -> None:
    """1. A full node takes a task ahead.  2. The maker of its input hangs.  3. It is cancelled, and
    that is that.  4. The maker goes on: what was on its way comes to an end too."""
    node, maker = cluster.nodes
    data = on(maker.id, make).remote(SIZE)
    loom.wait([data], timeout=30)
    full = Full(tmp_path, node)
    cluster.pause(maker)
    try:
        place = on(node.id, place_of).remote(data)
        wait_until(lambda: place.binary()[:16].hex() in fetching(node), 20)
        loom.cancel(place)
        with pytest.raises(errors.TaskCancelled):
            loom.get(place, timeout=20)
        wait_until(lambda: not fetching(node), 20)
    finally:
        cluster.resume(maker)
    full.ends()


def test_what_a_node_took_ahead_runs_elsewhere_when_it_dies(tmp_path: Path) -> None:
    """1. Of two full nodes one takes a task ahead, and has its input.  2. It is killed.  3. The
    other has the task, and when its own ends, runs it."""
    nodes: list[dict[str, Any]] = [{}, {"labels": READERS}, {"labels": READERS}]
    fast: dict[str, Any] = {"lease_s": 1, "beat_s": 0.1}
    with Cluster(nodes=nodes, num_cpus=1, **fast) as cluster, cluster.connect():
        maker, *readers = cluster.nodes
        data = on(maker.id, make).remote(SIZE)
        loom.wait([data], timeout=30)
        full = {each: Full(tmp_path / each.id, each) for each in readers}
        place = reads().remote(data)
        wait_until(lambda: any(is_on(each, data) for each in readers), 20)
        readers.sort(key=lambda each: is_on(each, data))
        other, taker = readers
        cluster.remove_node(taker, kill=True)
        wait_until(lambda: is_on(other, data), 30)
        full[other].ends()
        assert loom.get(place, timeout=30) == other.id
