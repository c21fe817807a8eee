"""What waits in the control plane, and why: shapes that starve, and shapes that nobody has.

A node that offers what is free never hears of tasks that would not fit.  So it looks at the
names of the queues now and then: those that fit it when it is empty, it asks for
(`placing`, "sought"); those that fit no node at all, the drivers here are warned of, once for
each shape, or each placement group.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from hyperloom import bundles, errors
from hyperloom.gcs import keys
from hyperloom.raylet.messages import QueuesSeen
from hyperloom.resources import ResourceSet, shape_of, why_infeasible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.node import NodeSettings

_MOST = 64  # queues of a job that are looked at

Queue = tuple[bytes, str]  # job, "priority|shape"


class Lookout:
    """See the module.  `warn` tells the drivers of some jobs something."""

    def __init__(
        self,
        settings: NodeSettings,
        gcs: Conversation,
        handle: Callable[[QueuesSeen], None],
        warn: Callable[[Sequence[bytes], str], None],
        of_groups: Callable[[bytes, Sequence[str]], None],
    ) -> None:
        self._here = settings.resources
        self._beat_s = settings.config.beat_s
        self._patience_s = settings.config.infeasible_warn_s
        self._gcs = gcs
        self._handle = handle
        self._warn = warn
        self._of_groups = of_groups
        self._too_large: dict[Queue, float] = {}  # since when
        self._warned: set[Queue] = set()  # and groups
        self._next_look = 0.0

    def look(self, jobs: Mapping[bytes, str], *, at_work: bool) -> None:
        """Ask for the queues of these jobs (and their namespaces), if it is time."""
        now = time.monotonic()
        if not self._gcs.connected or (now < self._next_look and not at_work):
            return
        # A node at rest has everything free: what it does not get, it cannot run.
        self._next_look = now + (min(self._beat_s, self._patience_s / 2) or self._beat_s)
        self._warned = {queue for queue in self._warned if queue[0] in jobs}
        for job, namespace in jobs.items():
            self._ask(job, namespace)

    def _ask(self, job: bytes, namespace: str) -> None:
        def answered(names: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if not isinstance(names, errors.LoomError):
                self._seen(job, [name.decode() for name in names])

        queues = keys.QUEUES.name(namespace)
        self._gcs.command("ZRANGE", queues, 0, _MOST - 1, then=answered)

    def _seen(self, job: bytes, queues: Sequence[str]) -> None:
        grouped = [queue for queue in queues if group_in(queue)]
        self._of_groups(job, grouped)
        fit = [q for q in queues if q in grouped or shape_of(q).fits_in(self._here)]
        if fit:
            self._handle(QueuesSeen(job, fit))
        now = time.monotonic()
        for queue in [q for of, q in self._too_large if of == job and q not in queues]:
            del self._too_large[job, queue]
        large = [q for q in queues if q not in fit or q in grouped]
        large = [q for q in large if (job, q) not in self._warned]
        since = {queue: self._too_large.setdefault((job, queue), now) for queue in large}
        late = [queue for queue in large if now - since[queue] >= self._patience_s]
        if late:
            self._compare(job, late)

    def _compare(self, job: bytes, queues: Sequence[str]) -> None:
        def answered(rows: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(rows, errors.LoomError):
                return
            nodes = [ResourceSet(json.loads(row)["resources"]) for row in rows]
            for queue in queues:
                if group := group_in(queue):
                    self._try_group(job, queue, group, nodes)
                    continue
                why = why_infeasible(shape_of(queue), nodes)
                if why and (job, queue) not in self._warned:
                    self._warned.add((job, queue))
                    self._warn([job], f"tasks or actors that ask for {why}")

        self._gcs.command("HVALS", keys.NODES.name(keys.CLUSTER), then=answered)

    def _try_group(self, job: bytes, queue: str, group: str, nodes: Sequence[ResourceSet]) -> None:
        def answered(fits: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if fits == 0:
                known = (job, group) in self._warned  # it was asked more than once
                self._warned |= {(job, queue), (job, group)}
                if not known:
                    self._warn([job], infeasible_group(group))

        have = [str(node.visible()) for node in nodes]
        self._gcs.apply("group_fits", keys.CLUSTER, bytes.fromhex(group), *have, then=answered)


def group_in(queue: str) -> str:
    """The placement group in which the tasks of a queue are to run, or ""."""
    return bundles.group_of(name for name, _ in shape_of(queue).items())


def infeasible_group(group: str) -> str:
    """The warning that a placement group will not come about."""
    return (
        f"tasks wait for placement group {group}, which the nodes that there are cannot keep, even "
        "if they had nothing else to do: a bundle is larger than what a node has, or the strategy "
        "asks for more nodes. Nothing is lost: it is placed as soon as such nodes join; or remove "
        "it, and ask for less"
    )


def stuck(workers: int) -> str:
    """The warning that all workers wait for tasks that therefore cannot run."""
    return (
        f"all {workers} worker processes that this node may have wait in get() for tasks that "
        "therefore nobody can run. Nothing is lost, but nothing goes on: let fewer tasks wait "
        "for tasks of their own, or set LOOM_WORKERS_MOST higher before the node is started"
    )
