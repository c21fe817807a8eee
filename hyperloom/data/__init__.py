"""Data objects: values with a size and a length that the platform can take apart by itself.

    Plain    bytes
    File     a file, or a URL, that stays where it is: only its name travels
    Array    a sequence of data objects
    Index    pieces of one Plain or File, by their positions
    PyObj    any Python object
    Extension   a type of your own

    from hyperloom import data

    @loom.task
    def words(text: data.Plain) -> data.Array:
        return data.array(text.read().split())

    loom.get(words.remote(data.Plain("to be or not")))   # [b'to', b'be', b'or', b'not']

All are immutable.  As an argument of a task a data object arrives as one of these types; `loom.get`
gives its *gathered* form: bytes, the `File` itself, a list, a sequence of bytes, the object.

The rule: what lies in shared memory already is referred to, not copied.  An array that is made of
large objects contains them; a piece or a slice of one is a view of it.

    dataobject.py   what all have in common
    wire.py         the bytes: size and length can be read without rebuilding anything

What they know of shared memory is in `hyperloom.serialization.stored`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.data.arrays import Array
from hyperloom.data.conversion import of
from hyperloom.data.dataobject import Data, DObject, received
from hyperloom.data.extension import Extension
from hyperloom.data.files import File
from hyperloom.data.indices import Index, Pieces, split
from hyperloom.data.plain import Plain
from hyperloom.data.pyobj import PyObj

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Array",
    "DObject",
    "Data",
    "Extension",
    "File",
    "Index",
    "Pieces",
    "Plain",
    "PyObj",
    "array",
    "of",
    "received",
    "split",
]


def array(items: Iterable[object] = ()) -> Array:
    """An `Array` of these; what is no data object becomes one as by `of`."""
    return Array(items)
