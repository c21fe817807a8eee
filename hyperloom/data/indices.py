"""`Index`: pieces of one run of bytes, by their positions; and `split`, which makes one."""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from itertools import pairwise
from struct import Struct
from typing import TYPE_CHECKING, Any, overload

from hyperloom.data.arrays import Array
from hyperloom.data.dataobject import Data, DObject
from hyperloom.data.plain import Plain, part
from hyperloom.serialization.packed import out_of_band

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hyperloom.data import wire

_BODY = Struct("<IQ")  # buffer of the positions, what they count from
_POSITION_BYTES = 8


class Index(Data, symbol="loom/index"):
    """Pieces of a `Plain` or `File`: nothing is stored for each but where it ends.

    It behaves as an `Array` of `Plain`; its slices are views too.
    """

    __slots__ = ("_from", "_positions", "_whole")

    def __init__(self, whole: DObject, positions: Iterable[int]) -> None:
        """`positions`: where the first piece begins and where each one ends, ascending."""
        if not isinstance(whole, DObject):
            raise TypeError(f"an Index is of a Plain or a File, not of {whole!r:.100}")
        numbers = array("Q", positions)
        _check_positions(numbers, whole.size)
        super().__init__(len(numbers) - 1)
        self._be(whole, memoryview(numbers).toreadonly(), 0)

    def _be(self, whole: DObject, positions: memoryview, start: int) -> None:
        self._whole = whole
        self._positions = positions
        self._from = start  # the position at which `whole` begins

    @overload
    def __getitem__(self, index: int) -> Plain: ...
    @overload
    def __getitem__(self, index: slice) -> Index | Array: ...

    def __getitem__(self, index: int | slice) -> Plain | Index | Array:
        self._read()
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            if step == 1:
                return self._slice(start, max(start, stop))
            return Array([self[at] for at in range(start, stop, step)])
        at = self._position(index)
        return self.span(at, at + 1)

    def span(self, start: int, stop: int) -> Plain:
        """The bytes of the pieces from `start` to `stop`, as one."""
        self._read()
        begin, end = self._positions[start] - self._from, self._positions[stop] - self._from
        return part(self._whole, begin, end)

    def _slice(self, start: int, stop: int) -> Index:
        made = Index.__new__(Index)
        Data.__init__(made, stop - start)
        positions = self._positions[start : stop + 1]
        made._be(self.span(start, stop), positions, positions[0])  # noqa: SLF001 - a friend
        return made

    def gathered(self) -> Pieces:
        """A sequence of `bytes`, each made when it is asked for."""
        self._read()
        return Pieces(self._whole.view, self._positions, self._from)

    def _settle_members(self) -> None:
        self._whole.settle()

    def _measure(self) -> int:
        self._read()
        positions = self._positions
        return int(positions[-1] - positions[0] + _POSITION_BYTES * len(positions))

    def _encode(self, writing: wire.Writing) -> bytes:
        number = writing.buffer(self._positions.cast("B"))
        return _BODY.pack(number, self._from) + writing.member(self._whole)

    def _decode(self, body: bytes | memoryview, buffers: Sequence[memoryview]) -> None:
        number, start = _BODY.unpack_from(body)
        whole = self._inside(body[_BODY.size :], buffers)
        assert isinstance(whole, DObject)
        self._be(whole, buffers[number].cast("Q"), start)


def _check_positions(positions: array[int], size: int) -> None:
    if not positions or positions[-1] > size or any(a > b for a, b in pairwise(positions)):
        raise ValueError(
            f"positions of an Index are where its first piece begins and where each ends: "
            f"ascending, at least one, none above {size:,}, the size of what it is of"
        )


def split(whole: DObject | bytes | str, delimiter: bytes | str = b"\n") -> Index:
    """The pieces of bytes or text that end with `delimiter`, which stays part of them.

    The last one may end without; nothing after the last delimiter is no piece, and of nothing
    there are none.

    Raises:
        ValueError: the delimiter is empty.
        TypeError: this is not a run of bytes, or the delimiter is neither text nor bytes.
    """
    if isinstance(whole, (bytes, bytearray, memoryview, str)):
        whole = Plain(whole)
    if not isinstance(whole, DObject):
        raise TypeError(f"only bytes can be split, a Plain or a File, and this is {whole!r:.100}")
    if not isinstance(delimiter, (str, bytes)):
        raise TypeError(f"the delimiter is text or bytes, not {delimiter!r:.100}")
    pattern = delimiter.encode() if isinstance(delimiter, str) else delimiter
    if not pattern:
        raise ValueError("an empty delimiter splits nothing; for lines it is b'\\n'")
    view = whole.view
    positions = array("Q", [0])
    # `re` looks into any buffer; `find` would need it copied.
    positions.extend(found.end() for found in re.finditer(re.escape(pattern), view))
    if positions[-1] < view.nbytes:
        positions.append(view.nbytes)
    return Index(whole, positions)


class Pieces(Sequence[bytes]):
    """What `hyperloom.get` gives for an `Index`: a sequence of bytes, each made when asked for."""

    __slots__ = ("_from", "_positions", "_view")

    def __init__(self, view: memoryview, positions: memoryview, start: int) -> None:
        self._view = view
        self._positions = positions
        self._from = start

    def __len__(self) -> int:
        return len(self._positions) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        try:
            at = range(len(self))[index]
        except IndexError:
            text = f"index {index} is out of range: there are {len(self):,} pieces"
            raise IndexError(text) from None
        begin, end = self._positions[at], self._positions[at + 1]
        return bytes(self._view[begin - self._from : end - self._from])

    def __iter__(self) -> Iterator[bytes]:
        return (self[at] for at in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (Pieces, list, tuple)):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # as a list: it equals lists

    def __reduce_ex__(self, protocol: Any) -> Any:  # noqa: ANN401 - an int, and a tuple
        views = (self._view, self._positions.cast("B"))
        return _restored, (*[out_of_band(each, protocol) for each in views], self._from)

    def __repr__(self) -> str:
        shown = ", ".join([repr(piece) for piece in self[:3]])
        return f"<{len(self):,} pieces: {shown}{', …' if len(self) > 3 else ''}>"  # noqa: PLR2004


def _restored(view: Any, positions: Any, start: int) -> Pieces:  # noqa: ANN401 - pickle's
    return Pieces(
        memoryview(view).toreadonly(), memoryview(positions).toreadonly().cast("Q"), start
    )
