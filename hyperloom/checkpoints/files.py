"""A file that holds the results of one task.

::

    "LOOMRES1"         8
    size of the head   4   little endian
    head                   msgpack, see `Head`
    parts                  of each result its meta and its buffers; each at a multiple of 64
    checksum           4   CRC-32 of all before it, little endian

The rule: a file is there whole or not at all.  It is written beside its place, under a name that
one process at a time may write, and renamed.  Who dies while writing leaves that name behind,
and the next one writes over it.
"""

from __future__ import annotations

# Names are text here, as in `hyperloom.objectstore`: a Path costs more than the call it makes.
# ruff: noqa: PTH105, PTH103, PTH108, PTH116, PTH120, PTH123
import errno
import fcntl
import mmap
import os
import secrets
import time
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from msgspec import MsgspecError, Struct, msgpack

from hyperloom import failpoints
from hyperloom.data.mentions import Mention, files_in
from hyperloom.serialization import BYTES, NDARRAY, Packed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

SUFFIX = ".loom.tmp"  # of a file that is being written

_MAGIC = b"LOOMRES1"
_COUNT = 4
_ALIGN = 64
_ZEROS = memoryview(bytes(_ALIGN))
_HEAD_MOST = 1 << 28  # a task with a million results needs some ten bytes for each


class Head(Struct, frozen=True, array_like=True):
    """What a file says of itself.  Fields are added at the end."""

    key: bytes  # empty: nobody can tell what made it
    name: str  # of the task
    created_s: float  # since the epoch; for people
    results: list[tuple[int, list[int]]]  # kind, sizes of meta and buffers
    files: list[Mention] = []  # that the results name, as they were

    @property
    def size(self) -> int:
        """Bytes of all results."""
        return sum(sum(sizes) for _, sizes in self.results)

    def check_files(self) -> None:
        """Results that name files are as good as those are.

        Raises:
            Unusable: one is gone, or not what it was.
        """
        for each in self.files:
            wrong = each.wrong()
            if wrong:
                raise Unusable(wrong)


class Unusable(Exception):
    """A file that cannot be believed; says why."""


_decoder = msgpack.Decoder(Head)


def write(path: str, key: bytes, name: str, results: Sequence[Packed], *, sync: bool) -> int:
    """Write the file, whole; its bytes.  With `sync` it is on disk when this returns.

    Raises:
        OSError: it could not be written; what was there before is there still.
    """
    parts = [[memoryview(result.meta), *result.buffers] for result in results]
    shapes = [
        (result.kind, [part.nbytes for part in each])
        for result, each in zip(results, parts, strict=True)
    ]
    named = files_in(_that_may_name_files(results))
    head = msgpack.encode(Head(key, name, time.time(), shapes, named))
    start = memoryview(_MAGIC + len(head).to_bytes(_COUNT, "little") + head)
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    with _beside(path) as (file, temporary):
        size = _write_all(file, [start, *(part for each in parts for part in each)])
        if sync:
            os.fsync(file.fileno())
        if failpoints.ON:
            failpoints.hit("checkpoint.written")
        os.replace(temporary, path)
    if sync:
        _sync_folder(folder)
    return size


def _that_may_name_files(results: Sequence[Packed]) -> Iterator[bytes | memoryview]:
    for result in results:
        if result.kind not in (BYTES, NDARRAY):
            yield result.meta
            yield from result.buffers


def look(path: str) -> Head:
    """What the file says of itself, and that it is as long as it should be.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read.
        Unusable: it is no such file, or not whole.
    """
    with open(path, "rb") as file:
        head, start = _head(file)
        size = os.fstat(file.fileno()).st_size
    if size != (expected := _end(head, start) + _COUNT):
        raise Unusable(f"it has {size:,} bytes instead of {expected:,}")
    return head


def read(path: str, key: bytes | None = None) -> tuple[Head, list[Packed]]:
    """The results, as views of the file, after its checksum was found right.

    Raises:
        FileNotFoundError: there is none.
        OSError: it cannot be read.
        Unusable: it is no such file, or not whole, or of another `key`.
    """
    with open(path, "rb") as file:
        head, start = _head(file)
        if key is not None and head.key != key:
            raise Unusable("something else made it")
        size = os.fstat(file.fileno()).st_size
        if size != (end := _end(head, start)) + _COUNT:
            raise Unusable(f"it has {size:,} bytes instead of {end + _COUNT:,}")
        view = memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))
    if zlib.crc32(view[:end]) != int.from_bytes(view[end:], "little"):
        raise Unusable("its checksum is wrong")
    results = []
    at = start
    for kind, sizes in head.results:
        parts = []
        for part in sizes:
            at += -at % _ALIGN
            parts.append(view[at : at + part])
            at += part
        results.append(Packed(kind, bytes(parts[0]), parts[1:], []))
    return head, results


@contextmanager
def _beside(path: str) -> Iterator[tuple[BinaryIO, str]]:
    """An empty file beside it that only we write, and its name; gone when the block fails.

    The name is always the same, so that what a dead process left is written over.  If another
    process writes there now, which may be a stopped one, we take a name of our own.
    """
    temporary = path + SUFFIX
    descriptor = _locked(temporary)
    if descriptor is None:
        temporary = f"{path}.{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        descriptor = _locked(temporary)
        assert descriptor is not None, "nobody else has this name"
    with open(descriptor, "wb") as file:
        try:
            file.truncate(0)
            yield file, temporary
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise


def _locked(name: str) -> int | None:
    """The file of this name, made if it is not there, for us alone; None: somebody has it."""
    while True:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            return None
        # Between the two calls another may have renamed it: then it is a finished file.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(name)):
                return descriptor
        os.close(descriptor)


def remove_left_behind(temporary: str) -> None:
    """Remove what somebody was writing under this name, if he is dead."""
    with suppress(FileNotFoundError):
        descriptor = _locked(temporary)
        if descriptor is not None:
            os.unlink(temporary)
            os.close(descriptor)


def _write_all(file: BinaryIO, parts: Sequence[memoryview]) -> int:
    end = checksum = 0
    for part in parts:
        for data in (_ZEROS[: -end % _ALIGN], part):
            file.write(data)
            checksum = zlib.crc32(data, checksum)
            end += data.nbytes
    file.write(checksum.to_bytes(_COUNT, "little"))
    file.flush()
    return end + _COUNT


def _head(file: BinaryIO) -> tuple[Head, int]:
    """What stands at the beginning, and where that ends."""
    start = len(_MAGIC) + _COUNT
    begin = file.read(start)
    size = int.from_bytes(begin[len(_MAGIC) :], "little")
    if len(begin) < start or not begin.startswith(_MAGIC) or size > _HEAD_MOST:
        raise Unusable("it is no file of results")
    try:
        return _decoder.decode(file.read(size)), start + size
    except (MsgspecError, UnicodeDecodeError):
        raise Unusable("its head cannot be read") from None


def _end(head: Head, start: int) -> int:
    """Where the results end."""
    end = start
    for _, sizes in head.results:
        for size in sizes:
            end += -end % _ALIGN + size
    return end


def _sync_folder(folder: str) -> None:
    """A rename is safe when its folder is on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
