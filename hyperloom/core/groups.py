"""`PlacementGroup`, what `hyperloom.placement_group` makes, and how tasks say to run in one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hyperloom import bundles
from hyperloom.errors import InvalidOption
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from hyperloom.core.refs import ObjectRef


@dataclass(frozen=True, slots=True)
class PlacementGroup:
    """Bundles of resources that nodes keep together for tasks and actors.

    As an option, ``scheduling=group`` runs a task or an actor in any of its bundles; see
    `GroupAffinity` for more.  It may be passed on to tasks, as any value.

    Attributes:
        id: 16 hexadecimal digits.
        bundle_specs: what each bundle takes, such as ``[{"CPU": 2.0}]``.
        strategy: as it was asked for.
        name: "" if it has none.
    """

    id: str
    bundle_specs: list[dict[str, float]] = field(compare=False)
    strategy: str = field(default="PACK", compare=False)
    name: str = field(default="", compare=False)

    @property
    def bundle_count(self) -> int:
        """The number of bundles."""
        return len(self.bundle_specs)

    def ready(self) -> ObjectRef[PlacementGroup]:
        """A ref to the group itself, whose value is there when nodes keep all its bundles.

        It is the result of a task that asks for nothing and runs in the group.  `get` of it raises
        `PlacementGroupRemoved` if the group was removed.
        """
        from hyperloom.core.grouping import ready  # noqa: PLC0415 - it needs us

        return ready(self)

    def wait(self, timeout: float | None = 30) -> bool:
        """Wait for that; whether it came about within `timeout` seconds (None: for ever).

        Raises:
            PlacementGroupRemoved: somebody removed the group.
        """
        from hyperloom.core.grouping import wait  # noqa: PLC0415 - it needs us

        return wait(self, timeout)


@dataclass(frozen=True, slots=True)
class GroupAffinity:
    """Run in a placement group: with the amounts that nodes keep for it, and no others.

    Attributes:
        group: which one.
        bundle_index: in this of its bundles, from 0 on; -1 for any.
        capture_child_tasks: tasks and actors that this one makes run in the group too (in any of
            its bundles), unless their own options say where to run.
    """

    group: PlacementGroup
    bundle_index: int = -1
    capture_child_tasks: bool = False

    def shape(self, asked: ResourceSet) -> ResourceSet:
        """What a task asks for that would ask for this elsewhere."""
        bundle = None if self.bundle_index < 0 else self.bundle_index
        return ResourceSet(bundles.asked(dict(asked.items()), self.group.id, bundle))

    def check(self, asked: ResourceSet) -> None:
        """Refuse what can never run.

        Raises:
            InvalidOption: there is no such group or bundle, or no bundle has as much.
        """
        group, index = self.group, self.bundle_index
        if not isinstance(group, PlacementGroup):
            raise InvalidOption(
                f"scheduling=GroupAffinity({group!r:.100}) cannot be: write the group that "
                "loom.placement_group(…) returned"
            )
        whole = isinstance(index, int) and not isinstance(index, bool)
        most = group.bundle_count
        if not whole or not (-1 <= index < most or not most):
            raise InvalidOption(
                f"bundle_index={index!r} cannot be: placement group {group.id} has bundles 0 to "
                f"{most - 1}, and -1 is any of them"
            )
        specs = group.bundle_specs if index < 0 else group.bundle_specs[index : index + 1]
        if specs and not any(asked.fits_in(ResourceSet.of(each)) for each in specs):
            which = "no bundle" if index < 0 else f"bundle {index} not"
            raise InvalidOption(
                f"{asked.describe()} is asked for, and {which} of placement group {group.id} has "
                f"as much: {', '.join(ResourceSet.of(each).describe() for each in specs[:5])}. Ask "
                "for less, or make a group with larger bundles"
            )


Grouped = PlacementGroup | GroupAffinity


def in_group(scheduling: Any) -> Any:  # noqa: ANN401 - whatever else the option may be
    """The option as `GroupAffinity`, if it is a group itself."""
    return GroupAffinity(scheduling) if isinstance(scheduling, PlacementGroup) else scheduling
