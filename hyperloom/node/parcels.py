"""A working directory as a copy, or as one file that goes to another machine.

The rule: what comes from elsewhere is unpacked into its own folder and nowhere else: no path that
leads out of it, no device, no more bytes than were allowed (`tarfile`'s filter ``data``).
"""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from hyperloom import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

LEFT_OUT = (".git", ".hg", "__pycache__", ".venv", "venv", "node_modules", ".mypy_cache",
            ".pytest_cache", ".ruff_cache")  # fmt: skip
MOST_BYTES = 100 << 20
_SHOWN = 5  # of the largest files, in a refusal
_LEVEL = 1  # of compression: programs are small, and networks fast


def copy(directory: Path, to: Path, but: Path) -> list[str]:
    """Copy it, without what nobody wants to have twice, and without the folder `but`.

    The names of what was left out, since it is neither file, link nor folder.

    Raises:
        errors.LoomError: it is too large; nothing was copied.
    """
    paths = _fitting(directory, but)
    to.mkdir(parents=True)
    strange: list[str] = []
    for path in paths:
        name = path.relative_to(directory)
        if path.is_symlink():
            (to / name).symlink_to(path.readlink())
        elif path.is_dir():
            (to / name).mkdir()
        elif path.is_file():
            shutil.copy2(path, to / name)
        else:
            strange.append(str(name))
    return strange


def pack(directory: Path, to: IO[bytes], but: Path) -> list[str]:
    """Write it into a file, without `but`; the names of what was left out.

    That is what is neither file nor folder, and links that lead out of the directory: they would
    lead somewhere else elsewhere.

    Raises:
        errors.LoomError: it is too large; nothing was written.
    """
    paths = _fitting(directory, but)
    strange: list[str] = []
    with tarfile.open(fileobj=to, mode="w:gz", compresslevel=_LEVEL) as tar:
        for path in paths:
            name = str(path.relative_to(directory))
            if _travels(path, directory):
                tar.add(path, name, recursive=False, filter=_of_nobody)
            else:
                strange.append(name)
    return strange


def unpack(file: IO[bytes], to: Path) -> None:
    """Have the directory again.

    Raises:
        errors.LoomError: it is too large, or not what `pack` makes.
    """
    if not hasattr(tarfile, "data_filter"):
        raise errors.LoomError(
            "the Python of this node is too old to unpack what comes from elsewhere safely; "
            "nothing was started. Have the node run on Python 3.11.4 or later"
        )
    total = 0
    try:
        with tarfile.open(fileobj=file, mode="r:gz") as tar:
            for member in tar:
                total += member.size
                if total > MOST_BYTES:
                    raise errors.LoomError(
                        f"what came has more than {MOST_BYTES >> 20} MiB; nothing was started"
                    )
                tar.extract(member, to, filter="data")
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise errors.LoomError(
            f"what came is no directory that can be unpacked ({error}); nothing was started"
        ) from error


def _fitting(directory: Path, but: Path) -> list[Path]:
    """All paths of it, folders before what is in them; it is not too large."""
    paths = sorted(_all_of(directory, but))
    _check_size(directory, paths)
    return paths


def _all_of(directory: Path, but: Path) -> Iterator[Path]:
    for at, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if name not in LEFT_OUT and Path(at, name) != but]
        yield from (Path(at, name) for name in (*folders, *names) if name not in LEFT_OUT)


def _travels(path: Path, directory: Path) -> bool:
    if path.is_symlink():
        target = path.readlink()
        inside = Path(os.path.normpath(path.parent / target)).is_relative_to(directory)
        return inside and not target.is_absolute()
    return path.is_file() or path.is_dir()


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _check_size(directory: Path, paths: list[Path]) -> None:
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    sizes = sorted(((path.stat().st_size, path) for path in files), reverse=True)
    total = sum(size for size, _ in sizes)
    if total > MOST_BYTES:
        largest = ", ".join(
            [f"{path.relative_to(directory)} ({size >> 20} MiB)" for size, path in sizes[:_SHOWN]]
        )
        raise errors.LoomError(
            f"the directory {directory} has {total >> 20} MiB, and at most {MOST_BYTES >> 20} MiB "
            f"are copied; nothing was started. The largest: {largest}. Submit from a directory "
            "with the program alone, and name its data by their full paths"
        )
