"""Where to run, under the names that users of Ray know; each makes an option of ours.

They are values of ``scheduling=``: ``f.options(scheduling=PlacementGroupSchedulingStrategy(pg))``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.core.groups import GroupAffinity
from hyperloom.core.options import NodeAffinity

if TYPE_CHECKING:
    from hyperloom.core.groups import PlacementGroup

__all__ = ["NodeAffinitySchedulingStrategy", "PlacementGroupSchedulingStrategy"]


def PlacementGroupSchedulingStrategy(  # noqa: N802 - their name
    placement_group: PlacementGroup,
    placement_group_bundle_index: int = -1,
    placement_group_capture_child_tasks: bool | None = None,  # noqa: FBT001 - their signature
) -> GroupAffinity:
    """`hyperloom.GroupAffinity`."""
    captures = bool(placement_group_capture_child_tasks)
    return GroupAffinity(placement_group, placement_group_bundle_index, captures)


def NodeAffinitySchedulingStrategy(  # noqa: N802 - their name
    node_id: str,
    soft: bool,  # noqa: FBT001 - their signature
) -> NodeAffinity:
    """`hyperloom.NodeAffinity`."""
    return NodeAffinity(node_id, soft)
