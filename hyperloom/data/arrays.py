"""`Array`: a sequence of data objects, which it shares with whoever else has them.

It is made of a list of data objects, or it was received: then it is a *table*, a run of members
(see `hyperloom.data.wire`) with their positions, of which an array is all or a range.  A member
becomes a data object when it is asked for.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from hyperloom.data import wire
from hyperloom.data.conversion import of
from hyperloom.data.dataobject import Data

if TYPE_CHECKING:
    from collections.abc import Iterable

_HERE, _PART = 0, 1  # first byte of the body: the members are here, or in another array
_TABLE = Struct("<BII")  # buffers of the positions and of the members
_RANGE = Struct("<BQQ")


class _Table(NamedTuple):
    positions: memoryview
    members: memoryview
    buffers: Sequence[memoryview]

    def member(self, at: int) -> memoryview:
        """One member."""
        return self.members[self.positions[at] : self.positions[at + 1]]


class Array(Data, symbol="loom/array"):
    """A sequence of data objects: ``len``, ``[i]``, slices, iteration, as of a tuple."""

    __slots__ = ("_first", "_items", "_table", "_whole")

    def __init__(self, items: Iterable[object] = ()) -> None:
        if isinstance(items, (str, bytes)):
            raise TypeError(f"an Array is made of several values, not of {items!r:.100}")
        self._items: list[Data] | None = [of(item) for item in items]
        super().__init__(len(self._items))
        self._table: _Table | None = None
        self._first = 0  # of the table
        self._whole: Array | None = None  # the one that this is a range of

    @overload
    def __getitem__(self, index: int) -> Data: ...
    @overload
    def __getitem__(self, index: slice) -> Array: ...

    def __getitem__(self, index: int | slice) -> Data | Array:
        self._read()
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            if step == 1 and self._table is not None:
                return self._range(start, max(start, stop))
            return Array([self[at] for at in range(start, stop, step)])
        at = self._position(index)
        if self._items is not None:
            return self._items[at]
        assert self._table is not None
        return self._inside(self._table.member(self._first + at), self._table.buffers)

    def _range(self, start: int, stop: int) -> Array:
        made = Array()
        made._length = stop - start
        made._holder = self._holder
        made._items = None
        made._table = self._table
        made._first = self._first + start
        made._whole = self if self._whole is None else self._whole
        return made

    def gathered(self) -> list[Any]:
        """A list of what each element gives."""
        return [item.gathered() for item in self]

    def __loom_identity__(self) -> object:
        return list(self)

    def _settle_members(self) -> None:
        self._items = list(self)
        for item in self._items:
            item.settle()

    def _measure(self) -> int:
        return sum([item.size for item in self])

    def _cheap_size(self) -> int | None:
        told = [item._size_told() for item in self]  # noqa: SLF001 - a friend
        return None if wire.UNKNOWN in told else sum(told)

    def _encode(self, writing: wire.Writing) -> bytes:
        if self._whole is not None and self._whole.is_shareable:
            ends = _RANGE.pack(_PART, self._first, self._first + self._length)
            return ends + writing.member(self._whole)
        members = [writing.member(item) for item in self]
        positions = array("Q", [0])
        end = 0
        for member in members:
            end += len(member)
            positions.append(end)
        at = writing.buffer(memoryview(positions).cast("B"))
        writing.buffer(memoryview(b"".join(members)))
        return _TABLE.pack(_HERE, at, at + 1)

    def _decode(self, body: bytes | memoryview, buffers: Sequence[memoryview]) -> None:
        self._items = None
        self._whole = None
        if body[0] == _HERE:
            _, positions, members = _TABLE.unpack_from(body)
            self._table = _Table(buffers[positions].cast("Q"), buffers[members], buffers)
            self._first = 0
            return
        _, first, _ = _RANGE.unpack_from(body)
        whole = self._inside(body[_RANGE.size :], buffers)
        assert isinstance(whole, Array)
        whole._read()  # noqa: SLF001 - a friend
        self._table = whole._table  # noqa: SLF001
        self._first = first
        self._whole = whole


Sequence.register(Array)
