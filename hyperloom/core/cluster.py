"""What the control plane knows of the cluster's nodes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import keys
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
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
    """The sum of `what` over the nodes that are alive."""
    sums: dict[str, float] = {}
    for node in nodes(session):
        if node["alive"]:
            for name, amount in node[what].items():
                sums[name] = round(sums.get(name, 0) + amount, 4)
    return sums
