"""The stores of the nodes, and what moves between them: contents by object, no bytes anywhere.

What decides is real (`Fetching`, its machine, `Remaking`); the threads that move bytes are played.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import codes
from hyperloom.transfer.machine import Failed, Moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Of some a task goes to where they are, of others it does not: see `Fetching.home`.
SIZES = (40_000, 2 << 20)


class Store(dict[bytes, bytes]):
    """Of one node.  It stands for its keeper as well, and for a client of it."""

    def __init__(self, node: bytes, stores: Stores) -> None:
        super().__init__()
        self.node = node
        self.answers = True  # to other nodes
        self._stores = stores
        stores[node] = self

    def seal(self, oid: bytes, content: bytes) -> bytes:
        """A worker stores a value; what is told of it.  One that is there stays."""
        self.setdefault(oid, content)
        return codes.SHARED + self.node + b"%d" % SIZES[oid[15] % len(SIZES)]

    def contains(self, oid: bytes) -> bool:
        return oid in self

    def find(self, oid: bytes) -> bytes | None:
        """Here or on any other node."""
        return next((store[oid] for store in self._stores.values() if oid in store), None)

    def free(self, oids: Iterable[bytes]) -> None:
        for oid in list(oids):
            self.pop(oid, None)

    def usage(self) -> tuple[int, int]:
        return len(self), 1 << 30

    def objects_of(self, owners: Iterable[bytes]) -> Iterator[bytes]:
        return iter([oid for oid in self if oid.startswith(tuple(owners))])

    def close(self) -> None:
        """A client hangs up."""

    def ends(self) -> None:
        """Its node is gone."""
        self._stores.pop(self.node, None)
        self.clear()


Stores = dict[bytes, Store]  # those of all nodes that are there


class Taker:
    """Moves one object at a time, when the world says so."""

    objects = bytes = 0

    def __init__(self, store: Store, stores: Stores, tell: Callable[[Any], None]) -> None:
        self._store = store
        self._stores = stores
        self._tell = tell
        self.orders: deque[tuple[bytes, bytes]] = deque()

    def fetch(self, oid: bytes, node: bytes, *_: Any) -> None:
        self.orders.append((oid, node))

    def forget(self, oid: bytes) -> None:
        """Nothing has come of it: objects come whole."""

    def moves(self) -> None:
        """The first of them comes, or does not."""
        oid, node = self.orders.popleft()
        source = self._stores.get(node)
        if oid in self._store:
            self._tell(Moved(oid, node))
        elif source is None or not source.answers:
            self._tell(Failed(oid, node, "broken"))
        elif oid not in source:
            self._tell(Failed(oid, node, "absent"))
        else:
            self._store[oid] = source[oid]
            self._tell(Moved(oid, node))

    def close(self) -> None:
        self.orders.clear()


class Giver:
    """Others take what they want by themselves."""

    objects = bytes = 0

    def close(self) -> None:
        """Nothing listens."""


def lies_in_a_store(value: bytes) -> bool:
    """Whether what is told of an object is where it lies."""
    return value[:1] == codes.SHARED


def size_of(value: bytes) -> int:
    """How large one is that lies in a store."""
    return codes.stored_bytes(value)
