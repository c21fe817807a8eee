"""What is written of placement groups, taken apart: see ``lua/group/_books.lua``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_HEAD = 8  # lines before those of the bundles


@dataclass(frozen=True, slots=True)
class WrittenBundle:
    """What it takes, where it is ("" for nowhere), and whether it is held there."""

    needs: ResourceSet
    node: str
    held: bool


@dataclass(frozen=True, slots=True)
class WrittenGroup:
    """One placement group; `job` is "" when it is detached."""

    id: str
    strategy: str
    job: str
    name: str
    created: bool
    bundles: tuple[WrittenBundle, ...]

    @property
    def state(self) -> str:
        """PENDING: it waits for room.  PREPARED: it has its places, and tasks still have them.

        CREATED: its bundles are held.  RESCHEDULING: they were, and some are on their way again.
        """
        if all(bundle.held for bundle in self.bundles):
            return "CREATED"
        if self.created:
            return "RESCHEDULING"
        return "PREPARED" if all(bundle.node for bundle in self.bundles) else "PENDING"


class Standing(NamedTuple):
    """How it stands with a group: its state, or GONE; whether idle nodes could keep all of it."""

    state: str
    fits: bool


def standing(call: Callable[..., Any], group: str, totals: Sequence[ResourceSet]) -> Standing:
    """Asked with `call`, which takes a transition of the cluster; `totals`: what nodes have."""
    found = next((each for each in written(call("group_list")) if each.id == group), None)
    if found is None:
        return Standing("GONE", fits=False)
    texts = [str(total.visible()) for total in totals]
    return Standing(found.state, fits=call("group_fits", bytes.fromhex(group), *texts) == 1)


def written(reply: Sequence[bytes]) -> list[WrittenGroup]:
    """The answer of ``group_list``."""
    return [_group(reply[at], reply[at + 1].decode()) for at in range(0, len(reply), 2)]


def _group(group: bytes, row: str) -> WrittenGroup:
    lines = row.split("\n")[:-1]
    strategy, job, *_, created, name = lines[:_HEAD]
    bundles = tuple(_bundle(*line.split(" ")) for line in lines[_HEAD:])
    job = "" if job == "-" else job
    return WrittenGroup(group.hex(), strategy, job, name, created == "1", bundles)


def _bundle(needs: str, place: str) -> WrittenBundle:
    return WrittenBundle(ResourceSet.parse(needs), place.strip("-*"), place.endswith("*"))
