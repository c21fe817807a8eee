"""Placement groups in a table, and why one of them has no place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import why
from hyperloom.gcs import groups, keys
from hyperloom.gcs.wire import fcall
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Live


def table(cluster: Cluster) -> list[dict[str, Any]]:
    """The cluster's placement groups, in the order in which they were made."""
    return [_row(group) for group in _all(cluster.control_plane)]


def _all(live: Live) -> list[groups.WrittenGroup]:
    return groups.written(_call(live, "group_list"))


def _call(live: Live, function: str, *args: Any) -> Any:  # noqa: ANN401 - Redis' own reply
    return live.wire.call(*fcall(function, keys.CLUSTER, *args))


def _row(group: groups.WrittenGroup) -> dict[str, Any]:
    bundles = [
        {"index": index, "takes": each.needs.as_dict(), "node": each.node, "held": each.held}
        for index, each in enumerate(group.bundles)
    ]
    shapes = [each.needs.describe() for each in group.bundles]
    texts = [f"{shapes.count(each)} x {each}" for each in dict.fromkeys(shapes)]
    nodes = dict.fromkeys(each.node[:8] for each in group.bundles if each.node)
    return {
        "id": group.id, "name": group.name, "strategy": group.strategy, "state": group.state,
        "job": group.job, "detached": not group.job, "bundles": bundles,
        "bundles_text": "; ".join(texts), "nodes_text": ", ".join(nodes),
    }  # fmt: skip


def standing(live: Live, group: str) -> groups.Standing:
    """How it stands with a group."""
    totals = [ResourceSet.of(about["resources"]) for about in live.nodes() if about["alive"]]
    return groups.standing(lambda *asked: _call(live, *asked), group, totals)


def explain(cluster: Cluster, group: str) -> dict[str, Any]:
    """The group in a line: whether it has its place, and if not, why."""
    live = cluster.control_plane
    about = next((each for each in _all(live) if each.id == group), None)
    reason = why.of_group(*standing(live, group))
    return {
        "group": group, "short": group, "name": about.name if about else "",
        "state": about.state if about else "REMOVED",
        "why": str(reason.why), "says": reason.says, "advice": reason.advice,
    }  # fmt: skip
