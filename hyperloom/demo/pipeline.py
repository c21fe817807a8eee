"""The demo's pipeline: count batches, shuffle by token, merge each partition.

    text ─┬─ count ─┬─ part 0 ──► merge 0 ──► totals, shard of the index
          ├─ count ─┼─ part 1 ──► merge 1 ──► …
          └─ count ─┴─ …

A text lies in shared memory once, and all its count tasks look at it there.  A count task
returns a ref for each partition, so every merge waits for its own parts and for nothing else;
the parts never pass through the driver.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast
from zlib import crc32

import hyperloom as loom
from hyperloom.demo import corpus
from hyperloom.demo.postings import ENTRY_BYTES, Entries, Postings, occurrences, pack_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# A word as Python would read it, in ASCII: no number, no part of one.
find_tokens = re.compile(rb"\b[A-Za-z_]\w*").findall

TOP = 15

Ranked = list[tuple[int, bytes]]  # how often, token: the most frequent first


@dataclass(frozen=True, slots=True)
class Counted:
    """What a count task tells the driver of its batch."""

    files: int
    size_bytes: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What a merge task tells the driver of its partition."""

    tokens: int
    distinct: int
    postings: int
    top: Ranked


@dataclass(frozen=True, slots=True)
class Index:
    """The result.  The shards stay where they were made until somebody asks for them."""

    size_bytes: int
    totals: Totals
    shards: list[loom.ObjectRef[Postings]]  # by partition
    texts: int
    tasks: int


class Watcher(Protocol):
    """Who shows how far it is."""

    def submitted(self, files: int) -> None:
        """So many files more are on their way."""

    def counted(self, batch: Counted) -> None:
        """A count task is done."""

    def merged(self, partition: Totals) -> None:
        """A merge task is done."""


def partition_of(token: bytes, partitions: int) -> int:
    """Where a token belongs: the same in every process, unlike `hash`."""
    return crc32(token) % partitions


def rank(counts: Iterable[tuple[int, bytes]]) -> Ranked:
    """The most frequent tokens; among equals the first of the alphabet."""
    return heapq.nsmallest(TOP, counts, key=lambda pair: (-pair[0], pair[1]))


@loom.task
def count(text: Any, batch: Sequence[corpus.Span], partitions: int) -> list[Any]:  # noqa: ANN401
    """Count a batch: a `Counted`, then one `Postings` for each partition."""
    index: dict[bytes, bytes] = {}
    tokens = 0
    for document, begin, end in batch:
        found = find_tokens(text[begin:end])
        tokens += len(found)
        for token, times in Counter(found).items():
            index[token] = index.get(token, b"") + pack_entry(document, times)
    parts: list[dict[bytes, bytes]] = [{} for _ in range(partitions)]
    for token, entries in index.items():
        parts[partition_of(token, partitions)][token] = entries
    size_bytes = sum(end - begin for _, begin, end in batch)
    return [Counted(len(batch), size_bytes, tokens), *map(Postings.of, parts)]


@loom.task(num_returns=2)
def merge(*parts: Postings) -> tuple[Totals, Postings]:
    """One partition's parts, in the order of the documents, become a shard."""
    index: dict[bytes, bytes] = {}
    for part in parts:
        for token, entries in part.packed():
            index[token] = index.get(token, b"") + entries
    counts = [occurrences(entries) for entries in index.values()]
    totals = Totals(
        tokens=sum(counts),
        distinct=len(index),
        postings=sum(map(len, index.values())) // ENTRY_BYTES,
        top=rank(zip(counts, index, strict=True)),
    )
    return totals, Postings.of(index)


@loom.task
def look_up(shard: Postings, tokens: Sequence[bytes]) -> dict[bytes, Entries]:
    """The entries of some tokens: a question to the index, asked where it lies."""
    return {token: shard.find(token) for token in tokens}


def build(files: Sequence[str], partitions: int, watcher: Watcher) -> Index:
    """Run the pipeline."""
    count_batch = count.options(num_returns=partitions + 1)
    batches: list[loom.ObjectRef[Counted]] = []
    parts: list[list[loom.ObjectRef[Postings]]] = [[] for _ in range(partitions)]
    texts = 0
    for text in corpus.texts(files):
        shared = loom.put(text.data)
        for batch in text.batches:
            counted, *ours = cast("list[Any]", count_batch.remote(shared, batch, partitions))
            batches.append(counted)
            for part, mine in zip(ours, parts, strict=True):
                mine.append(part)
            watcher.submitted(len(batch))
        texts += 1
        del shared  # the tasks hold it; after the last of them its memory is free
    merged = [cast("list[Any]", merge.remote(*mine)) for mine in parts]
    del parts, ours, part, mine  # likewise

    size_bytes = 0
    for ref in loom.as_completed(batches):
        done = loom.get(ref)
        size_bytes += done.size_bytes
        watcher.counted(done)
    partial: list[Totals] = []
    for its_totals in loom.as_completed([totals for totals, _ in merged]):
        partial.append(loom.get(its_totals))
        watcher.merged(partial[-1])
    totals = Totals(
        tokens=sum(one.tokens for one in partial),
        distinct=sum(one.distinct for one in partial),
        postings=sum(one.postings for one in partial),
        top=rank(pair for one in partial for pair in one.top),
    )
    shards = [shard for _, shard in merged]
    return Index(size_bytes, totals, shards, texts, len(batches) + partitions)


def ask(index: Index, tokens: Sequence[bytes]) -> dict[bytes, Entries]:
    """The entries of some tokens, each looked up in its own shard, all at the same time."""
    partitions = len(index.shards)
    asked: dict[int, list[bytes]] = {}
    for token in tokens:
        asked.setdefault(partition_of(token, partitions), []).append(token)
    answers = [look_up.remote(index.shards[number], words) for number, words in asked.items()]
    found = {token: entries for answer in loom.get(answers) for token, entries in answer.items()}
    return {token: found[token] for token in tokens}
