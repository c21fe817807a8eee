"""The symbols of installed packages, found by their entry points; nothing of them is imported.

A package names them in its ``pyproject.toml``::

    [project.entry-points."hyperloom.tasks"]
    "lab/align" = "lab.tasks:align"

    [project.entry-points."hyperloom.data"]
    "lab/table" = "lab.tables:Table"

    [project.entry-points."hyperloom.resources"]
    "lab/scope" = "lab.hardware:count_scopes"
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from hyperloom.errors import InvalidOption
from hyperloom.symbols.names import checked_own

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

TASKS = "hyperloom.tasks"
DATA_TYPES = "hyperloom.data"
RESOURCES = "hyperloom.resources"


@cache
def installed(group: str) -> Mapping[str, EntryPoint]:
    """Symbol -> entry point, of this process's Python.  A bad name is skipped, and told."""
    # 30 ms of imports, which nobody pays who has no use for it.
    from importlib.metadata import entry_points  # noqa: PLC0415

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        try:
            found[checked_own(point.name)] = point
        except InvalidOption as error:
            package = "a package" if point.dist is None else point.dist.name
            print(f"hyperloom: an entry point of {package} is left out: {error}", file=sys.stderr)  # noqa: T201
    return found


def of_this_node() -> list[str]:
    """What tasks may need of a node with this process's Python."""
    return sorted({*installed(TASKS), *installed(DATA_TYPES)})
