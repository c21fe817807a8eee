"""Random histories of placement groups: what must hold whatever nodes, tasks and users do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hyperloom.gcs import keys
from hyperloom.gcs.library import build
from tests.models.groups import keeps, sum_of, ways
from tests.models.references import Limits
from tests.unit.gcs.grouped import Keeper, create, groups, units
from tests.unit.gcs.plane import JOB, Plane

if TYPE_CHECKING:
    from pathlib import Path

    from tests.models.groups import Units
    from tests.unit.gcs.grouped import Group

STRATEGIES = ["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"]
few = st.integers(0, 5)
amounts = st.fixed_dictionaries({"CPU": st.integers(1, 3)}, optional={"GPU": st.just(1)})


class World(RuleBasedStateMachine):
    """Nodes that come and go, and have tasks of their own; groups that come and go."""

    plane: Plane

    def __init__(self) -> None:
        super().__init__()
        self.plane.wire.call("FLUSHALL")
        self.nodes: list[Keeper] = []
        self.born = 0
        self.made: list[bytes] = []
        self.add_node({"CPU": 3})
        self.add_node({"CPU": 2, "GPU": 1})

    @rule(total=amounts)
    @precondition(lambda self: len(self.nodes) < 4)
    def add_node(self, total: Units) -> None:
        self.born += 1
        self.nodes.append(Keeper(self.plane, f"n{self.born}", total))

    @rule(which=few)
    @precondition(lambda self: len(self.nodes) > 1)
    def lose_node(self, which: int) -> None:
        gone = self.nodes.pop(which % len(self.nodes))
        self.plane.call("node_leave", gone.id, ns=keys.CLUSTER)

    @rule(which=few)
    @precondition(lambda self: len(self.nodes) > 1)
    def drain_node(self, which: int) -> None:
        """It gives up all that it keeps, and then leaves."""
        gone = self.nodes.pop(which % len(self.nodes))
        gone.sync()
        gone.leaves()
        self.places_are_right()
        self.plane.call("node_leave", gone.id, ns=keys.CLUSTER)

    @rule(
        wanted=st.lists(amounts, min_size=1, max_size=4),
        strategy=st.sampled_from(STRATEGIES),
        job=st.sampled_from([b"", JOB, b"JOB2"]),
    )
    @precondition(lambda self: len(self.made) < 4)
    def create(self, wanted: list[Units], strategy: str, job: bytes) -> None:
        self.born += 1
        self.made.append(b"g%07d" % self.born)
        create(self.plane, self.made[-1], strategy, *wanted, job=job)

    @rule(which=few)
    @precondition(lambda self: self.made)
    def remove(self, which: int) -> None:
        gone = self.made.pop(which % len(self.made))
        self.plane.call("group_remove", gone, ns=keys.CLUSTER)

    @rule()
    def end_job(self) -> None:
        self.plane.call("job_forget", b"JOB2", ns=keys.CLUSTER)
        self.made = list(groups(self.plane))

    @rule(which=few, tasks=few, actors=few)
    def work(self, which: int, tasks: int, actors: int) -> None:
        """Tasks and actors of the node's own begin and end, as far as there is room."""
        node = self.nodes[which % len(self.nodes)]
        node.tasks = node.actors = {}
        for what, most in (("actors", actors), ("tasks", tasks)):
            setattr(node, what, {"CPU": max(0, min(most, node.free()["CPU"]))})

    @rule(which=few, gives_up=st.booleans())
    def sync(self, which: int, *, gives_up: bool) -> None:
        node = self.nodes[which % len(self.nodes)]
        node.sync(*(node.kept if gives_up else ()))
        if node.waits:
            self.nothing_more_could_be_placed()

    @rule()
    def settle(self) -> None:
        """Each says how it is, in turn; so what is waiting mostly gets its place."""
        for node in self.nodes:
            node.sync()

    def nothing_more_could_be_placed(self) -> None:
        """By what the nodes told to be free, less what was placed since."""
        rooms = self.plane.world().get(keys.ROOM.name(keys.CLUSTER), {})
        names = [node.hex() for node in rooms]
        free = [units(row.decode().partition("|")[0]) for row in rooms.values()]
        for group in groups(self.plane).values():
            lacking = [n for n, place in zip(group.needs, group.nodes, strict=True) if not place]
            taken = [place for place in group.nodes if place]
            # A bundle's node that has not told its room is none of those to be chosen from.
            numbers = [names.index(place) if place in names else -1 for place in taken]
            assert not lacking or not any(ways(group.strategy, lacking, free, numbers))

    @invariant()
    def places_are_right(self) -> None:
        all_of_them = groups(self.plane)
        assert set(all_of_them) == set(self.made)
        for group in all_of_them.values():
            self.is_whole_and_as_it_wishes(group)
        for node in self.nodes:
            mine = [
                needs
                for group in all_of_them.values()
                for needs, place in zip(group.needs, group.nodes, strict=True)
                if place == node.id.hex()
            ]
            for name, amount in sum_of(iter(mine)).items():
                assert amount <= node.total.get(name, 0), f"{name} was given away twice"

    def is_whole_and_as_it_wishes(self, group: Group) -> None:
        members = {node.id.hex() for node in self.nodes}
        placed = [place for place in group.nodes if place]
        assert set(placed) <= members, "a bundle lies where nobody is"
        assert not placed or group.created or not group.waits, "all bundles, or none"
        if not group.waits:
            numbers = [sorted(members).index(place) for place in placed]
            assert keeps(group.strategy, numbers)
        if group.created and not group.waits:
            assert group.strategy != "STRICT_PACK" or len(set(placed)) == 1

    def teardown(self) -> None:
        """Left alone, the nodes agree with the control plane, and in the end nothing is left."""
        for node in self.nodes:
            node.tasks = node.actors = {}
        for node in self.nodes * 8:
            node.sync()
        for name, group in groups(self.plane).items():
            assert group.created or group.waits, f"{name!r} is placed, and is not held"
            assert group.waits or all(group.held)
        for group in self.made:
            self.plane.call("group_remove", group, ns=keys.CLUSTER)
        for node in self.nodes:
            node.sync()
            assert node.free() == node.total
            self.plane.call("node_leave", node.id, ns=keys.CLUSTER)
        assert self.plane.world() == {}


def test_groups_are_whole_and_nothing_is_given_away_twice(socket_path: Path) -> None:
    plane = Plane(socket_path, build(**asdict(Limits()), GROUP_AGAIN_MS=0, GROUP_PATIENT_MS=10**9))
    try:
        run_state_machine_as_test(
            type("BoundWorld", (World,), {"plane": plane}),
            settings=settings(
                max_examples=50,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        plane.wire.call("FLUSHALL")
        plane.close()
