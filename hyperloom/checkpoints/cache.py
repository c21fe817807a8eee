"""A folder of results by key, of bounded size, for all runs on a machine.

Whoever computes a result writes it there, whoever needs one looks first.  What is over the limit
goes, least recently used first; a file's time of change says when it was used last.

What lies there is unpickled, so nothing is read from a folder that another user could write to.

The rule: processes may be killed at any moment and trust nothing that they do not check.  Each file
is whole or not there (`files`).  How many bytes there are stands in one small file, which is
changed under a lock that the kernel takes back from the dead; it may be wrong by what somebody
wrote who died before he could say so, until the folder is next looked through.
"""

from __future__ import annotations

# Names are text here, as in `files`.
# ruff: noqa: PTH100, PTH103, PTH108, PTH110, PTH112, PTH116, PTH118, PTH120
import errno
import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from hyperloom.checkpoints import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hyperloom.serialization import Packed

_COUNTER = "bytes"
_ENDING = ".loom"
_SHARDS = 2  # hexadecimal digits of a key that name its sub-folder
_TRIES = 50
_PAUSE_S = 0.001
_KEEP_PERCENT = 90  # what is over the limit goes down to this much of it


class Entry(NamedTuple):
    """A file of the cache."""

    path: str
    size: int
    used_s: float  # since the epoch


class Cache:
    """See the module."""

    def __init__(self, folder: str, most_bytes: int) -> None:
        self.folder = os.path.abspath(folder)
        self.most_bytes = most_bytes

    def path(self, key: bytes) -> str:
        """Where the results of this key are, if they are."""
        name = key.hex()
        return os.path.join(self.folder, name[:_SHARDS], name + _ENDING)

    def find(self, key: bytes, most_bytes: int | None = None) -> list[Packed] | None:
        """The results; None: there are none, or they have more than `most_bytes`.

        A damaged file is removed, and one whose results name files that changed.
        """
        path = self.path(key)
        try:
            self._check_ours()
            if most_bytes is not None and os.stat(path).st_size > most_bytes:
                return None
            head, results = files.read(path, key)
            head.check_files()
            os.utime(path)
        except files.Unusable:
            with suppress(OSError):
                os.unlink(path)
            return None
        except OSError:
            return None
        return results

    def store(self, key: bytes, name: str, results: Sequence[Packed]) -> None:
        """Keep the results, if they fit.

        Raises:
            OSError: they could not be written, or the folder is open to others; nothing else is
                affected.
        """
        size = sum(result.size for result in results)
        if size > self.most_bytes or os.path.exists(self.path(key)):
            return
        for folder in (os.path.dirname(self.folder), self.folder):
            os.makedirs(folder, mode=0o700, exist_ok=True)
        self._check_ours()
        written = files.write(self.path(key), key, name, results, sync=False)
        with self._counter() as counter:
            if counter is None:
                return
            total = _counted(counter) + written
            if total > self.most_bytes:
                total = self._make_room()
            _count(counter, total)

    def entries(self) -> list[Entry]:
        """All of it, least recently used first."""
        return sorted(self._files(), key=lambda entry: entry.used_s)

    def clear(self) -> list[Entry]:
        """Remove all of it; what was there."""
        if not os.path.isdir(self.folder):
            return []
        with self._counter() as counter:
            entries = self.entries()
            for entry in entries:
                _remove(entry.path)
            if counter is not None:
                _count(counter, 0)
        return entries

    def _check_ours(self) -> None:
        about, above = os.stat(self.folder), os.stat(os.path.dirname(self.folder))
        user = os.getuid()
        if about.st_uid != user or about.st_mode & 0o022 or above.st_uid not in (user, 0):
            raise PermissionError(
                errno.EPERM, "others may write to this folder, so nothing in it is trusted"
            )

    def _make_room(self) -> int:
        entries = self.entries()
        total = sum(entry.size for entry in entries)
        for entry in entries:
            if total <= self.most_bytes * _KEEP_PERCENT // 100:
                break
            _remove(entry.path)
            total -= entry.size
        return total

    def _files(self) -> Iterator[Entry]:
        with suppress(FileNotFoundError), os.scandir(self.folder) as shards:
            for shard in shards:
                if len(shard.name) == _SHARDS and shard.is_dir():
                    yield from _files_in(shard.path)

    @contextmanager
    def _counter(self) -> Iterator[int | None]:
        """The file that counts, for us alone; None: somebody does not let go of it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(os.path.join(self.folder, _COUNTER), flags, 0o600)
        try:
            yield descriptor if _lock(descriptor) else None
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_S)  # a stopped process may have it: nobody waits for that
        else:
            return True
    return False


def _counted(descriptor: int) -> int:
    with suppress(ValueError):
        return int(os.pread(descriptor, 32, 0))
    return 0


def _count(descriptor: int, total: int) -> None:
    # Always as long, so that the file is never cut: some file systems then write it to disk at
    # once, which takes longer than all the rest.
    os.pwrite(descriptor, b"%020d" % total, 0)


def _files_in(shard: str) -> Iterator[Entry]:
    with suppress(FileNotFoundError), os.scandir(shard) as found:
        for file in found:
            if file.name.endswith(files.SUFFIX):
                files.remove_left_behind(file.path)
            elif file.name.endswith(_ENDING):
                with suppress(FileNotFoundError):
                    about = file.stat()
                    yield Entry(file.path, about.st_size, about.st_mtime)


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
