"""What the built-in tasks do: functions from data objects to a data object.

They run wherever a task may run.  None looks into a pickle but `py_call` and, for the size of a
Python object that an ordinary task returned, `size`.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from hyperloom.core.call_keys import READS
from hyperloom.data import Array, Data, DObject, File, Index, Plain, PyObj
from hyperloom.data import split as split_data
from hyperloom.tasks.context import TaskContext

if TYPE_CHECKING:
    from collections.abc import Callable


def const(value: Data) -> Data:
    """The value."""
    return value


def merge(delimiter: bytes, *parts: Data) -> Plain:
    """All bytes one after the other."""
    return Plain(delimiter.join([as_bytes(part, "loom/data/merge").view for part in parts]))


def open_file(path: str) -> File:
    """The file, as it is now."""
    return File(path)


setattr(open_file, READS, File)  # a checkpoint of what was made of it is of that file


def split(whole: Data, delimiter: bytes) -> Index:
    """Its pieces."""
    return split_data(as_bytes(whole, "loom/data/split"), delimiter)


def save(whole: Data, path: str) -> Plain:
    """Write the bytes to a file, which is there as a whole or not at all.

    Raises:
        IsADirectoryError: the path is a folder.
        FileNotFoundError: the folder that the file is to be in is not there.
    """
    view = as_bytes(whole, "loom/data/save").view
    if os.path.isdir(path):  # noqa: PTH112 - a name, as given
        raise IsADirectoryError(errno.EISDIR, "this is a folder, and no file; nothing saved", path)
    if not os.path.isdir(os.path.dirname(path)):  # noqa: PTH112, PTH120
        raise FileNotFoundError(errno.ENOENT, "its folder is not there; nothing saved", path)
    temporary = f"{path}.{uuid4().hex[:12]}.loom.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(fd, "wb", buffering=0) as out:  # noqa: PTH123 - a descriptor
            while view:
                view = view[out.write(view) :]
            os.fsync(fd)
        os.replace(temporary, path)  # noqa: PTH105 - names, as given
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise
    _sync_folder(path)
    return Plain()


def _sync_folder(path: str) -> None:
    """See to it that the name is on disk too."""
    fd = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)  # noqa: PTH120
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot
            os.fsync(fd)
    finally:
        os.close(fd)


def array_make(*items: Data) -> Array:
    """An array of them."""
    return Array(items)


def get(whole: Data, index: int) -> Data:
    """The piece of this number."""
    try:
        piece: Data = whole[index]
    except IndexError:
        kind = type(whole).__name__
        raise IndexError(
            f"loom/base/get on {kind}: index {index} is out of range (length={whole.length})"
            f"{_advice(whole)}"
        ) from None
    return piece


def take_slice(whole: Data, start: int | None, stop: int | None) -> Data:
    """An array of some elements of an array; the bytes of some pieces of an index, as one."""
    if isinstance(whole, Index):
        first, last, _ = slice(start, stop).indices(whole.length)
        return whole.span(first, max(first, last))
    if isinstance(whole, (DObject, PyObj)):
        raise TypeError(f"loom/base/slice: a {type(whole).__name__} has no pieces{_advice(whole)}")
    part: Data = whole[start:stop]
    return part


def _advice(whole: Data) -> str:
    if isinstance(whole, PyObj):
        return "; a task whose result is to have elements returns data.array([…])"
    return "; tasks.split gives the pieces of bytes" if isinstance(whole, DObject) else ""


def size(whole: Data) -> int:
    """Its bytes."""
    return whole.size


def length(whole: Data) -> int:
    """How many pieces it has."""
    return whole.length


def py_value(value: PyObj) -> PyObj:
    """The object."""
    return value


def py_call(function: Data, direct: tuple[Any, ...], *inputs: Data) -> Any:  # noqa: ANN401
    """What a function that is itself an input makes of the others."""
    called = function.unwrap() if isinstance(function, PyObj) else function
    called, has_context = called if isinstance(called, tuple) else (called, False)
    if not callable(called):
        raise TypeError(f"loom/py/call: the first input is to be a function, not {called!r:.100}")
    before: tuple[Any, ...] = (TaskContext(),) if has_context else ()
    run: Callable[..., Any] = called
    return run(*before, *direct, *inputs)


def as_bytes(value: Data, symbol: str) -> DObject:
    """The value, if it is a run of bytes.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, DObject):
        raise TypeError(
            f"{symbol} takes bytes, a Plain or a File, and one of its inputs is {value!r:.100}"
        )
    return value
