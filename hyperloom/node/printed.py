"""What a submitted program printed, of bounded size: the oldest goes, all else stays in its place.

The rule: the program writes into the file itself, so nobody stands between it and its words, and
none of them is lost that is to be kept.  The oldest part is given back to the disk as a hole; who
reads on from a place finds that place again.  A file beside it says where the kept part begins, at
a line's beginning.  (A file system that knows no holes keeps all of it.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.objectstore import kernel

if TYPE_CHECKING:
    from pathlib import Path

_LINE_MOST = 1 << 16  # bytes that are searched for the end of one


def begins(file: Path) -> int:
    """Where the kept part begins."""
    try:
        return int(_beside(file).read_text())
    except FileNotFoundError:
        return 0


def read(file: Path, at: int, most_bytes: int) -> tuple[bytes, int]:
    """So much from `at` on, or from where the kept part begins; and where that ends."""
    try:
        source = file.open("rb")
    except FileNotFoundError:
        return b"", at
    with source:
        first = max(at, begins(file))
        source.seek(first)
        part = source.read(most_bytes)
        now = begins(file)  # what became a hole while it was read is none of its words
        if now > first:
            part, first = part[now - first :], min(now, first + len(part))
    return part, first + len(part)


def shorten(file: Path, most_bytes: int) -> None:
    """If more than so many bytes are kept, let go of the older half.

    Raises:
        OSError: the disk is full.
    """
    size = file.stat().st_size
    if size - begins(file) <= most_bytes:
        return
    with file.open("r+b") as source:
        source.seek(size - most_bytes // 2)
        rest = source.read(_LINE_MOST)
        first = source.tell() - len(rest) + rest.find(b"\n") + 1
        aside = _beside(file).with_suffix(".new")
        aside.write_text(str(first))
        aside.replace(_beside(file))  # first: who reads is to know of the hole
        kernel.punch(source.fileno(), first)


def _beside(file: Path) -> Path:
    return file.with_suffix(".begins")
