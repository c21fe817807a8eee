"""Which files a packed value names, found in its bytes without unpacking it.

The rule: what is kept for later and names files is good as long as they are what they were.  A
`File` is a head that is the same for all of them but for a number (`wire`), then its body; both
stand as they are in whatever contains it, an array or a pickle.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, NamedTuple

from hyperloom.data import wire
from hyperloom.data.files import File, look

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = re.compile(re.escape(File.symbol.encode()))
_PAIR = 0x92  # msgpack: two values
_LENGTHS = {0xD9: 1, 0xDA: 2, 0xDB: 4}  # msgpack: bytes of a text's length


class Mention(NamedTuple):
    """A file as it was when it was opened."""

    path: str
    size: int
    stamp: str

    def wrong(self) -> str:
        """What became of it since; empty: it is what it was."""
        try:
            now = look(self.path)
        except OSError as error:
            return f"the file {self.path} that it names cannot be had: {error.strerror or error}"
        if tuple(now) == (self.size, self.stamp):
            return ""
        return f"the file {self.path} that it names is not what it was"


def files_in(parts: Iterable[bytes | memoryview]) -> list[Mention]:
    """The files that these bytes name, each once."""
    found: dict[Mention, None] = {}
    for part in parts:
        for hit in _NAME.finditer(part):
            with contextlib.suppress(IndexError, ValueError):  # they only look like a name
                found[_mention(memoryview(part).cast("B"), *hit.span())] = None
    return list(found)


def _mention(view: memoryview, start: int, end: int) -> Mention:
    size = wire.plain_size(view, start, end - start)
    if view[end] != _PAIR:
        raise ValueError("it has another body")
    path, end = _text(view, end + 1)
    stamp, _ = _text(view, end)
    return Mention(path, size, stamp)


def _text(view: memoryview, at: int) -> tuple[str, int]:
    mark = view[at]
    at += 1
    if mark in _LENGTHS:
        end = at + _LENGTHS[mark]
        length = int.from_bytes(view[at:end], "big")
        at = end
    elif 0xA0 <= mark <= 0xBF:  # noqa: PLR2004 - msgpack: the length is in it
        length = mark - 0xA0
    else:
        raise ValueError("this is no text")
    if at + length > len(view):
        raise ValueError("it is cut off")
    return bytes(view[at : at + length]).decode(), at + length
