"""What this node keeps for placement groups is agreed on with the control plane.

One word does it all, ``group_sync``: what is free here, what is said of each bundle, and back comes
all that the node is to keep.  It is said when the control plane asks for it (codes.GROUPS),
after each silence, when a bundle is held or given up, and, as long as a group waits for room
somewhere, when there is more room here.  Said twice, or late, it does no harm.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hyperloom import bundles, errors, failures
from hyperloom.failures import Attempt
from hyperloom.gcs import codes, keys
from hyperloom.ids import cut
from hyperloom.raylet import messages as m
from hyperloom.raylet import reserving
from hyperloom.resources import ResourceSet, shape_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.jobs import Jobs
    from hyperloom.raylet.loop import Loop
    from hyperloom.raylet.machine import NodeMachine
    from hyperloom.raylet.node import NodeSettings

_LOOK_S = 0.05  # how often it looks whether there is something to say, while there may be
_RETRY_S = 0.1
_AT_ONCE = 500  # tasks in one slice of an eviction


class Groups:
    """See the module.  `handle` takes events for the machine."""

    def __init__(  # noqa: PLR0913, PLR0917 - what groups touch of a node
        self,
        settings: NodeSettings,
        gcs: Conversation,
        loop: Loop,
        jobs: Jobs,
        machine: NodeMachine,
        handle: Callable[[m.Event], None],
    ) -> None:
        self._node = settings.node
        self._gcs = gcs
        self._loop = loop
        self._machine = machine
        self._handle = handle
        self._offer_again = jobs.offer_again
        self._said: list[Any] = []  # last
        self._on_its_way = False
        self._due = False
        self._waits = False  # a group, for room
        self._looking = False
        loop.every(settings.config.beat_s, self._beat)

    # -- what is kept -----------------------------------------------------------------------

    def sync(self) -> None:
        """Say how things stand, and hear what to keep."""
        if self._on_its_way:
            self._due = True
            return
        self._on_its_way, self._due = True, False
        self._said = self._words()
        self._gcs.apply("group_sync", keys.CLUSTER, self._node, *self._said, then=self._told)

    def _words(self) -> list[Any]:
        free, soon = reserving.room(self._machine)
        words: list[Any] = [
            ",".join([f"{n}:{a}" for n, a in each.items()]) for each in (free, soon)
        ]
        now = time.monotonic()
        for name in self._machine.bundles:
            words += [name, reserving.word(self._machine, name, now)]
        return words

    def _told(self, reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
        self._on_its_way = False
        if isinstance(reply, errors.LoomError):
            # STALE: we were given up, and hear it by another way; who joins syncs.
            self._due = self._due or not isinstance(reply, errors.Stale)
            self._loop.later(_RETRY_S, self._again)
            return
        self._waits = reply[0] == 1
        kept = [
            m.Kept(name, dict(ResourceSet.parse(needs.decode()).items()), is_open == 1, ms / 1000)
            for name, needs, is_open, ms in zip(*[iter(reply[2:])] * 4, strict=True)
        ]
        if kept or self._machine.bundles or reply[1]:
            self._handle(m.BundlesTold(kept, cut(reply[1], reserving.GROUP_BYTES)))
            self._offer_again()
            self._due = self._due or self._unsaid()
        self._again()

    def _again(self) -> None:
        if self._due:
            self.sync()
        elif not self._looking and (self._waits or self._machine.owed or self._unsaid()):
            self._looking = True
            self._loop.later(_LOOK_S, self._look)

    def _unsaid(self) -> bool:
        """Whether something of a bundle is not as it was said."""
        return self._words()[2:] != self._said[2:]

    def _look(self) -> None:
        self._looking = False
        if (self._waits and self._words() != self._said) or self._unsaid():
            self.sync()
        else:
            self._again()

    def _beat(self) -> None:
        if self._waits or self._machine.bundles:
            self.sync()

    # -- what waits for a group that is no more -----------------------------------------------

    def seen(self, job: bytes, queues: Iterable[str]) -> None:
        """A job has tasks in these queues: those of groups that are no more have waited enough."""
        for group in {bundles.group_of(name for name, _ in shape_of(q).items()) for q in queues}:
            self._ask(job, group)

    def _ask(self, job: bytes, group: str) -> None:
        def answered(there: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if there == 0:
                self._evict(job, group)

        name = keys.GROUPS.name(keys.CLUSTER)
        self._gcs.command("HEXISTS", name, bytes.fromhex(group), then=answered)

    def _evict(self, job: bytes, group: str) -> None:
        def next_slice(found: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(found, int) and found:
                self._evict(job, group)

        failure = failures.group_removed(Attempt(b"", "", 0, self._node), group=group)
        self._gcs.apply(
            "task_evict", keys.job_namespace(job), bundles.mark_of(group),
            codes.FAILURE + failure, _AT_ONCE, then=next_slice,
        )  # fmt: skip
