"""``mode="inline"``: every task runs here, in the thread that submits it, inside `.remote()`.

For debugging: breakpoints, `pdb.pm()` and profilers meet the task itself, and nothing runs at the
same time as anything else.  What a task can see is as in a cluster: arguments and results are
packed and unpacked (so they are copies, and arrays are read-only), failures travel as records,
`retry_exceptions` retries, streams are made item by item as their reader asks for them.

The rule: nothing above the control plane knows of it.  `Session`, refs, submission and the worker's
`Executor` are the cluster's own; only the doors to the control plane lead to a `Plane`.

What is not as in a cluster: `timeout_s` is not enforced, `cancel` finds only streams that are not
at their end, `max_calls` and priorities mean nothing, a task that asks for more than there is fails
at once (`Infeasible`), and a task that ends its process ends the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hyperloom import errors
from hyperloom.core import current
from hyperloom.core.objects import Objects
from hyperloom.core.plane import Plane
from hyperloom.core.session import Session
from hyperloom.gcs.address import Address
from hyperloom.ids import new_job_id, new_node_id
from hyperloom.resources import of_node, of_symbols
from hyperloom.symbols import of_this_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hyperloom.config import Config
    from hyperloom.core.waiting import Waiter
    from hyperloom.gcs.inbox import Inbox
    from hyperloom.gcs.outbox import Outbox
    from hyperloom.resources import ResourceSet

_UNLIMITED = 1 << 62  # bytes of a value that is kept inline: there is no store


class InlineDriver:
    """What `loom.init(mode="inline")` makes: a session, and nothing else to end."""

    def __init__(self, config: Config, namespace: str, resources: ResourceSet) -> None:
        self.session = InlineSession(config, namespace, resources)

    def close(self) -> None:
        """End the job."""
        current.set_current(self.session)  # for what actors do at their end
        try:
            self.session.plane.actors.farewell()
        finally:
            current.set_current(None)
            self.session.close()


class InlineSession(Session):
    """A session whose control plane is a `Plane`."""

    def __init__(self, config: Config, namespace: str, resources: ResourceSet) -> None:
        node = new_node_id()
        objects = Objects(node, _NoStore(), _UNLIMITED)
        self.plane = Plane(self, node, objects, _all_of(node, resources))
        super().__init__(new_job_id(), Address("inline"), config, objects)
        self.node = node
        self.user_namespace = namespace
        self.running = self.plane.running
        self.ends_with_driver = True

    def _doors(self) -> tuple[Outbox, Inbox]:
        return cast("Outbox", self.plane), cast("Inbox", _NoInbox())

    def register(self, waiter: Waiter, oids: Iterable[bytes]) -> None:
        """Tell the waiter of what is there, and make of streams what it still lacks."""
        wanted = list(oids)
        super().register(waiter, wanted)
        self._make(wanted, waiter)

    def _make(self, wanted: Iterable[bytes], waiter: Waiter) -> None:
        for oid in wanted:
            if waiter.done:
                break
            self.plane.make(oid)

    def wait_on(self, oids: Sequence[bytes], waiter: Waiter, timeout_s: float | None) -> bool:
        """As in a cluster, except that nobody else works meanwhile: it is there now or never."""
        self._make(oids, waiter)
        if not waiter.done and timeout_s is None:
            raise errors.LoomError(
                'this waits for what it is itself about to make: with mode="inline" a stream\'s '
                "own task, or another thread that submits, has to finish first"
            )
        return waiter.done

    def value_of(self, oid: bytes) -> object:
        """The value; the last failure has the frames of its task as they were, for `pdb.pm()`."""
        try:
            return super().value_of(oid)
        except errors.TaskError as error:
            last = self.plane.frames
            if last is not None and last[0] == error.details.task_id and error.__cause__:
                error.__cause__.__traceback__ = last[1]
            raise


def _all_of(node: bytes, resources: ResourceSet) -> ResourceSet:
    """What a node has on top, because it is one."""
    return resources + of_node(node.hex()) + of_symbols(of_this_node())


class _NoStore:
    """No value is ever too large for the plane."""

    def put(self, oid: bytes, kind: int, meta: bytes, buffers: Sequence[memoryview]) -> int:
        raise NotImplementedError

    def get(self, oid: bytes) -> None:
        """It is not here."""

    def contains(self, oid: bytes) -> bool:
        """It is not."""
        del oid
        return False

    def free(self, oid: bytes) -> None:
        """There is nothing to free."""

    def close(self) -> None:
        """There is nothing to let go of."""


class _NoInbox:
    """Nobody sends anything: what is made is told at once."""

    def interrupt(self) -> None:
        """Nobody reads here."""

    close = interrupt
