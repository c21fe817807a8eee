"""What a plan's tasks keep in files, and what of it is there already (`hyperloom.plan.resume`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hyperloom.plan.graph import in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hyperloom.core.bound import BoundTask, Node
    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session


@dataclass(slots=True)
class Kept:
    """See the module.  Nodes are known by their `id`; of most plans all of this is empty."""

    keeps: dict[int, bytes] = field(default_factory=dict)  # what stands before their calls
    keys: dict[int, bytes] = field(default_factory=dict)
    loads: dict[int, BoundTask[Any]] = field(default_factory=dict)  # what is run instead of them
    there: dict[int, list[ObjectRef[Any]]] = field(default_factory=dict)  # their results

    def takes(self, node: Node) -> Iterator[tuple[Node, int]]:
        """What it needs still."""
        if id(node) in self.loads or id(node) in self.there:
            return iter(())
        return node.takes()

    def order(self, roots: Iterable[Node]) -> list[Node]:
        """The nodes that have to be run, inputs before those that take them."""
        return [node for node in in_order(roots, self.takes) if id(node) not in self.there]

    def tell_origins(
        self, session: Session, refs: Mapping[tuple[int, int], ObjectRef[Any]]
    ) -> None:
        """What identifies these results, for calls that take them later; by node and number."""
        if not self.keys:
            return
        from hyperloom.core.call_keys import origin  # noqa: PLC0415 - few need it

        there = {(node, i): ref for node, refs in self.there.items() for i, ref in enumerate(refs)}
        for (node, index), ref in {**refs, **there}.items():
            if node in self.keys:
                session.origins[ref.binary()] = origin(self.keys[node], index)
