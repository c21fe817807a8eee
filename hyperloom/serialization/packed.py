"""A value on its way: what `pack` makes and `unpack` takes.

meta      a pickle stream, or what the kind says; small
buffers   the big parts, one-dimensional bytes, not copied: they may be views into the
          value itself, so the value must live until they are written
refs      ids of the ObjectRefs found inside, each once: whoever stores the value
          must hold them as long as it does
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pickle import PickleBuffer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PICKLE = 0  # a pickle-5 stream, buffers out of band
BYTES = 1  # no meta; one buffer, which is the value
NDARRAY = 3  # meta describes a numpy array of plain numbers; one buffer
ERROR = 4  # meta is a failure record (hyperloom.failures)
DATA = 5  # a data object: see hyperloom.data.wire

PROTOCOL = 5  # of pickle: out-of-band buffers came with it

# Below this, a buffer of its own costs more than the copy it saves.
OUT_OF_BAND_BYTES = 4096


@dataclass(slots=True)
class Packed:
    """A value as bytes.  Treat as frozen: constants are shared."""

    kind: int
    meta: bytes
    buffers: list[memoryview]
    refs: list[bytes]

    @property
    def size(self) -> int:
        """Bytes in all."""
        if not self.buffers:
            return len(self.meta)
        return len(self.meta) + sum([buffer.nbytes for buffer in self.buffers])


class Packable:
    """A value that knows itself how it travels."""

    __slots__ = ()

    def packed(self) -> Packed:
        """Its bytes."""
        raise NotImplementedError

    def gathered(self) -> object:
        """What `hyperloom.get` gives for it."""
        raise NotImplementedError


class Active(threading.local):
    """The list that the innermost packing of this thread notes refs in."""

    refs: list[bytes] | None = None


active = Active()


def note_ref(oid: bytes) -> None:
    """Called by `ObjectRef.__reduce__`: the value being packed contains this ref.

    Outside of a packing (a user's own `pickle.dumps`) nobody records it.
    """
    refs = active.refs
    if refs is not None:
        refs.append(oid)


def is_packing() -> bool:
    """Whether this thread packs a value now, so that refs in it are noted."""
    return active.refs is not None


@contextmanager
def noting_refs() -> Iterator[list[bytes]]:
    """The refs that are met inside the block, for who pickles by other means than `pack`.

    Packing may nest: a `__reduce__` may itself call `put`.  Each level has its own list.
    """
    outer = active.refs
    refs: list[bytes] = []
    active.refs = refs
    try:
        yield refs
    finally:
        active.refs = outer


def out_of_band(view: memoryview, protocol: int) -> PickleBuffer | bytes:
    """The view as something to pickle; a large one stays out of the stream where it can."""
    if view.nbytes > OUT_OF_BAND_BYTES and protocol >= PROTOCOL:
        return PickleBuffer(view)
    return bytes(view)


class Rebuilt:
    """Pickles as a call of `function` with `arguments`; unpickles as its result."""

    __slots__ = ("arguments", "function")

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.function = function
        self.arguments = arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.function, self.arguments
