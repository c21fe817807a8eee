"""What there is to know of a node for somebody who waits for one, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hyperloom.resources import ResourceSet, of_labels, of_node, of_symbols

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Node:
    """One of the cluster's nodes."""

    node: str
    total: ResourceSet
    free: ResourceSet
    host: str = ""
    alive: bool = True
    calm: bool = False  # its memory was short: it runs one task at a time for a moment
    silent_s: float = 0.0  # it was not heard of for so long, which is longer than usual
    left_s: float = 0.0  # until it is given up
    drains: bool = False  # it is to leave, and takes nothing new


def told(about: Mapping[str, Any]) -> Node:
    """A row of the table of nodes; what it says of itself counts as what it has."""
    itself = of_node(about["node"]) + of_symbols(about.get("symbols", ()))
    itself += of_labels(about.get("labels", {}))
    total, free = (ResourceSet.of(about[what]) + itself for what in ("resources", "free"))
    return Node(
        about["node"], total, free, about.get("host", ""), about["alive"],
        calm=bool(about.get("calm")), silent_s=about["silent_s"], left_s=about["left_s"],
        drains=bool(about.get("draining")),
    )  # fmt: skip
