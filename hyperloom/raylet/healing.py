"""A control plane that has lost our library, or all it had: what its nodes do about it.

Someone may empty a server, or delete its functions, while everybody is connected.  A node learns
it when its next beat is refused: the server does not know the function, or does not know the node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import install

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.doors import Door
    from hyperloom.raylet.node import NodeSettings


class Healing:
    """See the module."""

    def __init__(self, settings: NodeSettings, gcs: Conversation, door: Door) -> None:
        self._settings = settings
        self._door = door
        gcs.heal = self.library

    def library(self) -> None:
        """The server lacks something: load it, if this node may."""
        server = self._settings.server or {}
        address, durability = self._settings.admin_address, server.get("durability", "")
        install.again(address, replace=bool(server), durability=durability)

    def strange(self, jobs: Iterable[bytes]) -> None:
        """The server does not know this node: it was given up, or all is gone, for drivers too."""
        if self._settings.server:
            self.library()
        for job in jobs:
            for guest in self._door.guests_of(job):
                guest.say(["look"])
