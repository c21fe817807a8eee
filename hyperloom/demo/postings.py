"""A piece of an inverted index, packed for the way: three buffers instead of many lists.

The rule: `tokens` and `ends` run in parallel.  A token's entries are pairs of 32-bit numbers,
document and count, by rising document.  They stay packed while they are merged: joining bytes
is quicker than joining lists, and the garbage collector does not walk through them.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import accumulate
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pack_entry = Struct("=II").pack  # document, count
ENTRY_BYTES = 8

Entries = list[tuple[int, int]]  # document, count


@dataclass(frozen=True, slots=True)
class Postings:
    """Which documents each token is in, and how often."""

    tokens: bytes  # with a blank between them
    ends: array[int]  # where in `entries` each token's end
    entries: bytes

    @classmethod
    def of(cls, index: Mapping[bytes, bytes]) -> Postings:
        """From tokens and their packed entries."""
        entries = index.values()
        return cls(b" ".join(index), array("Q", accumulate(map(len, entries))), b"".join(entries))

    def packed(self) -> Iterator[tuple[bytes, bytes]]:
        """Each token and its packed entries."""
        begin, entries = 0, self.entries
        for token, end in zip(self.tokens.split(), self.ends, strict=True):
            yield token, entries[begin:end]
            begin = end

    def find(self, token: bytes) -> Entries:
        """The entries of one token."""
        return next((unpack_entries(packed) for name, packed in self.packed() if name == token), [])


def unpack_entries(packed: bytes) -> Entries:
    """The entries, as numbers."""
    numbers = array("I", packed)
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def occurrences(packed: bytes) -> int:
    """How often the token with these entries occurs in all."""
    return sum(array("I", packed)[1::2])
