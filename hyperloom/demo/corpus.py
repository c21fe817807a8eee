"""The demo's input: Python files, read once, cut into texts and batches.

The rule: a document is a number, its place in the sorted list of paths, so that postings of
batches that follow each other follow each other too, on every run.

Many files make one *text* in shared memory; a *batch* is the part of it that one task counts.
"""

from __future__ import annotations

import os
import sysconfig
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BATCH_BYTES = 1 << 20  # long enough (20 ms) for a task not to be felt, short enough for a bar
TEXT_BYTES = 16 << 20  # sixteen batches share it

Span = tuple[int, int, int]  # document, where it begins in its text, where it ends


@dataclass(frozen=True, slots=True)
class Text:
    """Some documents, one after the other, and the batches to count them in."""

    data: Any  # a numpy array of bytes; without numpy, bytes
    batches: list[list[Span]]


def python_folders() -> list[str]:
    """The standard library and site-packages of the Python that runs."""
    found = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")]
    return list(dict.fromkeys(os.path.realpath(folder) for folder in found))


def find_files(folders: Iterable[str]) -> list[str]:
    """All readable ``.py`` files below the folders, sorted."""
    roots = {os.path.realpath(folder) for folder in folders}
    found: set[str] = set()
    for root in roots:
        for folder, below, names in os.walk(root):
            # Inside a virtual environment, the packages of the Python beneath are not ours.
            below[:] = [
                name
                for name in below
                if name not in {"site-packages", "dist-packages"}
                or os.path.join(folder, name) in roots  # noqa: PTH118 - thousands of them
            ]
            paths = [f"{folder}/{name}" for name in names if name.endswith(".py")]
            found.update(path for path in paths if os.access(path, os.R_OK))
    return sorted(found)


def place(path: str, folders: Iterable[str]) -> str:
    """A path as people know it: without the folder that it was found in."""
    roots = [root for root in map(os.path.realpath, folders) if path.startswith(f"{root}/")]
    return path[len(max(roots, key=len)) + 1 :] if roots else path


def read(path: str) -> bytes:
    """A whole file; nothing for what has vanished meanwhile."""
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs as much again
            return file.read()
    except OSError:
        return b""


def texts(files: Sequence[str]) -> Iterator[Text]:
    """Reads the files, a text at a time."""
    as_array = _array_maker()
    # Who gets a view of an array can share a large one; bytes arrive as a copy.
    text_bytes = BATCH_BYTES if as_array is bytes else TEXT_BYTES
    whole: list[bytes] = []
    batches: list[list[Span]] = [[]]
    begin = 0  # of the next document in the text
    batch_begin = 0
    for number, path in enumerate(files):
        data = read(path)
        whole.append(data)
        batches[-1].append((number, begin, begin + len(data)))
        begin += len(data)
        if begin >= text_bytes:
            yield Text(as_array(b"".join(whole)), batches)
            whole, batches, begin, batch_begin = [], [[]], 0, 0
        elif begin - batch_begin >= BATCH_BYTES:
            batches.append([])
            batch_begin = begin
    if whole:
        yield Text(as_array(b"".join(whole)), [batch for batch in batches if batch])


def _array_maker() -> Any:  # noqa: ANN401 - numpy is not ours to import
    try:
        import numpy as np  # noqa: PLC0415 - only if it is there
    except ImportError:
        return bytes
    return lambda data: np.frombuffer(data, dtype=np.uint8)
