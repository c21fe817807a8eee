"""Results as they come: an estimate that gets better while the rest is still running."""

import random

import hyperloom as loom

BATCHES, SAMPLES = 16, 50_000


@loom.task
def hits(seed: int) -> int:
    chance = random.Random(seed)
    return sum(chance.random() ** 2 + chance.random() ** 2 <= 1 for _ in range(SAMPLES))


refs = hits.map(range(BATCHES))

# wait: as many as are wanted, in the order in which they were submitted; the others later.
ready, rest = loom.wait(refs, num_returns=4)
inside = sum(loom.get(ready))
print(f"{len(ready)} of {len(refs)}: pi is about {4 * inside / SAMPLES / len(ready):.1f}")

# as_completed: one by one, the quickest first.
for number, ref in enumerate(loom.as_completed(rest), len(ready) + 1):
    inside += loom.get(ref)
    if number % 6 == 0:
        print(f"{number} of {len(refs)}: pi is about {4 * inside / SAMPLES / number:.1f}")
print(f"all: {4 * inside / SAMPLES / BATCHES:.5f}")

# Output:
# 4 of 16: pi is about 3.1
# 6 of 16: pi is about 3.1
# 12 of 16: pi is about 3.1
# all: 3.14520
