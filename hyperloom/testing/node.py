"""One node of a `Cluster`, and what may be said of those to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hyperloom.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hyperloom.node.start import StartedNode
    from hyperloom.testing.network import Place

# The arguments of `Cluster.add_node`.
_SAID = (
    "num_cpus", "num_gpus", "resources", "memory", "object_store_memory", "labels", "failpoints",
)  # fmt: skip

Part: TypeAlias = "ClusterNode | Literal['server', 'driver']"


@dataclass(eq=False)
class ClusterNode:
    """One node of a `Cluster`.

    Attributes:
        id: as `hyperloom.nodes` and `hyperloom.NodeAffinity` have it.
        folder: its session's, with its logs.
    """

    id: str
    folder: Path
    _started: StartedNode = field(repr=False)
    _place: Place | None = field(default=None, repr=False)
    _paused: bool = field(default=False, repr=False)

    @property
    def pid(self) -> int:
        """Of its raylet."""
        return self._started.process.pid

    @property
    def runs(self) -> bool:
        """Whether its raylet has not ended."""
        return self._started.process.poll() is None


def wanted(nodes: int | Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What each of the first nodes has, in the words of `Cluster.add_node`."""
    if isinstance(nodes, bool) or not isinstance(nodes, (int, list, tuple)):
        raise TypeError(
            f"nodes={nodes!r} cannot be: it is how many, or a list with a dict for each node: "
            'nodes=[{"num_cpus": 2}, {"resources": {"printer": 1}}]'
        )
    if isinstance(nodes, int):
        if nodes < 0:
            raise ValueError(f"nodes={nodes} cannot be: it is at least 0")
        return [{}] * nodes
    for each in nodes:
        for name in each if isinstance(each, Mapping) else [repr(each)]:
            if name not in _SAID:
                raise TypeError(
                    f"nodes=: {name} cannot be said of a node.{did_you_mean(name, _SAID)} What can "
                    f"be is in a dict, by these names: {', '.join(_SAID)}"
                )
    return list(nodes)
