"""`Plain`: bytes, or a part of the bytes of another data object."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from hyperloom.data import wire
from hyperloom.data.dataobject import DObject

if TYPE_CHECKING:
    from collections.abc import Sequence

_HERE, _BESIDE, _PART = 0, 1, 2  # first byte of the body: where the bytes are
_RANGE = Struct("<BQQ")

# A part that is smaller is copied: it is not worth keeping all of its whole alive.
SHARED_FROM = 64 * 1024


class Plain(DObject, symbol="loom/data"):
    """Bytes."""

    __slots__ = ("_start", "_view", "_whole")

    def __init__(self, value: bytes | bytearray | memoryview | str = b"") -> None:
        super().__init__()
        if isinstance(value, str):
            value = value.encode()
        elif not isinstance(value, (bytes, bytearray, memoryview)):
            raise TypeError(
                f"a Plain is made of bytes or str, not of {type(value).__name__}; for any Python "
                "object there is PyObj"
            )
        # What is here must not change: only bytes are sure not to.
        self._view = memoryview(value if isinstance(value, bytes) else bytes(value))
        self._whole: DObject | None = None
        self._start = 0

    @property
    def view(self) -> memoryview:
        """The bytes, read-only and not copied."""
        self._read()
        return self._view

    def gathered(self) -> bytes:
        """The bytes."""
        return bytes(self.view)

    def __loom_identity__(self) -> object:
        return self.view

    def _advice(self) -> str:
        return "; for single bytes write .view[i]"

    def _encode(self, writing: wire.Writing) -> bytes:
        view, whole = self._view, self._whole
        if view.nbytes >= SHARED_FROM and whole is not None and whole.is_shareable:
            ends = _RANGE.pack(_PART, self._start, self._start + view.nbytes)
            return ends + writing.member(whole)
        if view.nbytes <= wire.INLINE_BYTES:
            return bytes((_HERE,)) + view
        writing.buffer(view)
        return bytes((_BESIDE,))

    def _decode(self, body: bytes | memoryview, buffers: Sequence[memoryview]) -> None:
        self._whole = None
        self._start = 0
        if body[0] == _HERE:
            self._view = memoryview(body)[1:].toreadonly()
        elif body[0] == _BESIDE:
            self._view = buffers[0]
        else:
            _, start, stop = _RANGE.unpack_from(body)
            whole = self._inside(body[_RANGE.size :], buffers)
            assert isinstance(whole, DObject)
            self._be_part(whole, start, stop)

    def _take(self, kind: int, meta: bytes | memoryview, buffers: Sequence[memoryview]) -> None:
        del kind, meta
        self._whole = None
        self._start = 0
        self._view = buffers[0].toreadonly()
        self._known_size = self._view.nbytes

    def _be_part(self, whole: DObject, start: int, stop: int) -> None:
        self._view = whole.view[start:stop]
        self._whole = whole
        self._start = start


def part(whole: DObject, start: int, stop: int) -> Plain:
    """The bytes from `start` to `stop`, as a view."""
    made = Plain()
    if isinstance(whole, Plain):
        whole._read()  # noqa: SLF001 - a friend
        if whole._whole is not None:  # noqa: SLF001
            start, stop, whole = start + whole._start, stop + whole._start, whole._whole  # noqa: SLF001
    made._be_part(whole, start, stop)  # noqa: SLF001 - a friend
    return made
