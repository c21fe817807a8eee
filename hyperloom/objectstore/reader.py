"""Get: from an id to read-only views that keep the object alive.

An object up to 256 KiB is read into private bytes: cheaper than a pin.  A larger one is
mapped, and its views carry a `Pin`: a descriptor with flock SH on the file.  Whoever frees
the object meanwhile finds it locked and leaves a zombie, which ends with the last view; a
process that is killed loses its locks with its descriptors.

Mappings are kept for reuse, because the faults of a fresh one cost more than the copy.  They
come from a second open of the file: a mapping made from the pin's own descriptor would hold
that lock for ever.
"""

# Names are strings here: a Path costs more than the system call it makes.
# ruff: noqa: PTH110

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import threading
import time
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from hyperloom.objectstore import kernel, layout, teardown

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.objectstore.descriptors import Descriptors
    from hyperloom.objectstore.places import Places

    Found = tuple[int, memoryview | bytes, list[memoryview]]  # kind, metadata, buffers

# Measured: up to this size a private copy is cheaper than a mapping and a pin.
COPY_MAX_BYTES: Final = 256 << 10
# 50 tries of 0.2 ms: who holds the lock so long is stopped, not slow.
_TRIES: Final = 50
_MAPPINGS_MAX: Final = 256
_MAPPINGS_MAX_BYTES: Final = 8 << 30  # of address space


class Pin:
    """A descriptor that holds flock SH; closed with the last view."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self, _close: Callable[[int], None] = os.close) -> None:
        # Takes no lock of ours: the collector may call this anywhere.  Closes, never unlocks:
        # after a fork the child's copy of the descriptor goes on pinning.
        with contextlib.suppress(OSError):
            _close(self.fd)


class Exporter(ctypes.Array[ctypes.c_ubyte]):
    """What views of a mapped object refer to: bytes at an address, and what keeps them there.

    A ctypes array, because every consumer (numpy, arrow, pickle, slices, casts) keeps the
    exporter of a memoryview alive, whereas numpy looks through objects that merely forward
    another one's buffer.  A weak reference to a memoryview would be the wrong signal too.
    """

    _type_ = ctypes.c_ubyte
    _length_ = 0
    pin: Pin | None
    mapping: kernel.Mapping


class Reader:
    """The getting half of a client.  Thread-safe; needs no keeper."""

    def __init__(self, places: Places, descriptors: Descriptors) -> None:
        self._places = places
        self._descriptors = descriptors
        self._lock = threading.RLock()  # re-entrant: the collector may run a free() inside
        self._live: weakref.WeakValueDictionary[bytes, Exporter] = weakref.WeakValueDictionary()
        self._mappings: OrderedDict[int, kernel.Mapping] = OrderedDict()  # by slot uid
        self._mapped_bytes = 0

    def get(self, oid: bytes) -> Found | None:
        """The object, or None when it is neither in memory nor on disk."""
        exporter = self._live.get(oid)
        if exporter is not None and exporter[layout.STATE_AT] == layout.SEALED:
            return layout.sections(_view(exporter))
        path = self._places.sealed(oid)
        id_in_header = layout.padded(oid)
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(teardown.RETRY_S)  # a lock gives no sign when it is free
            try:
                fd = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                found = self._get_spilled(oid)
                if found is None and os.path.exists(path):
                    continue  # put again between the two looks
                return found
            if kernel.lock_now(fd, fcntl.LOCK_SH):
                head = os.pread(fd, layout.PAGE, 0)
                if layout.is_sealed(head, id_in_header):
                    return self._get_locked(fd, head, oid, path)
                leftover = kernel.same_file(fd, path)
                kernel.unlock(fd)
                os.close(fd)
                if leftover:  # of somebody who died while freeing it
                    return self._get_spilled(oid)
            else:
                os.close(fd)
        return self._get_unlocked(path, id_in_header)

    def contains(self, oid: bytes) -> bool:
        """Would get() find it?"""
        try:
            fd = os.open(self._places.sealed(oid), os.O_RDONLY)
        except FileNotFoundError:
            return os.path.exists(self._places.spilled(oid))
        try:
            if layout.is_sealed(os.pread(fd, layout.HEADER_BYTES, 0), layout.padded(oid)):
                return True
        finally:
            os.close(fd)
        return os.path.exists(self._places.spilled(oid))

    def forget_mappings(self) -> None:
        """Give the address space back; views go on."""
        with self._lock:
            self._mappings.clear()
            self._mapped_bytes = 0

    def after_fork(self) -> None:
        """In the child: a lock that another thread of the parent held would stay held."""
        self._lock = threading.RLock()

    def _get_locked(self, fd: int, head: bytes, oid: bytes, path: str) -> Found:
        header = layout.parse(head)
        assert header is not None, "is_sealed has looked at it"
        if header.total <= COPY_MAX_BYTES:
            try:
                # `head` is a whole page: all of most small objects.
                data = head if header.total <= len(head) else _read(fd, header.total)
            finally:
                kernel.unlock(fd)  # closing is not enough: a fork may have copied it meanwhile
                os.close(fd)
            return layout.sections(memoryview(data)[: header.total].toreadonly())
        with contextlib.suppress(OSError):
            os.utime(fd)  # when it was last used: the keeper spills the oldest
        pin = Pin(self._descriptors.settle(fd))
        if pin.fd < self._descriptors.pins_below:
            # No descriptor or no mapping left: then a copy, as above the limit.
            with contextlib.suppress(OSError):
                exporter = _export(self._mapping(header.uid, pin.fd, path), pin)
                self._live[oid] = exporter
                return layout.sections(_view(exporter))
        return layout.sections(memoryview(_read(pin.fd, header.total)).toreadonly())

    def _get_spilled(self, oid: bytes) -> Found | None:
        """Map the file on disk: no memory to account for, and it may be unlinked meanwhile."""
        try:
            fd = os.open(self._places.spilled(oid), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            total = os.fstat(fd).st_size
            if total <= COPY_MAX_BYTES:
                return layout.sections(memoryview(_read(fd, total)).toreadonly())
            # Never a cached mapping: the file bears the uid of a slot that was punched.
            mapping = kernel.Mapping(fd, total)
        finally:
            os.close(fd)
        return layout.sections(_view(_export(mapping, None)))

    def _get_unlocked(self, path: str, oid: bytes) -> Found | None:
        """Copy an object whose lock is held by somebody who was stopped while freeing it.

        Without a lock the bytes may change under us, but not without a trace: whoever voids,
        renames or rewrites the file changes its header or its times.
        """
        try:
            fd = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            before = os.pread(fd, layout.HEADER_BYTES, 0), os.fstat(fd).st_ctime_ns
            header = layout.parse(before[0])
            if header is None or not layout.is_sealed(before[0], oid):
                return None
            data = _read(fd, header.total)
            if before != (os.pread(fd, layout.HEADER_BYTES, 0), os.fstat(fd).st_ctime_ns):
                return None
        finally:
            os.close(fd)
        return layout.sections(memoryview(data).toreadonly())

    def _mapping(self, uid: int, fd: int, path: str) -> kernel.Mapping:
        with self._lock:
            found = self._mappings.get(uid)
            if found is not None:
                self._mappings.move_to_end(uid)
                return found
        again = kernel.reopen(fd, path)
        try:
            mapping = kernel.Mapping(again, os.fstat(again).st_size)
        finally:
            os.close(again)
        with self._lock:
            if uid not in self._mappings:
                self._mapped_bytes += mapping.size_bytes
            self._mappings[uid] = mapping
            while len(self._mappings) > _MAPPINGS_MAX or self._mapped_bytes > _MAPPINGS_MAX_BYTES:
                self._mapped_bytes -= self._mappings.popitem(last=False)[1].size_bytes
        return mapping


_exporters: dict[int, type[Exporter]] = {}  # by length; few, because slots have few sizes


def _export(mapping: kernel.Mapping, pin: Pin | None) -> Exporter:
    # Of the size class, not of the object: ctypes never forgets a type.  What lies behind the
    # object is never handed out.
    length = layout.size_class(mapping.size_bytes)
    kind = _exporters.get(length)
    if kind is None:
        kind = type("Exporter", (Exporter,), {"_type_": ctypes.c_ubyte, "_length_": length})
        _exporters[length] = kind
    exporter = kind.from_address(mapping.address)
    exporter.mapping = mapping
    exporter.pin = pin
    return exporter


def _view(exporter: Exporter) -> memoryview:
    view = memoryview(exporter).cast("B").toreadonly()
    header = layout.parse(view)
    return view if header is None else view[: header.total]


def _read(fd: int, total: int) -> bytes | bytearray:
    if total <= COPY_MAX_BYTES:
        return os.pread(fd, total, 0)
    data = bytearray(total)
    with memoryview(data) as view:
        done = 0
        while done < total:
            count = os.preadv(fd, [view[done : done + (1 << 30)]], done)
            if count == 0:
                break
            done += count
    return data
