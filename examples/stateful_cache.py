"""A cache that all tasks share: an actor with a name, found by whoever needs it.

Tasks that miss the same key at the same time must not all compute it: the first one gets to, and
the others wait in the actor for what it brings.
"""

import asyncio
from collections import OrderedDict

import hyperloom as loom


class Cache(loom.Actor):
    def __init__(self, size: int) -> None:
        self.size = size
        self.values: OrderedDict[str, asyncio.Future[int]] = OrderedDict()
        self.hits = self.misses = 0

    @loom.method
    async def get(self, key: str) -> int | None:
        """The value, waiting for who is computing it; None: you compute it, and put it."""
        if key in self.values:
            self.hits += 1
            self.values.move_to_end(key)
            return await self.values[key]
        self.misses += 1
        self.values[key] = asyncio.get_running_loop().create_future()
        if len(self.values) > self.size:
            self.values.popitem(last=False)  # the one not asked for the longest time
        return None

    @loom.method
    async def put(self, key: str, value: int) -> None:
        if key in self.values:
            self.values[key].set_result(value)

    @loom.method
    async def statistics(self) -> str:
        return f"{self.misses} computed, {self.hits} found"


def shared() -> Cache:
    """The same one for everybody, made by whoever comes first."""
    return Cache.options(name="squares", get_if_exists=True).remote(size=100)


@loom.task
def square(number: int) -> int:
    cache, key = shared(), str(number)
    value: int | None = loom.get(cache.get.remote(key))
    if value is None:
        value = number * number
        loom.get(cache.put.remote(key, value))
    return value


cache = shared()  # it lives as long as somebody has a handle
numbers = [n % 10 for n in range(100)]
print(loom.get(square.map(numbers)) == [n * n for n in numbers])
print(loom.get(cache.statistics.remote()))

# Output:
# True
# 10 computed, 90 found
