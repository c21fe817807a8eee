"""`Extension`: data objects of types that users add."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

from hyperloom.data import wire
from hyperloom.data.dataobject import Data

if TYPE_CHECKING:
    from collections.abc import Sequence

_INLINE = wire.INLINE_BYTES
_COUNT = Struct("<I")
_SIZE = Struct("<Q")


class Extension(Data):
    """A type of data objects of your own.

        class Table(data.Extension, symbol="lab/table"):
            def __init__(self, rows: list[bytes]) -> None:
                super().__init__(length=len(rows))
                self.rows = rows

            def parts(self):                  # what travels: bytes, or memoryviews
                return self.rows

            def restore(self, parts):         # … and comes out again, as memoryviews
                self.rows = [bytes(part) for part in parts]

            def gathered(self):               # what loom.get gives
                return self.rows

            def __getitem__(self, index):     # pieces and slices, if it has any
                return data.Plain(self.contents.rows[index])

    Large parts lie in shared memory and are not copied; those of a value that arrived are views.
    Inherit from `data.DObject` too, and define ``view``, if it is contiguous bytes: then it goes
    wherever a `data.Plain` does.

    A process that receives one must know the class: by importing it, or by an entry point in the
    group ``hyperloom.data`` of a package that is installed there.  Tasks that take one say
    ``needs="lab/table"``.
    """

    __slots__ = ()

    def parts(self) -> Sequence[bytes | memoryview]:
        """The contents as pieces of bytes."""
        raise NotImplementedError(f"{type(self).__name__} must define parts()")

    def restore(self, parts: Sequence[memoryview]) -> None:
        """Be made of these pieces.  ``__init__`` is not called for what arrives."""
        raise NotImplementedError(f"{type(self).__name__} must define restore()")

    def gathered(self) -> Any:  # noqa: ANN401 - the user's
        """What `hyperloom.get` gives: by itself, the object as it is."""
        self._read()
        return self

    @property
    def contents(self) -> Any:  # noqa: ANN401 - the subclass
        """Itself, its contents looked at: write ``self.contents.rows`` in methods of yours."""
        self._read()
        return self

    def _measure(self) -> int:
        self._read()
        return sum(memoryview(part).nbytes for part in self.parts())

    def _encode(self, writing: wire.Writing) -> bytes:
        parts = [memoryview(part).cast("B") for part in self.parts()]
        small = b"".join(part for part in parts if part.nbytes <= _INLINE)
        for part in parts:
            if part.nbytes > _INLINE:
                writing.buffer(part)
        sizes = b"".join(_SIZE.pack(part.nbytes) for part in parts)
        return _COUNT.pack(len(parts)) + sizes + small

    def _decode(self, body: bytes | memoryview, buffers: Sequence[memoryview]) -> None:
        (count,) = _COUNT.unpack_from(body)
        at = _COUNT.size + count * _SIZE.size
        beside = iter(buffers)
        parts = []
        for number in range(count):
            (size,) = _SIZE.unpack_from(body, _COUNT.size + number * _SIZE.size)
            if size > _INLINE:
                parts.append(next(beside).cast("B"))
            else:
                parts.append(memoryview(body)[at : at + size].toreadonly())
                at += size
        self.restore(parts)
