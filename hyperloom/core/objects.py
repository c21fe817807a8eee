"""Values into the job and out again: small ones inline, large ones through shared memory.

The rule: whether a value travels in the control plane or lies in the node's store is decided
here, once, by its size; everybody else sees a *kept* value, whose first byte says which
(`hyperloom.gcs.codes`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from hyperloom.core import again
from hyperloom.core.bringing import AGAIN, GONE, MadeAgain, explain, lost
from hyperloom.gcs import codes
from hyperloom.serialization import (
    DATA,
    ERROR,
    failure_record,
    from_inline,
    is_failure,
    pack,
    split_inline,
    stored,
    to_exception,
    to_inline,
    unpack,
)
from hyperloom.serialization.packed import is_packing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hyperloom.core.bringing import Bringer, Lost
    from hyperloom.data import Data
    from hyperloom.serialization import Packed

packing = is_packing

T = TypeVar("T")

_SMALL = frozenset((type(None), bool, int, float))


class Store(Protocol):
    """What we need of a node's object store (`hyperloom.objectstore.client`)."""

    def put(self, oid: bytes, kind: int, meta: bytes, buffers: Sequence[memoryview]) -> int:
        """Keep an object; its size in bytes."""

    def get(self, oid: bytes) -> tuple[int, bytes | memoryview, Sequence[memoryview]] | None:
        """Kind, meta and buffers, or None when it is not here."""

    def contains(self, oid: bytes) -> bool:
        """Whether it is here."""

    def free(self, oid: bytes) -> None:
        """End an object; an unknown one is fine."""

    def close(self) -> None:
        """Let go."""


class Objects:
    """The values of one process, and the store of the node that it runs on."""

    def __init__(
        self, node: bytes, store: Store, inline_max_bytes: int, bringer: Bringer | None = None
    ) -> None:
        self.bringer = bringer  # None: there are no other nodes
        self._node = node
        self._store = store
        self._inline_max = inline_max_bytes
        stored.read_by(self.parts_of)

    def keep(self, oid: bytes, value: object, *, what: str = "value") -> tuple[bytes, list[bytes]]:
        """The kept form of a value, and the refs inside it.

        Raises:
            errors.NotSerializable: it cannot travel; names the part that cannot.
            errors.ObjectStoreFull: it is large and there is no room.
        """
        packed = pack(value, what=what)
        return self.keep_packed(oid, packed), packed.refs

    def keep_packed(self, oid: bytes, packed: Packed) -> bytes:
        """The kept form of a packed value."""
        if packed.size <= self._inline_max:
            return to_inline(packed)
        size = self._store.put(oid, packed.kind, packed.meta, packed.buffers)
        return codes.SHARED + self._node + str(size).encode()

    def load(self, oid: bytes, kept: bytes) -> object:
        """The value again; a failure is raised.

        Raises:
            Exception: what the task raised that should have made the object.
            errors.ObjectLost: the value is gone, and cannot be made again.
        """
        return _patiently(self._load, oid, kept)

    def _load(self, oid: bytes, kept: bytes) -> object:
        if is_failure(kept):
            raise to_exception(failure_record(kept))
        mark = kept[:1]
        if mark == codes.SHARED:
            kind, meta, buffers = self.parts(oid, kept)
            if kind == ERROR:
                raise to_exception(bytes(meta))
            if kind == DATA:
                return self._data(oid, kept, kind, meta, buffers)
            return unpack(kind, meta, buffers)
        if mark == codes.LOST:
            raise lost(oid, "nobody holds it any more, or the control plane lost it")
        return from_inline(kept)

    def load_data(self, oid: bytes, kept: bytes) -> Data:
        """The value as a data object, whatever made it; raises as `load`."""
        return _patiently(self._load_data, oid, kept)

    def _load_data(self, oid: bytes, kept: bytes) -> Data:
        kind, meta, buffers = self._parts_of(oid, kept)
        if kind == ERROR:
            raise to_exception(bytes(meta))
        return self._data(oid, kept, kind, meta, buffers)

    def _data(
        self,
        oid: bytes,
        kept: bytes,
        kind: int,
        meta: bytes | memoryview,
        buffers: Sequence[memoryview],
    ) -> Data:
        # Imported late: most processes have no data objects.
        from hyperloom.data import received  # noqa: PLC0415

        in_store = kept[:1] == codes.SHARED
        reference = stored.Reference(oid, kept) if in_store else None
        return received(kind, meta, buffers, reference=reference)

    def parts_of(
        self, oid: bytes, kept: bytes
    ) -> tuple[int, bytes | memoryview, Sequence[memoryview]]:
        """Kind, meta and buffers of a kept value, wherever it lies; raises as `load`."""
        return _patiently(self._parts_of, oid, kept)

    def _parts_of(
        self, oid: bytes, kept: bytes
    ) -> tuple[int, bytes | memoryview, Sequence[memoryview]]:
        if is_failure(kept) or kept[:1] == codes.LOST:
            self._load(oid, kept)  # raises
        return self.parts(oid, kept) if kept[:1] == codes.SHARED else split_inline(kept)

    def parts(
        self, oid: bytes, kept: bytes
    ) -> tuple[int, bytes | memoryview, Sequence[memoryview]]:
        """What lies in shared memory for a kept value that says so."""
        found = self._store.get(oid)
        if found is None:
            for gone in self._bring([(oid, kept)], None):
                raise explain(*gone)
            found = self._store.get(oid)
            if found is None:
                raise lost(oid, "it came to this node, and the shared memory does not have it")
        return found

    def gather(self, kept: Iterable[tuple[bytes, bytes]], timeout_s: float | None) -> list[bytes]:
        """Bring what lies on other nodes here, all of it at the same time.

        What cannot be had is left to `load` to complain about.  Returned are those that were lost
        and are made again: their values are to be looked at anew.

        Raises:
            errors.GetTimeout: not all came in time.
        """
        mine = codes.SHARED + self._node
        there = [
            (oid, value)
            for oid, value in kept
            if value[:1] == codes.SHARED and not value.startswith(mine)
        ]
        missing = [pair for pair in there if not self._store.contains(pair[0])]
        return [oid for oid, why, *_ in self._bring(missing, timeout_s) if why == AGAIN]

    def _bring(self, kept: Sequence[tuple[bytes, bytes]], timeout_s: float | None) -> list[Lost]:
        wanted = [(oid, codes.stored_bytes(value)) for oid, value in kept]
        lost = self.bringer.bring(wanted, timeout_s) if wanted and self.bringer else []
        return [
            (oid, AGAIN, [], "")
            if why == GONE and again.is_known(oid)
            else (oid, why, nodes, cannot)
            for oid, why, nodes, cannot in lost
        ]

    def free(self, oid: bytes) -> None:
        """Nobody is to have what was kept in shared memory under this name."""
        self._store.free(oid)

    def close(self) -> None:
        """Let go of the store; values that are still in use stay valid."""
        self._store.close()


def _patiently(read: Callable[[bytes, bytes], T], oid: bytes, kept: bytes) -> T:
    """Read a kept value; one that is made again is waited for."""
    while True:
        try:
            return read(oid, kept)
        except MadeAgain:
            kept = again.wait_for(oid)
