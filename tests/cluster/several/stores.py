"""What lies in the stores of a cluster's nodes."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from hyperloom.core import current
from hyperloom.raylet.node import NodeSettings
from hyperloom.watch.live import Live
from tests.waiting import wait_until

if TYPE_CHECKING:
    from hyperloom.testing import Cluster, ClusterNode


def objects_on(node: ClusterNode) -> list[str]:
    settings = NodeSettings.read(node.folder)
    names = []
    for folder in (settings.store / "o", settings.store / "z", settings.spill):
        with suppress(FileNotFoundError):
            names += [entry.name for entry in os.scandir(folder) if entry.name != "root"]
    return names


def nothing_is_left(cluster: Cluster) -> None:
    wait_until(lambda: not [name for node in cluster.nodes for name in objects_on(node)], 20)


def transfers() -> dict[str, dict[str, int]]:
    """What each node has received and sent by now, as it says itself when it is asked.

    The table of nodes has it too, as it was at the node's last beat.
    """
    live = Live(current.session().address)
    try:
        return {node: told["transfers"] for node, told in live.answers("status").items()}
    finally:
        live.close()
