"""The few system calls that Python does not offer, or offers with a catch.

Everything here releases the GIL while the kernel or the copy works.  Nothing here knows what
an object is.  ctypes rather than an extension module: the package stays pure Python, and one
call costs about a microsecond.
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH108, PTH116

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
]  # fmt: skip
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
# Not ctypes.pythonapi: its functions are shared by all of a process, and so are their argtypes.
_python = ctypes.PyDLL(None)

_PROT_READ, _PROT_WRITE, _MAP_SHARED = 1, 2, 1
_MAP_FAILED: Final = ctypes.c_void_p(-1).value
_MADV_HUGEPAGE: Final = 14  # free of cost, and of effect where huge pages are off for tmpfs
_PUNCH_HOLE_KEEP_SIZE: Final = 3
_RENAME_NOREPLACE: Final = 1
_AT_FDCWD: Final = -100
_IOV_MAX: Final = 1000  # the kernel's limit is 1024 parts
_WRITE_MAX: Final = 1 << 30  # and a little under 2 GiB a call

NO_ROOM: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM},
)  # errno of a write that found no space


class Mapping:
    """A shared mapping of a file, from its start; gone with its last reference.

    Unlike `mmap.mmap` it keeps no descriptor of its own: 600 mapped objects would cost 600.
    """

    __slots__ = ("address", "size_bytes")

    def __init__(self, fd: int, size_bytes: int, *, writable: bool = False) -> None:
        self.address = 0
        self.size_bytes = size_bytes
        access = _PROT_READ | _PROT_WRITE if writable else _PROT_READ
        address = _libc.mmap(None, size_bytes, access, _MAP_SHARED, fd, 0)
        if address in {_MAP_FAILED, None}:
            raise _os_error("mapping of an object's file")
        self.address = address
        if sys.platform == "linux":
            _libc.madvise(address, size_bytes, _MADV_HUGEPAGE)

    def unmap(self, _munmap: Callable[[int, int], int] = _libc.munmap) -> None:
        """End it now; whatever still points into it is lost."""
        # _munmap by default: at the end of the interpreter our globals go before our objects.
        address, self.address = self.address, 0
        if address:
            _munmap(address, self.size_bytes)

    def __del__(self) -> None:
        self.unmap()


class _PyBuffer(ctypes.Structure):
    """CPython's ``Py_buffer``; part of the stable ABI since 3.11."""

    _fields_ = [  # type: ignore[mutable-override] # typeshed's is no ClassVar of a list
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]


_get_buffer = _python.PyObject_GetBuffer
_get_buffer.argtypes = [ctypes.py_object, ctypes.POINTER(_PyBuffer), ctypes.c_int]
_release_buffer = _python.PyBuffer_Release
_release_buffer.argtypes = [ctypes.POINTER(_PyBuffer)]
_release_buffer.restype = None


def copy_to(address: int, source: bytes | bytearray | memoryview) -> None:
    """Copy contiguous bytes, read-only ones too, to an address; others may run meanwhile.

    (Assignment to a slice of a memoryview holds the GIL for the whole copy.)
    """
    view = _PyBuffer()
    _get_buffer(source, ctypes.byref(view), 0)
    try:
        ctypes.memmove(address, view.buf, view.len)
    finally:
        _release_buffer(ctypes.byref(view))


def write_gather(fd: int, parts: Sequence[bytes | bytearray | memoryview]) -> None:
    """Write the parts (of bytes) one after the other from the start of the file, without faults.

    Raises:
        OSError: no room, among others.  Written through a mapping it would be a SIGBUS.
    """
    at = 0
    for first in range(0, len(parts), _IOV_MAX):
        batch = parts[first : first + _IOV_MAX]
        want = sum(len(part) for part in batch)
        done = os.pwritev(fd, batch, at)
        if done < want:
            _write_rest(fd, batch, at, done)
        at += want


def _write_rest(
    fd: int, parts: Sequence[bytes | bytearray | memoryview], at: int, done: int
) -> None:
    for part in parts:
        view = memoryview(part)[done:]
        done = max(0, done - len(part))
        at += len(part) - len(view)
        while view:
            written = os.pwrite(fd, view[:_WRITE_MAX], at)
            view = view[written:]
            at += written


def lock_now(fd: int, how: int) -> bool:
    """Take a lock (`fcntl.LOCK_EX` or `LOCK_SH`) if it is to be had without waiting."""
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(fd: int) -> None:
    """Drop the lock, for every process that inherited this descriptor as well."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def same_file(fd: int, path: str) -> bool:
    """Is `path` (still) a name of the open file?  True answers need a lock on it to last."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def reopen(fd: int, path: str) -> int:
    """Open the same file once more: a description of its own, so that it carries no lock.

    Raises:
        FileNotFoundError: only where there is no /proc, and the file changed its name.
    """
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    except FileNotFoundError:
        again = os.open(path, os.O_RDONLY)
        if same_file(fd, path):
            return again
        os.close(again)
        raise


def punch(fd: int, size_bytes: int | None = None) -> None:
    """Give a file's pages back at once although processes may have it mapped; all or the first.

    Never truncate: who looks at a mapping beyond the end gets SIGBUS; a hole reads as zeros.
    Where holes are unknown the pages go when the last mapping goes.
    """
    if sys.platform == "linux":
        size = os.fstat(fd).st_size if size_bytes is None else size_bytes
        _libc.fallocate(fd, _PUNCH_HOLE_KEEP_SIZE, ctypes.c_int64(0), ctypes.c_int64(size))


def rename_new(old: str, new: str) -> None:
    """Rename, unless `new` exists: a plain rename would orphan what it replaces.

    Raises:
        FileExistsError: it exists.
    """
    if sys.platform == "linux":
        done = _libc.renameat2(
            _AT_FDCWD, os.fsencode(old), _AT_FDCWD, os.fsencode(new), _RENAME_NOREPLACE
        )
        if done == 0:
            return
        error = ctypes.get_errno()
        if error not in {errno.EINVAL, errno.ENOSYS}:
            raise OSError(error, os.strerror(error), new)
    os.link(old, new)
    os.unlink(old)


def unlink_if_there(path: str) -> bool:
    """Remove a name; False when there was none."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        return True
    return False


def _os_error(doing: str) -> OSError:
    error = ctypes.get_errno()
    return OSError(error, f"{os.strerror(error)} ({doing})")
