"""Placement groups on three real nodes: kept together, used by tasks and actors, given back."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.cli.main import main
from hyperloom.testing import Cluster
from hyperloom.util.scheduling_strategies import PlacementGroupSchedulingStrategy
from tests.cluster.api.gate import Gate
from tests.cluster.gated import waits
from tests.cluster.several.tasks import on, where
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

CPU = {"CPU": 1}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes of two CPUs."""
    with Cluster(nodes=3, num_cpus=2, lease_s=2, beat_s=0.5) as cluster, cluster.connect():
        yield cluster


@pytest.fixture
def made(cluster: Cluster) -> Iterator[Any]:
    """Makes groups that are gone after the test, with all that they had."""
    groups: list[loom.PlacementGroup] = []

    def make(*args: Any, **kwargs: Any) -> loom.PlacementGroup:
        groups.append(loom.placement_group(*args, **kwargs))
        return groups[-1]

    yield make
    for group in groups:
        loom.remove_placement_group(group)
    free = {"CPU": 2.0 * len(cluster.nodes)}
    wait_until(lambda: loom.available_resources().get("CPU") == free["CPU"], 20)


@loom.actor(num_cpus=1)
class Resident:
    def where(self) -> str:
        return loom.context().node_id

    def group(self) -> Any:
        return loom.get_current_placement_group()


def state(group: loom.PlacementGroup) -> str:
    return loom.placement_group_table()[group.id]["state"]


def nodes_of(group: loom.PlacementGroup) -> list[str]:
    return list(loom.placement_group_table()[group.id]["bundles_to_node_id"].values())


def in_bundle(group: loom.PlacementGroup, bundle: int, task: Any = where) -> Any:
    return task.options(scheduling=loom.GroupAffinity(group, bundle))


def test_tasks_and_actors_run_where_their_bundles_are(made: Any) -> None:
    group = made([CPU] * 3, strategy="STRICT_SPREAD", name="three")
    assert loom.get(group.ready(), timeout=30) == group
    places = nodes_of(group)
    assert len(set(places)) == 3
    at = [in_bundle(group, bundle).remote() for bundle in range(3)]
    assert loom.get(at, timeout=30) == places
    actor = Resident.options(scheduling=PlacementGroupSchedulingStrategy(group, 1)).remote()
    assert loom.get(actor.where.remote(), timeout=30) == places[1]
    found = loom.get(actor.group.remote(), timeout=30)
    assert (found, found.bundle_specs) == (loom.get_placement_group("three"), [{"CPU": 1.0}] * 3)
    assert loom.get_current_placement_group() is None
    anywhere = [where.options(scheduling=group).remote() for _ in range(60)]
    assert set(loom.get(anywhere, timeout=30)) <= set(places)


@pytest.mark.parametrize("strategy", ["PACK", "STRICT_PACK"])
def test_packed_bundles_are_on_one_node(made: Any, strategy: str) -> None:
    group = made([CPU, CPU], strategy=strategy)
    assert group.wait(30)
    assert len(set(nodes_of(group))) == 1


def test_what_groups_have_taken_whole_is_told_as_nothing(cluster: Cluster, made: Any) -> None:
    group = made([{"CPU": 2}] * len(cluster.nodes), strategy="STRICT_SPREAD")
    assert group.wait(30)
    wait_until(lambda: loom.available_resources()["CPU"] == 0, 10)


def test_what_a_group_has_nobody_else_gets(cluster: Cluster, made: Any, tmp_path: Path) -> None:
    """It takes all CPUs but one; only as many others run at a time as there are left."""
    group = made([{"CPU": 2}, {"CPU": 2}, CPU], strategy="STRICT_SPREAD")
    assert group.wait(30)
    wait_until(lambda: loom.available_resources()["CPU"] == 1, 10)
    *_, last = nodes_of(group)
    gate, notes = Gate(tmp_path / "gate"), Gate(tmp_path / "notes")
    others = [waits.remote(gate, notes) for _ in range(3)]
    mine = [waits.options(scheduling=group).remote(gate, notes) for _ in range(5)]
    wait_until(lambda: len(notes.notes()) == 6, 30)
    gate.open()
    assert loom.get(others, timeout=30) == [last] * 3
    assert Counter(loom.get(mine, timeout=30)) == {
        node.id: 1 if node.id == last else 2 for node in cluster.nodes
    }


def test_a_group_waits_for_room_and_what_is_to_run_in_it_waits_with_it(
    cluster: Cluster, made: Any, tmp_path: Path
) -> None:
    """1. Tasks have all CPUs.  2. A group is wanted.  3. The tasks end."""
    gate, notes = Gate(tmp_path / "gate"), Gate(tmp_path / "notes")
    busy = [on(node.id, waits).remote(gate, notes) for node in cluster.nodes for _ in range(2)]
    wait_until(lambda: len(notes.notes()) == 6, 30)
    group = made([CPU, CPU], strategy="SPREAD")
    inside = in_bundle(group, 1).remote()
    assert not group.wait(0.1)
    assert state(group) in {"PENDING", "PREPARED"}
    gate.open()
    loom.get(busy, timeout=30)
    assert group.wait(30)
    assert loom.get(inside, timeout=30) == nodes_of(group)[1]


def test_the_end_of_a_group_is_the_end_of_what_it_has(made: Any, tmp_path: Path) -> None:
    gate, notes = Gate(tmp_path / "gate"), Gate(tmp_path / "notes")
    group = made([CPU, CPU], strategy="PACK")
    actor = Resident.options(scheduling=loom.GroupAffinity(group, 0)).remote()
    loom.get(actor.where.remote(), timeout=30)
    runs = in_bundle(group, 1, waits).remote(gate, notes)
    wait_until(lambda: len(notes.notes()) == 1, 30)
    behind = [in_bundle(group, 1, waits).remote(gate, notes) for _ in range(3)]
    late = in_bundle(group, 1).remote()
    assert len(loom.placement_group_table()) == 1
    loom.remove_placement_group(group)
    loom.remove_placement_group(group)
    again = in_bundle(group, 0).remote()
    for ref in (runs, *behind, late, again, actor.where.remote(), group.ready()):
        with pytest.raises(errors.PlacementGroupRemoved, match=f"group {group.id} does not exist"):
            loom.get(ref, timeout=30)
    assert loom.placement_group_table() == {}
    with pytest.raises(ValueError, match="no placement group has the name 'mine'"):
        loom.get_placement_group("mine")


def test_the_bundles_of_a_lost_node_are_placed_anew(cluster: Cluster, made: Any) -> None:
    extra = cluster.add_node(num_cpus=1, resources={"disk": 1})
    group = made([CPU, {"disk": 1}], strategy="STRICT_SPREAD")
    assert group.wait(30)
    stays = Resident.options(scheduling=loom.GroupAffinity(group, 0)).remote()
    pid = loom.get(stays.where.remote(), timeout=30)
    assert nodes_of(group)[1] == extra.id
    cluster.remove_node(extra, kill=True)
    there = in_bundle(group, 1, where.options(num_cpus=0, resources={"disk": 1})).remote()
    wait_until(lambda: state(group) == "RESCHEDULING", 30)
    heir = cluster.add_node(num_cpus=1, resources={"disk": 1})
    assert loom.get(there, timeout=30) == heir.id
    assert state(group) == "CREATED"
    assert loom.get(stays.where.remote(), timeout=30) == pid
    loom.kill(stays)
    cluster.remove_node(heir)


@loom.task(num_cpus=1)
def parent() -> tuple[str, str | None, str]:
    child = where.remote()
    resident = Resident.remote()
    found = loom.get_current_placement_group()
    return loom.get(child), found and found.id, loom.get(resident.where.remote())


def test_children_run_in_the_group_if_it_captures_them(made: Any) -> None:
    group = made([{"CPU": 2}], strategy="PACK", lifetime="detached", name="all")
    assert group.wait(30)
    (place,) = nodes_of(group)
    mine = loom.GroupAffinity(group, 0, capture_child_tasks=True)
    told = loom.get(parent.options(scheduling=mine).remote(), timeout=30)
    assert told == (place, group.id, place)


def test_what_no_cluster_could_keep_waits_and_says_so(
    cluster: Cluster, made: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)

    def loom_(*arguments: str) -> str:
        assert main(arguments) == 0
        return " ".join(capsys.readouterr().out.split())

    group = made([CPU] * 9, strategy="STRICT_SPREAD")
    ready = group.ready()
    with pytest.raises(errors.GetTimeout, match=f"group {group.id}, which is more than the nodes"):
        loom.get(ready, timeout=0.1)
    assert state(group) == "PENDING"
    assert nodes_of(group) == [None] * 9
    for which in (group.id, "last"):
        assert "is more than the nodes that there are could keep" in loom_("why", which)
    shown = loom_("ls", "groups")
    assert [word in shown for word in (group.id, "PENDING", "9 x 1 CPU")] == [True] * 3
    (row,) = json.loads(loom_("ls", "groups", "--json"))["groups"]
    assert row["bundles"][8] == {"index": 8, "takes": {"CPU": 1}, "node": "", "held": False}


def test_what_cannot_be_a_group_is_refused_at_once(made: Any) -> None:
    group = made([{"CPU": 2}, CPU])
    for bundles, more, why in (
        ([], {}, "a list of 1 to 1000 bundles"),
        ([{}], {}, "bundle 0, {}, cannot be"),
        ([{"CPU": 0}], {}, "asks for nothing"),
        ([CPU, {"GPU": 1.5}], {}, "bundle 1, .* but not whole ones"),
        ([{"CPU": -1}], {}, "bundle 0: CPU=-1 is no amount"),
        ([CPU], {"strategy": "CLOSE"}, "strategy='CLOSE' cannot be"),
        ([CPU], {"lifetime": "long"}, "it is 'detached' or None"),
    ):
        with pytest.raises(errors.InvalidOption, match=why):
            loom.placement_group(bundles, **more)
    for scheduling, more, why in (
        (loom.GroupAffinity(group, 2), {}, "has bundles 0 to 1"),
        (loom.GroupAffinity("g"), {}, "write the group that loom.placement_group"),  # type: ignore[arg-type]
        (loom.GroupAffinity(group, 1), {"num_cpus": 2}, "bundle 1 not of placement group .* 1 CPU"),
        (group, {"num_cpus": 3}, "3 CPU is asked for, and no bundle"),
    ):
        with pytest.raises(errors.InvalidOption, match=why):
            where.options(scheduling=scheduling, **more)
