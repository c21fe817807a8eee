"""Builders of the built-in tasks on data objects."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hyperloom import data
from hyperloom.data.files import is_url, named
from hyperloom.tasks import operations
from hyperloom.tasks.builder import (
    LIGHT,
    Builder,
    DataFunction,
    Measure,
    as_delimiter,
    bytes_of,
    input_of,
    inputs_of,
    one_place,
    whole_number,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperloom.core.bound import BoundTask

_const = DataFunction[bytes]("loom/data/const", operations.const, LIGHT)
_merge = DataFunction[bytes]("loom/data/merge", operations.merge, LIGHT)
_open = DataFunction[data.File]("loom/data/open", operations.open_file, LIGHT)
_split = DataFunction[data.Pieces]("loom/data/split", operations.split, LIGHT)
_save = DataFunction[bytes]("loom/data/save", operations.save, {})
_array_make = DataFunction[list[Any]]("loom/array/make", operations.array_make, LIGHT)
_get = DataFunction[Any]("loom/base/get", operations.get, LIGHT)
_slice = DataFunction[Any]("loom/base/slice", operations.take_slice, LIGHT)
_size = Measure("loom/base/size", operations.size, LIGHT)
_length = Measure("loom/base/length", operations.length, LIGHT)


@Builder
def const(value: str | bytes | data.Data) -> BoundTask[bytes]:
    """A value that is known now: text, bytes or a data object.

    Raises:
        TypeError: it is something else; for any object there is `py_value`.
    """
    if not isinstance(value, (str, bytes, bytearray, memoryview, data.Data)):
        raise TypeError(
            f"const is of text, bytes or a data object, not of {value!r:.100}; for any Python "
            "object write tasks.py_value(…)"
        )
    return _const.bind(data.of(value))


@Builder
def merge(inputs: Iterable[object], delimiter: str | bytes = b"") -> BoundTask[bytes]:
    """The bytes of all inputs one after the other, with `delimiter` between them."""
    parts = [bytes_of(value, "merge") for value in inputs_of(inputs, "merge")]
    return _merge.bind(as_delimiter(delimiter, "merge"), *parts)


@Builder
def open(filename: str | os.PathLike[str]) -> BoundTask[data.File]:  # noqa: A001 - its name
    """A file that stays where it is, or a URL; see `hyperloom.data.File`."""
    return _open.bind(named(filename))


@Builder
def split(x: object, delimiter: str | bytes = b"\n") -> BoundTask[data.Pieces]:
    """The pieces of the bytes of `x` that end with `delimiter`, which stays part of them.

    The last one may end without; nothing after the last delimiter is no piece.

    Raises:
        ValueError: the delimiter is empty.
    """
    pattern = as_delimiter(delimiter, "split")
    if not pattern:
        raise ValueError("an empty delimiter splits nothing; for lines it is b'\\n'")
    return _split.bind(bytes_of(x, "split"), pattern)


@Builder
def save(x: object, filename: str | os.PathLike[str]) -> BoundTask[bytes]:
    """Write the bytes of `x` to a file of the node that runs this; the result is empty.

    The file is there as a whole or not at all; one that is there already is replaced.

    Raises:
        ValueError: the path is not absolute; or the input is scattered.
    """
    path = os.fspath(filename)
    if not isinstance(path, str) or is_url(path) or not os.path.isabs(path):  # noqa: PTH117
        raise ValueError(
            f"save needs an absolute path, not {path!r}: a task may run in any folder, on any node"
        )
    one_place(path, [x], "save")
    return _save.bind(bytes_of(x, "save"), path)


@Builder
def array_make(inputs: Iterable[object] = ()) -> BoundTask[list[Any]]:
    """An array of the inputs, which it shares."""
    return _array_make.bind(*inputs_of(inputs, "array_make"))


@Builder
def get(x: object, index: int) -> BoundTask[Any]:
    """One element of the array `x`, or one piece of an index; negative ones count from the end."""
    return _get.bind(input_of(x), whole_number(index, "the index of get"))


@Builder
def slice(x: object, start: int | None, stop: int | None) -> BoundTask[Any]:  # noqa: A001 - its name
    """Some elements of the array `x` as an array; some pieces of an index as their bytes.

    As in Python: negative bounds count from the end, None means from the first or to the last,
    and what is beyond is left out.
    """
    bounds = [
        None if bound is None else whole_number(bound, "a bound of slice")
        for bound in (start, stop)
    ]
    return _slice.bind(input_of(x), *bounds)


@Builder
def size(x: object) -> BoundTask[int]:
    """How many bytes `x` is."""
    return _size.bind(input_of(x))


@Builder
def length(x: object) -> BoundTask[int]:
    """How many elements or pieces `x` has."""
    return _length.bind(input_of(x))
