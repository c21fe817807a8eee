"""Placement groups as the control plane keeps them, and nodes that keep their bundles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import codes, keys
from tests.models.groups import Units, sum_of
from tests.unit.gcs.plane import JOB, node

if TYPE_CHECKING:
    from tests.unit.gcs.plane import Plane

LONG_MS = 600_000


def text(units: Units) -> str:
    return ",".join(f"{name}:{amount}" for name, amount in sorted(units.items()))


def units(of: str) -> Units:
    return {name: int(n) for name, _, n in (part.rpartition(":") for part in of.split(",") if part)}


@dataclass
class Group:
    """What is written of one."""

    strategy: str
    created: bool
    declined: int
    needs: list[Units]
    nodes: list[str]  # "" for nowhere
    held: list[bool]

    @property
    def waits(self) -> bool:
        return "" in self.nodes


def groups(plane: Plane) -> dict[bytes, Group]:
    reply = plane.call("group_list", ns=keys.CLUSTER)
    return {name: _read(row.decode()) for name, row in zip(reply[::2], reply[1::2], strict=True)}


def _read(row: str) -> Group:
    lines = row.splitlines()
    rows = [line.split(" ") for line in lines[8:]]
    places = [place for _, place in rows]
    return Group(
        strategy=lines[0],
        created=lines[6] == "1",
        declined=int(lines[5]),
        needs=[units(needs) for needs, _ in rows],
        nodes=[place.strip("-*") for place in places],
        held=[place.endswith("*") for place in places],
    )


def create(
    plane: Plane,
    group: bytes,
    strategy: str,
    *bundles: Units,
    name: str = "",
    job: bytes = JOB,
) -> int:
    parts = [text(each) for each in bundles]
    return plane.call("group_create", group, job, name, strategy, *parts, ns=keys.CLUSTER)


@dataclass
class Keeper:
    """A node: what it has, what tasks and actors have of it, what it keeps for groups."""

    plane: Plane
    name: str
    total: Units
    tasks: Units = field(default_factory=dict)
    actors: Units = field(default_factory=dict)
    kept: dict[bytes, Units] = field(default_factory=dict)
    held: set[bytes] = field(default_factory=set)
    open: set[bytes] = field(default_factory=set)
    waits: bool = False

    def __post_init__(self) -> None:
        self.id = node(self.name)
        self.plane.listen(self.id, keys.CLUSTER)
        self.join()

    def join(self) -> None:
        self.plane.call("node_join", self.id, LONG_MS, "{}", ns=keys.CLUSTER)

    def free(self, *, soon: bool = False) -> Units:
        parts = [self.actors, *self.kept.values(), *([] if soon else [self.tasks])]
        used = sum_of(iter(parts))
        return {name: amount - used.get(name, 0) for name, amount in self.total.items()}

    def covers(self, bundle: bytes) -> bool:
        """Whether what it takes is really there."""
        return all(self.free()[name] >= 0 for name in self.kept[bundle])

    def sync(self, *give_up: bytes) -> list[bytes]:
        """As a raylet does; the groups that are gone."""
        self.held |= {each for each in self.kept if self.covers(each)}
        words: list[Any] = []
        for each in self.kept:
            given_up = each in give_up and each not in self.held
            words += [each, "D" if given_up else "H" if each in self.held else "K"]
        free, soon = text(self.free()), text(self.free(soon=True))
        waits, gone, *rows = self.plane.call(
            "group_sync", self.id, free, soon, *words, ns=keys.CLUSTER
        )
        told = list(zip(*[iter(rows)] * 4, strict=True))
        self.waits = waits == 1
        self.kept = {bundle: units(needs.decode()) for bundle, needs, _, _ in told}
        self.open = {bundle for bundle, _, is_open, _ in told if is_open}
        self.held &= self.kept.keys()
        return [gone[i : i + 8] for i in range(0, len(gone), 8)]

    def leaves(self) -> None:
        """It is to leave, and nothing runs in what it keeps."""
        words = [part for each in self.kept for part in (each, "L")]
        _, _, *kept = self.plane.call("group_sync", self.id, "", "", *words, ns=keys.CLUSTER)
        assert kept == []

    def settle(self) -> None:
        """Until there is nothing new to say."""
        for _ in range(3):
            self.sync()

    def told(self) -> bool:
        """Whether it was asked to sync."""
        return codes.GROUPS in self.plane.inbox(self.id)
