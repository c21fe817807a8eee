"""Placement groups: places for all bundles or for none, told step by step."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from hyperloom import errors
from hyperloom.gcs import keys
from hyperloom.gcs.library import build
from tests.models.groups import fits, ways, wished
from tests.models.references import Limits
from tests.unit.gcs.grouped import Keeper, create, groups, text
from tests.unit.gcs.plane import JOB, Plane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.models.groups import Units

G, H = b"group..1", b"group..2"
CPU = {"CPU": 10_000}
STRATEGIES = ["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"]


PATIENT = build(**asdict(Limits()), GROUP_AGAIN_MS=10**9, GROUP_PATIENT_MS=10**9)


@pytest.fixture
def plane(socket_path: Path) -> Iterator[Plane]:
    """Groups wait until all nodes have told their room, and for no time at all then."""
    plane = Plane(socket_path, PATIENT)
    yield plane
    plane.wire.call("FLUSHALL")
    plane.close()


amounts = st.fixed_dictionaries(
    {"CPU": st.integers(1, 4)}, optional={"GPU": st.integers(1, 2), "disk": st.just(1)}
)


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    strategy=st.sampled_from(STRATEGIES),
    wanted=st.lists(amounts, min_size=1, max_size=5),
    rooms=st.lists(amounts, min_size=1, max_size=4),
)
def test_a_group_is_placed_if_there_is_a_way_and_as_it_wishes(
    plane: Plane, strategy: str, wanted: list[Units], rooms: list[Units]
) -> None:
    """All ways are tried by the model; the library finds one of those that are right."""
    plane.wire.call("FLUSHALL")
    nodes = [Keeper(plane, f"n{at}", room) for at, room in enumerate(rooms)]
    create(plane, G, strategy, *wanted)
    for each in nodes:
        each.sync()
    names = [each.id.hex() for each in nodes]
    group = groups(plane)[G]
    possible = list(ways(strategy, wanted, rooms))
    packed = [text(room) for room in rooms]
    assert plane.call("group_fits", G, *packed, ns=keys.CLUSTER) == bool(possible)
    if not possible:
        assert set(group.nodes) == {""}
        return
    places = tuple(names.index(name) for name in group.nodes)
    assert fits(wanted, rooms, places)
    assert places in wished(strategy, possible)


def test_a_node_that_leaves_gives_up_what_it_keeps_at_once(plane: Plane) -> None:
    """The other bundle, and what runs in it, stay as they are."""
    nodes = [Keeper(plane, name, CPU) for name in ("n1", "n2", "n3")]
    create(plane, G, "STRICT_SPREAD", CPU, CPU)
    for _ in range(3):
        for each in nodes:
            each.sync()
    leaves, stays = (each for each in nodes if each.kept)
    (idle,) = (each for each in nodes if not each.kept)
    assert groups(plane)[G].held == [True, True]
    leaves.leaves()
    assert idle.told()
    stays.sync()
    idle.settle()
    group = groups(plane)[G]
    assert sorted(group.nodes) == sorted([stays.id.hex(), idle.id.hex()])
    assert (group.created, group.declined) == (True, 0)
    assert all(groups(plane)[G].held)
    assert idle.open
    assert stays.open


def test_a_group_is_created_when_all_its_bundles_are_held(plane: Plane) -> None:
    """1. It is placed.  2. A node has tasks there that the control plane does not know of.
    3. They end."""
    a, b = Keeper(plane, "a", CPU), Keeper(plane, "b", CPU)
    create(plane, G, "STRICT_SPREAD", CPU, CPU)
    assert a.told()
    assert b.told()
    a.sync()
    assert groups(plane)[G].nodes == ["", ""], "b has not said what it has"
    b.sync()
    assert not groups(plane)[G].waits
    b.tasks = dict(CPU)
    assert a.told()
    for each in (a, b):
        each.settle()
    assert groups(plane)[G].held == [True, False]
    assert a.open == set()
    b.tasks = {}
    b.settle()
    assert groups(plane)[G].created
    assert len(b.open) == 1
    assert a.told()
    a.sync()
    assert len(a.open) == 1


def test_who_cannot_hold_a_bundle_gives_the_whole_group_up(plane: Plane) -> None:
    """An actor came before the bundle; then the group goes to another node that has room."""
    a, b = Keeper(plane, "a", CPU), Keeper(plane, "b", CPU)
    create(plane, G, "STRICT_SPREAD", CPU, CPU)
    a.sync()
    b.sync()
    b.actors = dict(CPU)
    a.settle()
    b.settle()
    c = Keeper(plane, "c", CPU)
    b.sync(*b.kept)
    assert groups(plane)[G].nodes == ["", ""]
    assert groups(plane)[G].declined == 1
    assert a.told()
    for each in (a, b, c, a):
        each.settle()
    assert groups(plane)[G].created
    assert sorted(set(groups(plane)[G].nodes)) == [a.id.hex(), c.id.hex()]
    assert b.free() == {"CPU": 0}
    assert b.kept == {}


def test_what_a_group_has_is_not_given_to_another(plane: Plane) -> None:
    """Though the node has not heard of the first when it tells what is free."""
    a = Keeper(plane, "a", {"CPU": 20_000})
    create(plane, G, "PACK", CPU, CPU)
    create(plane, H, "PACK", CPU)
    a.sync()
    a.kept.clear()
    a.sync()
    assert not groups(plane)[G].waits
    assert groups(plane)[H].waits
    plane.call("group_remove", G, ns=keys.CLUSTER)
    assert a.sync() == [G]
    a.settle()
    assert groups(plane)[H].created


def test_a_lost_nodes_bundles_find_another_place_and_the_others_stay(plane: Plane) -> None:
    a, b = Keeper(plane, "a", CPU), Keeper(plane, "b", CPU)
    create(plane, G, "SPREAD", CPU, CPU)
    for each in (a, b, a, b, a):
        each.settle()
    assert len(a.open) == len(b.open) == 1
    plane.call("node_leave", b.id, ns=keys.CLUSTER)
    group = groups(plane)[G]
    assert group.created
    assert sorted(group.nodes) == ["", a.id.hex()]
    c = Keeper(plane, "c", CPU)
    for each in (a, c, c, a):
        each.sync()
    assert groups(plane)[G].held == [True, True]
    assert len(c.open) == len(a.open) == 1
    with pytest.raises(errors.Stale):
        b.sync()


def test_a_group_ends_with_its_job_unless_it_is_detached(plane: Plane) -> None:
    a = Keeper(plane, "a", {"CPU": 20_000})
    create(plane, G, "PACK", CPU, name="mine")
    create(plane, H, "PACK", CPU, name="theirs", job=b"")
    a.settle()
    with pytest.raises(errors.Exists, match="has the name mine"):
        create(plane, b"group..3", "PACK", CPU, name="mine")
    with pytest.raises(errors.Exists, match="has the name theirs"):
        create(plane, b"group..3", "PACK", CPU, name="theirs")
    assert create(plane, b"group..3", "PACK", CPU, name="mine", job=b"JOB2") == 1
    assert create(plane, G, "PACK", CPU, name="mine") == 0, "said again"
    plane.call("job_forget", JOB, ns=keys.CLUSTER)
    plane.call("job_forget", b"JOB2", ns=keys.CLUSTER)
    assert list(groups(plane)) == [H]
    assert a.told()
    assert a.sync() == [G]
    plane.call("group_remove", H, ns=keys.CLUSTER)
    assert plane.call("group_remove", H, ns=keys.CLUSTER) == 0
    a.sync()
    plane.call("node_leave", a.id, ns=keys.CLUSTER)
    assert plane.world() == {}


def test_a_group_that_waits_for_long_takes_what_tasks_will_leave(plane: Plane) -> None:
    """Tasks follow one another, and nothing is ever free; what an actor has it does not take."""
    a, b = Keeper(plane, "a", CPU, tasks=dict(CPU)), Keeper(plane, "b", CPU, actors=dict(CPU))
    create(plane, G, "PACK", CPU)
    a.settle()
    b.settle()
    assert groups(plane)[G].waits
    plane.load(build(**asdict(Limits()), GROUP_AGAIN_MS=0, GROUP_PATIENT_MS=0))
    a.settle()
    b.settle()
    assert groups(plane)[G].nodes == [a.id.hex()]
    assert a.free() == {"CPU": -10_000}
    a.tasks = {}
    a.settle()
    assert groups(plane)[G].created


def test_a_group_that_was_not_created_yet_is_placed_anew_as_a_whole(plane: Plane) -> None:
    """Its node is lost before it says that it holds its bundle: the other's is let go, too."""
    a, b = Keeper(plane, "a", CPU), Keeper(plane, "b", CPU)
    create(plane, G, "STRICT_SPREAD", CPU, CPU)
    a.sync()
    b.sync()
    assert not groups(plane)[G].waits
    plane.call("node_leave", b.id, ns=keys.CLUSTER)
    assert groups(plane)[G].nodes == ["", ""]
    assert a.told()
