"""What a program prints is kept up to a size, and whoever reads it loses nothing that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.node import printed

if TYPE_CHECKING:
    from pathlib import Path

LINE = b"a line of sixteen\n"
MOST = 1 << 16


def test_the_older_half_goes_while_its_writer_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "output.log"
    with file.open("ab", buffering=0) as writer:
        writer.write(LINE * 3000)
        printed.shorten(file, MOST)
        assert printed.begins(file) == 0, "there is room yet"
        at = file.stat().st_size
        writer.write(LINE * 3000)
        printed.shorten(file, MOST)
        writer.write(b"the last\n")
    first = printed.begins(file)
    size = file.stat().st_size
    assert (first % len(LINE), size) == (0, len(LINE) * 6000 + 9), "at a line's beginning"
    assert MOST // 2 - len(LINE) < size - 9 - first <= MOST // 2
    assert file.stat().st_blocks * 512 <= MOST // 2 + (2 << 12), "the disk has it back"
    part, following = printed.read(file, 0, 1 << 20)
    assert (part[: len(LINE)], part[-9:], following) == (LINE, b"the last\n", size)
    assert len(part) == size - first
    late = max(at, first)
    assert printed.read(file, at, 1 << 20) == (part[late - first :], size)
    assert printed.read(file, size, 1 << 20) == (b"", size)
    assert printed.read(file, size - 9, 4) == (b"the ", size - 5)


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "output.log"
    file.write_bytes(b"x" * 3 * MOST)
    printed.shorten(file, MOST)
    assert printed.begins(file) == 3 * MOST - MOST // 2
    assert printed.read(file, 0, 4) == (b"xxxx", printed.begins(file) + 4)


def test_nothing_was_printed_yet(tmp_path: Path) -> None:
    assert printed.read(tmp_path / "output.log", 0, 10) == (b"", 0)
