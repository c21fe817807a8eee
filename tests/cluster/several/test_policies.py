"""Where tasks run, shown by counting: policies, and inputs that draw their tasks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import data, errors, tasks
from hyperloom.testing import Cluster
from tests.cluster.api.gate import Gate
from tests.cluster.gated import waits
from tests.cluster.several.stores import transfers
from tests.cluster.several.tasks import (
    MIB,
    Resident,
    make,
    on,
    place_of,
    place_of_item,
    waits_or_not,
    where,
)
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes of four CPUs: two in zone a, one in b."""
    nodes = [{"labels": {"zone": zone}} for zone in "aab"]
    with Cluster(nodes=nodes, num_cpus=4) as cluster, cluster.connect():
        # Who has not heard of the job yet offers nothing, and the others get its share.
        ids = [node.id for node in cluster.nodes]
        assert loom.get([on(node).remote() for node in ids], timeout=30) == ids
        yield cluster


class Crowd:
    """Tasks that all run at the same time, until they are let go."""

    def __init__(self, folder: Path, task: Any, number: int) -> None:
        self._gate, notes = Gate(folder / "gate"), Gate(folder / "notes")
        before = len(notes.notes())
        self._refs = [task.remote(self._gate, notes) for _ in range(number)]
        wait_until(lambda: len(notes.notes()) == before + number, 30)

    def counts(self) -> Counter[str]:
        """How many of them were on each node; they are over."""
        self._gate.open()
        return Counter(loom.get(self._refs, timeout=30))


def test_spread_puts_as_many_on_each_node(cluster: Cluster, tmp_path: Path) -> None:
    counts = Crowd(tmp_path, waits.options(scheduling="spread"), 6).counts()
    assert counts == {node.id: 2 for node in cluster.nodes}


def test_pack_fills_the_node_that_has_least_room(cluster: Cluster, tmp_path: Path) -> None:
    _, begun, _ = cluster.nodes
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    held = Crowd(first, on(begun.id, waits), 1)
    packed = Crowd(second, waits.options(scheduling="pack"), 3)
    assert packed.counts() == {begun.id: 3}
    assert held.counts() == {begun.id: 1}


def test_hard_labels_are_where_alone_it_runs(cluster: Cluster) -> None:
    a, also, b = (node.id for node in cluster.nodes)
    assert [node["labels"] for node in loom.nodes()].count({"zone": "a"}) == 2
    in_b = where.options(scheduling=loom.NodeLabels({"zone": "b"}))
    assert Counter(loom.get([in_b.remote() for _ in range(30)], timeout=30)) == {b: 30}
    in_a = where.options(scheduling=loom.NodeLabels({"zone": "a"}))
    assert set(loom.get([in_a.remote() for _ in range(30)], timeout=30)) <= {a, also}


def test_built_in_tasks_run_where_their_options_say(cluster: Cluster) -> None:
    *_, b = (node.id for node in cluster.nodes)
    on_b = loom.NodeAffinity(b)

    def here(*_: object) -> data.PyObj:
        return data.PyObj(loom.context().node_id)

    called = [tasks.py_call(here).options(scheduling=on_b) for _ in range(10)]
    parts = tasks.py_call(here, [tasks.dget(["x", "y"])]).options(
        scheduling=loom.NodeLabels({"zone": "b"})
    )
    assert loom.submit([parts, *called]).gather(timeout=30) == [[b, b], *[b] * 10]


@pytest.mark.parametrize("wish", ["node", "labels"])
def test_who_is_wished_for_comes_first_and_others_if_he_cannot(
    cluster: Cluster, tmp_path: Path, wish: str
) -> None:
    *_, wanted = cluster.nodes
    chosen: Any = loom.NodeAffinity(wanted.id, soft=True)
    if wish == "labels":
        chosen = loom.NodeLabels({"zone": "b"}, soft=True)
    soft = waits.options(scheduling=chosen)
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert Crowd(folder, soft, 3).counts() == {wanted.id: 3}
    # It has four CPUs: two of these cannot be there, and run all the same.
    assert Crowd(tmp_path, soft, 6).counts()[wanted.id] == 4
    nobody = where.options(scheduling=loom.NodeAffinity("12" * 8, soft=True))
    assert loom.get(nobody.remote(), timeout=30) in {node.id for node in cluster.nodes}


def test_a_task_runs_where_its_large_inputs_are(cluster: Cluster) -> None:
    for node in cluster.nodes:
        data = on(node.id, make).remote(2 * MIB)
        loom.wait([data], timeout=30)
        places = [loom.get(place_of.remote(data), timeout=30) for _ in range(4)]
        assert places == [node.id] * 4


def test_but_not_when_that_node_is_busy(cluster: Cluster, tmp_path: Path) -> None:
    """Others take it, which have nothing to do, and fetch what it needs."""
    *others, full = cluster.nodes
    data = on(full.id, make).remote(2 * MIB)
    loom.wait([data], timeout=30)
    crowd = Crowd(tmp_path, on(full.id, waits), 4)
    places = set(loom.get([place_of.remote(data) for _ in range(8)], timeout=30))
    assert places <= {node.id for node in others}
    assert crowd.counts() == {full.id: 4}


def test_with_100_mb_of_input_a_task_moves_only_if_its_node_is_busy_for_long(
    cluster: Cluster, tmp_path: Path
) -> None:
    """The nodes are asked themselves for what came.  The table of nodes tells it as of their beats:
    1. A test has something fetched, and ends.  2. This one looks how much came so far.  3. One of
    the nodes beats, and the other test's transfer is in the table: one too many."""

    def received() -> int:
        return sum(moved["received"] for moved in transfers().values())

    before = received()
    made = {node.id: on(node.id, make).remote(100_000_000) for node in cluster.nodes}
    loom.wait(list(made.values()), num_returns=3, timeout=30)
    for node, ref in made.items():
        assert [loom.get(place_of.remote(ref), timeout=30) for _ in range(4)] == [node] * 4
    *others, full = made
    crowd = Crowd(tmp_path, on(full, waits), 4)
    places = set(loom.get([place_of.remote(made[full]) for _ in range(8)], timeout=50))
    assert places <= set(others)
    assert crowd.counts() == {full: 4}
    assert received() - before == len(places), "once to each of these, and nothing before"


def test_no_node_starves(cluster: Cluster, tmp_path: Path) -> None:
    """All have their CPUs full before the first of a thousand tasks ends, and all of these run."""
    gate, notes = Gate(tmp_path / "gate"), Gate(tmp_path / "notes")
    refs = [waits.remote(gate, notes) for _ in range(1000)]
    wait_until(lambda: len(notes.notes()) == 12, 30)
    gate.open()
    counts = Counter(loom.get(refs, timeout=50))
    assert sum(counts.values()) == 1000
    assert all(counts[node.id] >= 4 for node in cluster.nodes)


def test_who_stands_idle_takes_what_a_node_holds_and_does_not_get_to(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Tasks that were short were held ahead; then they take long, and there are idle nodes."""
    loom.get([waits_or_not.remote(None, None) for _ in range(300)], timeout=30)
    gate, notes = Gate(tmp_path / "gate"), Gate(tmp_path / "notes")
    refs = [waits_or_not.remote(gate, notes) for _ in range(40)]
    wait_until(lambda: len(notes.notes()) == 12, 30)
    gate.open()
    assert set(loom.get(refs, timeout=30)) == {node.id for node in cluster.nodes}


@loom.actor(num_cpus=4)
class Tenant:
    """Has all of its node, for good."""

    def where(self) -> str:
        return loom.context().node_id


def test_who_waits_at_nodes_that_are_full_for_good_goes_to_one_that_joins(cluster: Cluster) -> None:
    """More than one such node: they do not hand it back and forth, past the one that has room."""
    tenants = [Tenant.remote() for _ in cluster.nodes]
    homes = loom.get([tenant.where.remote() for tenant in tenants], timeout=30)
    assert sorted(homes) == sorted(node.id for node in cluster.nodes)
    actor, task = Tenant.remote(), where.options(num_cpus=2).remote()
    found = actor.where.remote()
    joined = cluster.add_node(num_cpus=8)
    try:
        assert loom.get([found, task], timeout=30) == [joined.id] * 2
    finally:
        del actor
        cluster.remove_node(joined)


def test_what_cannot_be_wished_is_refused_at_once() -> None:
    for scheduling, why in (
        ("near", "'default', 'spread', 'pack', NodeAffinity"),
        (loom.NodeAffinity("xyz"), "a node id of 16 hexadecimal digits"),
        (loom.NodeLabels({}), "at least one label"),
        (loom.NodeLabels({"zone": "a b"}), "cannot be part of a label"),
        (loom.NodeLabels("zone"), "it is a dict of text by text"),  # type: ignore[arg-type]
    ):
        with pytest.raises(errors.InvalidOption, match=why):
            where.options(scheduling=scheduling)


def test_a_wish_that_nobody_can_grant_is_no_reason_to_wait_for_ever(
    cluster: Cluster, tmp_path: Path
) -> None:
    """All CPUs are taken without end, so no node has nothing else to do; there is room for it."""
    crowd = Crowd(tmp_path, waits, 12)
    behind = [where.remote() for _ in range(12)]
    nobody = where.options(scheduling=loom.NodeAffinity("12" * 8, soft=True), num_cpus=0)
    assert loom.get(nobody.remote(), timeout=30) in {node.id for node in cluster.nodes}
    assert crowd.counts() == {node.id: 4 for node in cluster.nodes}
    loom.get(behind, timeout=30)


def test_tasks_of_a_map_that_pack_or_spread_all_run(cluster: Cluster) -> None:
    nodes = {node.id for node in cluster.nodes}
    for how in ("spread", "pack"):
        refs = place_of_item.options(scheduling=how).map(range(300), chunk=1)
        assert set(loom.get(refs, timeout=50)) <= nodes


@pytest.mark.parametrize(("how", "number"), [("pack", 1), ("spread", 3)])
def test_actors_spread_and_pack(cluster: Cluster, tmp_path: Path, how: str, number: int) -> None:
    wait_until(lambda: loom.available_resources().get("CPU") == 12, 20)
    actors = [Resident.options(scheduling=how).remote() for _ in range(3)]
    assert len(set(loom.get([each.where.remote() for each in actors], timeout=30))) == number
    for each in actors:
        loom.kill(each)
    # What they had is free again when all CPUs are taken at the same time.
    assert Crowd(tmp_path, waits, 12).counts() == {node.id: 4 for node in cluster.nodes}
