"""Data objects and their tasks as plain Python values: what the real ones must come to.

A `Value` is its kind and what it holds: bytes, a list of values, a list of bytes, any object.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple


class Value(NamedTuple):
    """See the module.  `kind`: plain, array, index or object."""

    kind: str
    held: Any

    @property
    def length(self) -> int:
        """How many pieces it has."""
        return len(self.held) if self.kind in {"array", "index"} else 0

    @property
    def size(self) -> int:
        """Its bytes."""
        if self.kind == "plain":
            return len(self.held)
        if self.kind == "array":
            return sum(item.size for item in self.held)
        if self.kind == "index":
            return sum(map(len, self.held)) + 8 * (len(self.held) + 1)
        return sys.getsizeof(self.held)

    @property
    def gathered(self) -> Any:
        """What a driver gets."""
        if self.kind == "array":
            return [item.gathered for item in self.held]
        return self.held

    @property
    def pieces(self) -> list[Value]:
        """All of them."""
        return self.held if self.kind == "array" else [plain(piece) for piece in self.held]

    def cut(self, start: int | None, stop: int | None) -> Value:
        """Some elements; the bytes of some pieces."""
        part = self.held[start:stop]
        return Value("array", part) if self.kind == "array" else plain(b"".join(part))


def plain(held: bytes) -> Value:
    """Some bytes."""
    return Value("plain", held)


def split(whole: bytes, delimiter: bytes) -> Value:
    """Their pieces."""
    pieces, start = [], 0
    while start < len(whole):
        at = whole.find(delimiter, start)
        end = len(whole) if at < 0 else at + len(delimiter)
        pieces.append(whole[start:end])
        start = end
    return Value("index", pieces)
