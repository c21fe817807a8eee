"""A shuffle: every count task returns a part for each reducer, and no part sees the driver."""

from collections import Counter
from typing import Any
from zlib import crc32

import hyperloom as loom

REDUCERS = 3
PAGES = [
    "the loom weaves the cloth",
    "a thread is a task and a task is a thread",
    "the cloth is the pipeline",
]


@loom.task(num_returns=REDUCERS)
def count(page: str) -> list[Counter[str]]:
    parts: list[Counter[str]] = [Counter() for _ in range(REDUCERS)]
    for word in page.split():
        parts[crc32(word.encode()) % REDUCERS][word] += 1
    return parts


@loom.task
def merge(*parts: Counter[str]) -> Counter[str]:
    return sum(parts, Counter())


counted: list[Any] = [count.remote(page) for page in PAGES]  # three refs a page
merged = [merge.remote(*column) for column in zip(*counted, strict=True)]
words: Counter[str] = sum(loom.get(merged), Counter())
for word, times in sorted(words.items(), key=lambda item: (-item[1], item[0]))[:4]:
    print(times, word)

# Output:
# 4 a
# 4 the
# 3 is
# 2 cloth
