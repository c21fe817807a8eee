"""What is fetched next, from whom, and what follows when that fails; told, and at random."""

from __future__ import annotations

from typing import NoReturn

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hyperloom.transfer import machine as t
from hyperloom.transfer.machine import PullMachine

A, B, C = b"a", b"b", b"c"
N1, N2, N3 = b"n1", b"n2", b"n3"


def pulls(bytes_most: int = 100, moves_most: int = 2) -> PullMachine:
    return PullMachine(bytes_most, moves_most)


def under_way(machine: PullMachine, *oids: bytes, node: bytes = N1) -> None:
    """Have these wanted and moving."""
    for oid in oids:
        assert machine.handle(t.Wanted(oid, 10), 0) == [t.Locate(oid)]
        assert machine.handle(t.Located(oid, [node], [node]), 0) == [t.Move(oid, node)]


def test_an_object_is_fetched_once_however_many_want_it() -> None:
    machine = pulls()
    under_way(machine, A)
    assert machine.handle(t.Wanted(A, 10), 0) == []
    assert machine.handle(t.Moved(A, N1), 0) == [t.Here(A)]
    assert machine.pulls == {}


def test_so_many_are_on_their_way_and_so_many_bytes() -> None:
    machine = pulls()
    under_way(machine, A, B)
    assert machine.handle(t.Wanted(C, 10), 0) == []
    assert machine.handle(t.Moved(A, N1), 0) == [t.Here(A), t.Locate(C)]
    machine = pulls()
    assert machine.handle(t.Wanted(A, 1000), 0) == [t.Locate(A)]  # one may always be
    assert machine.handle(t.Wanted(B, 1), 0) == []
    assert machine.handle(t.Located(A, [N1], [N1]), 0) == [t.Move(A, N1)]
    assert machine.handle(t.Moved(A, N1), 0) == [t.Here(A), t.Locate(B)]


class Never(dict[bytes, t.Pull]):
    """What nobody walks over."""

    def walk(self) -> NoReturn:
        raise AssertionError("somebody walks over all that is wanted")

    __iter__ = values = items = keys = walk  # type: ignore[assignment]


def test_however_many_are_wanted_none_of_them_is_looked_at_for_another() -> None:
    """1. A program gets 50,000 values from elsewhere.  2. For each, its node looks at all of them.
    3. It says nothing for so long that it is given up."""
    machine = PullMachine(100, 2, pulls=Never())
    names = [bytes([number]) for number in range(100)]
    asked = [effect for name in names for effect in machine.handle(t.Wanted(name, 10), 0)]
    assert asked == [t.Locate(names[0]), t.Locate(names[1])]
    for name in names[:2]:
        assert machine.handle(t.Located(name, [N1], [N1]), 0) == [t.Move(name, N1)]
    assert machine.handle(t.Unwanted(names[2]), 0) == [t.Forget(names[2])]
    assert machine.handle(t.Moved(names[0], N1), 0) == [t.Here(names[0]), t.Locate(names[3])]
    assert machine.handle(t.Failed(names[1], N1, "busy"), 0) == [t.Locate(names[4])]
    assert machine.handle(t.Tick(), machine.due) == []
    # It goes before those that were wanted after it.
    assert machine.handle(t.Unwanted(names[3]), 1) == [t.Forget(names[3]), t.Locate(names[1])]


def test_the_latest_place_is_asked_first_and_then_the_others() -> None:
    machine = pulls()
    machine.handle(t.Wanted(A, 10), 0)
    assert machine.handle(t.Located(A, [N1, N2, N3], [N1, N3]), 0) == [t.Move(A, N3)]
    assert machine.handle(t.Failed(A, N3, "broken"), 0) == [t.Move(A, N1)]
    assert machine.handle(t.Failed(A, N1, "busy"), 0) == []
    assert machine.due == 0.02
    assert machine.handle(t.Tick(), 0.02) == [t.Locate(A)]
    assert machine.handle(t.Located(A, [N1, N2], [N2]), 0.02) == [t.Move(A, N2)]


def test_what_cannot_be_had_is_given_up_with_the_reason() -> None:
    for located, why, nodes in (
        (t.Located(A, [], []), "gone", ()),
        (t.Located(A, [N1, N2], []), "nodes", [N1, N2]),
    ):
        machine = pulls()
        machine.handle(t.Wanted(A, 10), 0)
        assert machine.handle(located, 0) == [t.Forget(A), t.GaveUp(A, why, nodes)]
        assert machine.pulls == {}
    machine = pulls()
    under_way(machine, A)
    effects = machine.handle(t.Failed(A, N1, "absent"), 0)
    assert effects == [t.Forget(A), t.GaveUp(A, "absent", [N1])]


def test_without_room_it_is_tried_again_and_then_given_up() -> None:
    machine, now, gave_up = pulls(), 0.0, []
    machine.handle(t.Wanted(A, 10), now)
    for _ in range(20):
        if A not in machine.pulls:
            break
        machine.handle(t.Located(A, [N1, N2], [N1, N2]), now)
        gave_up = machine.handle(t.Failed(A, N2, "full"), now)
        now = machine.due
        machine.handle(t.Tick(), now)
    assert gave_up == [t.Forget(A), t.GaveUp(A, "full", [N1, N2])]


def test_what_nobody_wants_any_more_ends() -> None:
    machine = pulls()
    machine.handle(t.Wanted(A, 10), 0)
    assert machine.handle(t.Unwanted(A), 0) == [t.Forget(A)]
    assert machine.handle(t.Located(A, [N1], [N1]), 0) == []
    under_way(machine, B)
    assert machine.handle(t.Unwanted(B), 0) == []  # it moves: what comes of that is awaited
    assert machine.handle(t.Failed(B, N1, "broken"), 0) == [t.Forget(B)]
    under_way(machine, C)
    machine.handle(t.Unwanted(C), 0)
    machine.handle(t.Wanted(C, 10), 0)  # or again
    assert machine.handle(t.Failed(C, N1, "busy"), 0) == []
    assert machine.handle(t.Tick(), machine.due) == [t.Locate(C)]


OIDS, NODES = [A, B, C, b"d"], [N1, N2, N3]
few = st.integers(0, 3)


class World(RuleBasedStateMachine):
    """Three nodes, of which some are members and have the objects; its own books of what moves."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = pulls()
        self.now = 0.0
        self.places: dict[bytes, list[bytes]] = {oid: [N1] for oid in OIDS}
        self.members = set(NODES)
        self.locating: list[bytes] = []
        self.moving: list[tuple[bytes, bytes]] = []
        self.wanted: set[bytes] = set()

    def tell(self, event: t.Event) -> None:
        for effect in self.machine.handle(event, self.now):
            match effect:
                case t.Locate(oid):
                    assert oid in self.wanted
                    self.locating.append(oid)
                case t.Move(oid, node):
                    assert oid not in [other for other, _ in self.moving], "twice at a time"
                    self.moving.append((oid, node))
                case t.Here(oid) | t.GaveUp(oid):
                    self.wanted.discard(oid)
                case t.Forget(oid):
                    assert oid not in [other for other, _ in self.moving], "a thread has it"
        self.machine.check()

    @rule(which=few, size=st.sampled_from([1, 40, 70, 1000]))
    def want(self, which: int, size: int) -> None:
        self.wanted.add(OIDS[which])
        self.tell(t.Wanted(OIDS[which], size))

    @rule(which=few)
    def lose_interest(self, which: int) -> None:
        self.wanted.discard(OIDS[which])
        self.tell(t.Unwanted(OIDS[which]))

    @precondition(lambda self: self.locating)
    @rule()
    def locate(self) -> None:
        oid = self.locating.pop(0)
        nodes = self.places[oid]
        self.tell(t.Located(oid, nodes, [node for node in nodes if node in self.members]))

    @precondition(lambda self: self.moving)
    @rule(which=few, how=st.sampled_from(["moved", "busy", "broken", "absent", "full"]))
    def end(self, which: int, how: t.Why) -> None:
        oid, node = self.moving.pop(which % len(self.moving))
        self.tell(t.Moved(oid, node) if how == "moved" else t.Failed(oid, node, how))

    @rule(which=few, at=st.integers(0, 2), there=st.booleans())
    def place(self, which: int, at: int, there: bool) -> None:  # noqa: FBT001
        nodes = [node for node in self.places[OIDS[which]] if node != NODES[at]]
        self.places[OIDS[which]] = [*nodes, NODES[at]] if there else nodes

    @rule(at=st.integers(0, 2))
    def come_or_go(self, at: int) -> None:
        self.members ^= {NODES[at]}

    @rule(seconds=st.sampled_from([0.01, 0.1, 2]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        if self.machine.due <= self.now:
            self.tell(t.Tick())

    @invariant()
    def nothing_is_forgotten(self) -> None:
        resting = {oid for oid, pull in self.machine.pulls.items() if pull.state == "resting"}
        assert not resting or self.machine.due < float("inf")
        assert self.wanted <= self.machine.pulls.keys()

    def teardown(self) -> None:
        """When all that moves arrives, all that is wanted comes."""
        self.places = {oid: [N1] for oid in OIDS}
        self.members = set(NODES)
        for _ in range(100):
            while self.locating:
                self.locate()
            while self.moving:
                self.end(0, "moved")
            self.wait(2)
        assert self.machine.pulls == {}
        assert self.wanted == set()


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=100, stateful_step_count=40)
