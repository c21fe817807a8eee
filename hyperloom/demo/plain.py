"""The same answer without HyperLoom: one process, one loop.  What the demo is compared with.

The rule: it shares with the pipeline what a token is and how a file is read, and nothing else.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import hyperloom as loom
from hyperloom.demo import corpus
from hyperloom.demo.pipeline import Index, Ranked, find_tokens, rank

if TYPE_CHECKING:
    from collections.abc import Iterator

Plain = Mapping[bytes, Sequence[int]]  # of a token: document, count, document, count, …

_SHOWN = 5  # differences


def build(files: Sequence[str]) -> tuple[Plain, Ranked]:
    """The inverted index, and the top tokens."""
    index: defaultdict[bytes, list[int]] = defaultdict(list)
    for document, path in enumerate(files):
        for token, times in Counter(find_tokens(corpus.read(path))).items():
            index[token] += (document, times)
    return index, rank((sum(entries[1::2]), token) for token, entries in index.items())


def differences(index: Index, plain: Plain, top: Ranked) -> list[str]:
    """What is not the same in both, all counters and all postings; at best nothing."""
    found = list(_differences(index, plain, top))
    more = [f"… and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    return found[:_SHOWN] + more


def _differences(index: Index, plain: Plain, top: Ranked) -> Iterator[str]:
    tokens = sum(sum(entries[1::2]) for entries in plain.values())
    if index.totals.tokens != tokens:
        yield f"{index.totals.tokens:,} tokens were counted; there are {tokens:,}"
    if index.totals.top != top:
        yield f"the top tokens are {index.totals.top}; they should be {top}"
    seen = 0
    for shard in index.shards:
        for token, packed in loom.get(shard).packed():
            seen += token in plain
            if packed != array("I", plain.get(token, ())).tobytes():
                yield f"the postings of {token.decode()} differ"
    if seen != len(plain):
        yield f"{len(plain) - seen:,} tokens of {len(plain):,} are missing"
