"""What the control plane knows of the cluster's nodes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import keys
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hyperloom.core.session import Session


def nodes(session: Session) -> list[dict[str, Any]]:
    """See `hyperloom.nodes`."""
    reply = session.outbox.call("node_list", namespace=keys.CLUSTER)
    result = []
    for at in range(0, len(reply), 3):
        node, about, alive = reply[at : at + 3]
        fields = json.loads(about)
        for name in ("resources", "free"):
            fields[name] = ResourceSet(fields.get(name, {})).as_dict()
        result.append({**fields, "node": node.hex(), "alive": bool(alive)})
    return result


def total(session: Session, what: str) -> dict[str, float]:
    """The sum of `what` ("resources" or "free") over the nodes that are alive."""
    return _sum([node[what] for node in nodes(session) if node["alive"]])


def total_with_store(session: Session) -> dict[str, float]:
    """See `hyperloom.cluster_resources`; inline there is no store."""
    alive = [node for node in nodes(session) if node["alive"]]
    stores = [node["store"]["capacity"] for node in alive if "store" in node]
    amounts = [node["resources"] for node in alive]
    return _sum(amounts + [{"object_store_memory": capacity} for capacity in stores])


def _sum(amounts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for of_one in amounts:
        for name, amount in of_one.items():
            sums[name] = round(sums.get(name, 0) + amount, 4)
    return sums
