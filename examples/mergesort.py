"""Tasks that start tasks.  One that waits gives its CPU back, so that recursion cannot lock up."""

import random
from heapq import merge

import hyperloom as loom

SMALL = 10_000  # sorted at once: a task should be worth its overhead


@loom.task
def mergesort(numbers: list[int]) -> list[int]:
    if len(numbers) <= SMALL:
        return sorted(numbers)
    middle = len(numbers) // 2
    halves = [mergesort.remote(numbers[:middle]), mergesort.remote(numbers[middle:])]
    return list(merge(*loom.get(halves)))


numbers = random.Random(1).choices(range(1_000_000), k=60_000)
result = loom.get(mergesort.remote(numbers))
print(len(result), "numbers, sorted:", result == sorted(numbers))

# Output:
# 60000 numbers, sorted: True
