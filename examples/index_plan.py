"""The demo's pipeline as a plan: count batches, shuffle by token, merge each partition.

``loom demo`` submits the same tasks one by one, while it still reads.  Here the whole graph is
built first, looked at, and submitted as one thing; the answer is compared with a plain count.
"""

from __future__ import annotations

import json
from pathlib import Path

import hyperloom as loom
from hyperloom.demo import corpus, pipeline, plain

PARTITIONS = 4
FILES = corpus.find_files([str(Path(json.__file__).parent)])

count = pipeline.count.options(num_returns=PARTITIONS + 1)
counted = [
    count.bind(loom.put(text.data), [span], PARTITIONS)
    for text in corpus.texts(FILES)
    for batch in text.batches
    for span in batch
]
shards = [
    pipeline.merge.bind(*(parts[1 + number] for parts in counted)) for number in range(PARTITIONS)
]
plan = loom.Plan(shards)
shape = plan.explain()
print("one task a file, and one a partition:", shape.tasks == len(FILES) + PARTITIONS)
print(f"depth {shape.depth}, as wide as there are files: {shape.width == len(FILES)}")

handle = plan.submit()
totals = [loom.get(total) for total, _ in handle.results]
expected, top = plain.build(FILES)
print("each token once:", sum(each.distinct for each in totals) == len(expected))
print("the most frequent ones:", pipeline.rank(x for each in totals for x in each.top) == top)

# Output:
# one task a file, and one a partition: True
# depth 2, as wide as there are files: True
# each token once: True
# the most frequent ones: True
