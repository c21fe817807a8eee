"""What all data objects have in common: size, length, and how they travel.

A data object is either *made* here, from values, or *received*: then it knows its size and length
at once, and its contents are looked at when first used.  A type says how its contents become bytes
(`_encode`) and how they are made of bytes again (`_decode`).

The rule of packing, in this order: what lies in shared memory and is held is referred to; what
was received travels on as it came; all else is encoded.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from hyperloom.data import wire
from hyperloom.errors import Undeserializable
from hyperloom.serialization import stored
from hyperloom.serialization.packed import (
    BYTES,
    DATA,
    PICKLE,
    Packable,
    Packed,
    note_ref,
    out_of_band,
)
from hyperloom.serialization.text import text_in
from hyperloom.symbols.installed import DATA_TYPES, installed
from hyperloom.symbols.names import refuse_other

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.serialization.stored import Reference

types: dict[str, type[Data]] = {}  # by symbol


class _Received(NamedTuple):
    meta: bytes | memoryview
    buffers: Sequence[memoryview]
    refs: list[bytes]


class Data(Packable):
    """An immutable value with a size in bytes and a length; see the package.

    A subclass says its symbol: ``class Table(Data, symbol="my/table")``.
    """

    __slots__ = ("_holder", "_known_size", "_length", "_received", "_reference", "_unread")
    symbol: ClassVar[str] = ""

    def __init_subclass__(cls, symbol: str = "", **more: Any) -> None:  # noqa: ANN401 - object's
        super().__init_subclass__(**more)
        if symbol:
            refuse_other(symbol, types.get(symbol), cls)
            cls.symbol = symbol
            types[symbol] = cls

    def __init__(self, length: int = 0) -> None:
        self._known_size: int | None = None
        self._length = length
        self._received: _Received | None = None
        self._reference: Reference | None = None
        self._holder: object | None = None  # of what it refers to or contains, if received
        self._unread = False

    # -- what users see ---------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Bytes."""
        if self._known_size is None:
            self._known_size = self._measure()
        return self._known_size

    @property
    def length(self) -> int:
        """How many pieces it consists of; 0 if it has no inner structure."""
        return self._length

    def __len__(self) -> int:
        return self._length

    def __bool__(self) -> bool:
        return bool(self._length or self.size)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - pieces are of any type
        kind = type(self).__name__
        if isinstance(index, slice):
            raise TypeError(f"a {kind} has no inner structure: no part of it can be taken")
        raise IndexError(f"index {index!r} is out of range: a {kind} has length 0{self._advice()}")

    def _position(self, index: Any) -> int:  # noqa: ANN401 - what a user wrote
        """Of a piece, from the beginning."""
        kind = type(self).__name__
        if not hasattr(index, "__index__"):
            raise TypeError(f"an index of a {kind} is a whole number or a slice, not {index!r:.80}")
        try:
            position: int = range(self._length)[index]
        except IndexError:
            text = f"index {index} is out of range: the {kind} has length {self._length:,}"
            raise IndexError(text) from None
        return position

    def _advice(self) -> str:
        return ""

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(self._length))

    def gathered(self) -> Any:  # noqa: ANN401 - the user's
        """What `hyperloom.get` gives for it."""
        raise NotImplementedError

    def __repr__(self) -> str:
        pieces = f" of {self._length:,}" if self._length else ""
        return f"<{type(self).__name__}{pieces}, {self.size:,} bytes>"

    # -- how it travels ---------------------------------------------------------------------

    def packed(self) -> Packed:
        """Its bytes, and what they contain.

        Raises:
            NotSerializable: a Python object inside cannot travel.
        """
        reference = self._reference
        if reference is not None and stored.is_held(self._holder):
            refs = [reference.oid]
            meta = wire.metadata(
                wire.REFERENCE, self.symbol, self._size_told(), self._length, refs, reference.kept
            )
            return Packed(DATA, meta, [], refs)
        received = self._received
        if received is not None and (not received.refs or stored.is_held(self._holder)):
            return Packed(DATA, bytes(received.meta), list(received.buffers), received.refs)
        self._read()
        writing = wire.Writing()
        body = self._encode(writing)
        refs = writing.refs
        meta = wire.metadata(wire.VALUE, self.symbol, self._size_told(), self._length, refs, body)
        return Packed(DATA, meta, writing.buffers, refs)

    def __reduce_ex__(self, protocol: Any) -> Any:  # noqa: ANN401 - an int, and a tuple
        packed = self.packed()
        for oid in packed.refs:
            note_ref(oid)
        return _restored, (packed.meta, *[out_of_band(each, protocol) for each in packed.buffers])

    def settle(self) -> None:
        """Have all of it in this process: what it refers to may be gone later."""
        self._read()
        if self._received is not None and self._received.refs:
            self._settle_members()

    def __loom_identity__(self) -> object:
        """What tells it from others, wherever its bytes lie; see `hyperloom.core.call_keys`."""
        with stored.nobody_holds():
            self._read()
            writing = wire.Writing()
            return self._encode(writing), writing.buffers

    @property
    def is_shareable(self) -> bool:
        """Whether what is made now may refer to it instead of copying it."""
        return self._reference is not None and stored.is_held(self._holder)

    def _size_told(self) -> int:
        if self._known_size is None and not self._unread:
            self._known_size = self._cheap_size()
        return wire.UNKNOWN if self._known_size is None else self._known_size

    def _read(self) -> None:
        """Have the contents, which a received one has not looked at yet."""
        if not self._unread:
            return
        if self._received is not None:
            self._decode(wire.head_of(self._received.meta).body, self._received.buffers)
        else:
            assert self._reference is not None
            kind, meta, buffers = self._reference.read()
            while kind == DATA:
                head = wire.head_of(meta)
                if head.form == wire.VALUE:
                    self._received = _Received(meta, buffers, head.refs)
                    self._decode(head.body, buffers)
                    break
                kind, meta, buffers = stored.Reference(head.refs[0], bytes(head.body)).read()
            else:
                self._take(kind, meta, buffers)
        self._unread = False

    def _inside(self, member: bytes | memoryview, buffers: Sequence[memoryview]) -> Data:
        """A member of it; `buffers` are those of the whole."""
        return received(DATA, *wire.member_parts(member, buffers), holder=self._holder)

    # -- for each type ----------------------------------------------------------------------

    def _measure(self) -> int:
        """Its size, when nobody has said it."""
        raise NotImplementedError

    def _cheap_size(self) -> int | None:
        """The same, unless something would have to be unpickled for it."""
        return self._measure()

    def _encode(self, writing: wire.Writing) -> bytes:
        """The contents as a body; what is large goes beside it."""
        raise NotImplementedError

    def _decode(self, body: bytes | memoryview, buffers: Sequence[memoryview]) -> None:
        """The contents again."""
        raise NotImplementedError

    def _settle_members(self) -> None:
        """`settle` what is inside."""

    def _take(self, kind: int, meta: bytes | memoryview, buffers: Sequence[memoryview]) -> None:
        """The contents from a value that an ordinary task returned."""
        raise NotImplementedError


class DObject(Data):
    """A data object that is contiguous bytes: `Plain` and `File`."""

    __slots__ = ()

    @property
    def view(self) -> memoryview:
        """The bytes, read-only and not copied.

        From Python 3.12 on, ``memoryview(d)`` is the same, and so `d` goes wherever bytes do.
        """
        raise NotImplementedError

    def read(self) -> bytes:
        """The bytes, copied."""
        return bytes(self.view)

    def __bytes__(self) -> bytes:
        return self.read()

    if sys.version_info >= (3, 12):

        def __buffer__(self, flags: int, /) -> memoryview:
            return memoryview(self.view)

    def _measure(self) -> int:
        return self.view.nbytes


_NOW = object()


def received(
    kind: int,
    meta: bytes | memoryview,
    buffers: Sequence[memoryview],
    *,
    reference: Reference | None = None,
    holder: object | None = _NOW,
) -> Data:
    """The data object that arrived.

    `reference`, if it is the whole of a stored object; `holder`, if not what runs now holds it.

    What an ordinary task returned counts too: bytes and text are a `Plain`, all else a `PyObj`.

    Raises:
        Undeserializable: this process does not know the type.
    """
    if kind != DATA:
        text = text_in(meta) if kind == PICKLE else None
        if text is not None:
            kind, buffers = BYTES, [text]
        made = _blank(types["loom/data" if kind == BYTES else "loom/pyobj"])
        made._take(kind, meta, buffers)  # noqa: SLF001 - one of ours
        made._reference = reference  # noqa: SLF001
        made._holder = stored.holder() if holder is _NOW else holder  # noqa: SLF001
        return made
    head = wire.head_of(meta)
    cls = types.get(head.symbol) or _found(head.symbol)
    if cls is None:
        raise Undeserializable(
            f"a data object of type {head.symbol!r} arrived, which this process does not know: "
            "install the package that has it here, or import what defines it. A task that takes "
            f"one runs only where it is known if it says needs={head.symbol!r}"
        )
    made = _blank(cls, head.length)
    made._known_size = None if head.size == wire.UNKNOWN else head.size  # noqa: SLF001
    made._unread = True  # noqa: SLF001
    made._holder = stored.holder() if holder is _NOW else holder  # noqa: SLF001
    if head.form == wire.REFERENCE:
        made._reference = stored.Reference(head.refs[0], bytes(head.body))  # noqa: SLF001
    else:
        made._reference = reference  # noqa: SLF001
        made._received = _Received(meta, buffers, head.refs)  # noqa: SLF001
    return made


def register_type(symbol: str, cls: type[Data]) -> None:
    """Have data objects of `symbol` be of this class; see `hyperloom.register`.

    Raises:
        TypeError: it is no class of data objects.
        InvalidOption: another class has the symbol.
    """
    if not (isinstance(cls, type) and issubclass(cls, Data)):
        raise TypeError(f"register({symbol!r}, …): {cls!r} is no class of data objects")
    refuse_other(symbol, types.get(symbol), cls)
    cls.symbol = symbol
    types[symbol] = cls


def _found(symbol: str) -> type[Data] | None:
    """The type of an installed package; or one that came with a function, as code."""
    point = installed(DATA_TYPES).get(symbol)
    if point is not None:
        types[symbol] = point.load()
        return types[symbol]
    below = [Data]
    while below:
        cls = below.pop()
        if cls.symbol == symbol:
            types[symbol] = cls
            return cls
        below += cls.__subclasses__()
    return None


def _blank(cls: type[Data], length: int = 0) -> Data:
    made = cls.__new__(cls)
    Data.__init__(made, length)
    return made


def _restored(meta: bytes, *buffers: Any) -> Data:  # noqa: ANN401 - whatever pickle gives back
    made = received(DATA, meta, [memoryview(each).toreadonly() for each in buffers])
    if made._holder is None:  # noqa: SLF001 - one of ours
        made.settle()
    return made
