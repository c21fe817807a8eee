"""Nodes that are dead and were not reaped to the end.

A node is reaped by whoever sees its lease run out: it loses its membership, then job by job what it
held.  That can be left half done::

    1. raylet A takes the dead node out of the table of leases   2. A dies
    3. nobody sees that lease run out any more

or begun too early: a node that was given up, and has not heard of it, takes part in a job that
opens just then, and dies.  So everybody looks now and then at who takes part in a job, or has
workers in it, and is no member of the cluster.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperloom.raylet.conversation import Conversation


class Unburied:
    """See the module.  `reap` is told of a node, and of a job in which it has something."""

    def __init__(self, gcs: Conversation, reap: Callable[[bytes, bytes], None]) -> None:
        self._gcs = gcs
        self._reap = reap

    def look(self, jobs: Mapping[bytes, str]) -> None:
        """Look at these jobs (and their namespaces).

        The order matters: whoever takes part has joined before, so the leases are read last.
        """
        found: set[tuple[bytes, bytes]] = set()

        def note(job: bytes, nodes: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if not isinstance(nodes, errors.LoomError):
                found.update((node, job) for node in nodes)

        def compare(members: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if not isinstance(members, errors.LoomError):
                for node, job in sorted(found):
                    if node not in members:
                        self._reap(node, job)

        for job, namespace in jobs.items():
            noted = partial(note, job)
            self._gcs.command("HKEYS", keys.SERVED.name(namespace), then=noted)
            self._gcs.command("HVALS", keys.HOMES.name(namespace), then=noted)
        self._gcs.command("ZRANGE", keys.LEASES.name(keys.CLUSTER), 0, -1, then=compare)
