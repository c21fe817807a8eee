"""References to objects that lie in shared memory, and how long they are good for.

The rule: an object lives while somebody holds it.  What a task was given is held for as long as
the task runs, so a data object in a task's hands may refer to it, and what the task returns may
contain it.  Later, and in a driver, nobody is known to hold it: then it is copied.

This package knows neither stores nor tasks; who does says how to read (`read_by`) and what runs
(`held_by`).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hyperloom import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Parts = tuple[int, bytes | memoryview, Sequence[memoryview]]  # kind, meta, buffers
    Read = Callable[[bytes, bytes], Parts]


def _nowhere(oid: bytes, kept: bytes) -> Parts:
    raise errors.NotConnected(
        f"object {oid.hex()} lies in the shared memory of a node, and this process has joined none "
        f"({kept[:1].decode(errors='replace')}); get the value where it is known"
    )


def _nothing() -> object | None:
    return None


_reading: list[Read] = [_nowhere]
_running: list[Callable[[], object | None]] = [_nothing]


def read_by(read: Read) -> None:
    """How this process reads an object: its id and kept form to kind, meta and buffers."""
    _reading[0] = read


def held_by(running: Callable[[], object | None]) -> None:
    """What runs in this process, and holds what it was given; None while nothing does."""
    _running[0] = running


def holder() -> object | None:
    """Who holds what is received now."""
    return _running[0]()


def is_held(by: object | None) -> bool:
    """Whether that one still does."""
    return by is not None and _running[0]() is by


@contextmanager
def nobody_holds() -> Iterator[None]:
    """Inside the block nothing is held: what is packed there refers to nothing, and can stay."""
    before = _running[0]
    _running[0] = _nothing
    try:
        yield
    finally:
        _running[0] = before


class Reference:
    """An object in shared memory, which a data object is the whole value of."""

    __slots__ = ("kept", "oid")

    def __init__(self, oid: bytes, kept: bytes) -> None:
        self.oid = oid
        self.kept = kept

    def read(self) -> Parts:
        """Kind, meta and buffers of the object.

        Raises:
            errors.ObjectLost: it is gone, or cannot be had here.
        """
        return _reading[0](self.oid, self.kept)
