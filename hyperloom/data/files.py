"""`File`: a file that stays where it is, or a URL; only its name travels.

The rule: a file must not change while it is a data object.  What it was when it was opened, its
size and a stamp, travels with its name, and whoever reads it compares.
"""

from __future__ import annotations

import contextlib
import errno
import io
import mmap
import os
import re
import stat
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from msgspec import msgpack

from hyperloom.data import urls
from hyperloom.data.dataobject import DObject
from hyperloom.errors import FileChanged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.data import wire

_URL = re.compile(r"[a-z][a-z0-9+.-]*://")


class Look(NamedTuple):
    """What a file looks like from outside."""

    size: int
    stamp: str  # of a file its time of change in nanoseconds, of a URL what its store says


def is_url(path: str) -> bool:
    """Whether this is not a path of the file system."""
    return _URL.match(path) is not None


class File(DObject, symbol="loom/file"):
    """A file on a file system that all nodes see, or a URL that fsspec knows.

    It behaves as a `Plain`; a file is mapped into memory when its bytes are first looked at.  Do
    not truncate one that is in use: who has it mapped would be killed.
    """

    __slots__ = ("_path", "_stamp", "_view")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Look at the file; what it is now is what its readers will expect.

        Raises:
            FileNotFoundError: there is none.
            OSError: it cannot be read, or is no file.
            ModuleNotFoundError: it is a URL, and fsspec is not installed.
        """
        super().__init__()
        self._path = named(path)
        size, self._stamp = look(self.path)
        self._known_size = size
        self._view: memoryview | None = None

    @property
    def path(self) -> str:
        """Its whole path, or URL."""
        self._read()
        return self._path

    @property
    def view(self) -> memoryview:
        """The bytes, read-only: the file mapped into memory; a URL's content, fetched once.

        Raises:
            FileChanged: it is not what it was when it was opened.
            OSError: it is gone, or cannot be read here.
        """
        path = self.path
        if self._view is None:
            self._view = self._fetched() if is_url(path) else self._mapped()
        return self._view

    def open(self) -> BinaryIO:
        """The file, opened for reading bytes; raises as `view`."""
        if is_url(self.path):
            return io.BytesIO(self.view)
        fd = _open(self.path)
        try:
            self._check(_look(self.path, fd))
            return os.fdopen(fd, "rb")
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(fd)
            raise

    def gathered(self) -> File:
        """Itself."""
        self._read()
        return self

    @property
    def is_shareable(self) -> bool:
        """Always: only its name travels."""
        return True

    def __loom_identity__(self) -> object:
        return self.path, self.size, self._stamp

    def _mapped(self) -> memoryview:
        with _opened(self.path) as fd:
            self._check(_look(self.path, fd))
            if self.size == 0:
                return memoryview(b"")  # there is nothing to map
            return memoryview(mmap.mmap(fd, self.size, access=mmap.ACCESS_READ))

    def _fetched(self) -> memoryview:
        self._check(Look(*urls.look(self.path)))
        return memoryview(urls.read(self.path))

    def _check(self, now: Look) -> None:
        then = Look(self.size, self._stamp)
        if now != then:
            grown = f"{then.size:,} bytes then, {now.size:,} now" if now.size != then.size else ""
            raise FileChanged(
                f"{self.path} is not what it was when it was opened: "
                f"{grown or 'it was written to since'}. What was read before stays valid. "
                "Open it again to use it as it is now"
            )

    def _encode(self, writing: wire.Writing) -> bytes:
        del writing
        return msgpack.encode((self.path, self._stamp))

    def _decode(self, body: bytes | memoryview, buffers: Sequence[memoryview]) -> None:
        del buffers
        self._path, self._stamp = msgpack.decode(body, type=tuple[str, str])
        self._view = None

    def __repr__(self) -> str:
        return f"<File {self.path!r}, {self.size:,} bytes>"


def named(path: str | os.PathLike[str]) -> str:
    """The whole name of a file, as any process of any node understands it.

    Raises:
        TypeError: this is no name.
        ValueError: it is empty.
        ModuleNotFoundError: it is a URL, and fsspec is not installed.
    """
    name = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(name, str):
        raise TypeError(f"the name of a file is text, a path or a URL, and not {path!r:.100}")
    if not name:
        raise ValueError("the name of a file cannot be empty")
    if is_url(name):
        urls.check(name)
        return name
    return os.path.abspath(name)  # noqa: PTH100 - not resolved: links may differ between nodes


def look(path: str) -> Look:
    """What the file looks like now.

    Raises:
        OSError: there is none, it cannot be read, or is no file.
        ModuleNotFoundError: it is a URL, and fsspec is not installed.
    """
    if is_url(path):
        return Look(*urls.look(path))
    with _opened(path) as fd:
        return _look(path, fd)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    fd = _open(path)
    try:
        yield fd
    finally:
        os.close(fd)


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would block
    except FileNotFoundError as error:
        raise FileNotFoundError(
            error.errno, "there is no such file here (all nodes must see it)", path
        ) from None


def _look(path: str, fd: int) -> Look:
    status = os.fstat(fd)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "this is a folder, and no file", path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "this is no ordinary file, which has a size", path)
    return Look(status.st_size, str(status.st_mtime_ns))
