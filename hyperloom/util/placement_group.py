"""Placement groups under the names and in the place where users of Ray look for them.

They are those of `hyperloom` itself.
"""

from __future__ import annotations

from hyperloom.core.grouping import (
    get_current_placement_group,
    get_placement_group,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from hyperloom.core.groups import PlacementGroup

__all__ = [
    "PlacementGroup",
    "get_current_placement_group",
    "get_placement_group",
    "placement_group",
    "placement_group_table",
    "remove_placement_group",
]
