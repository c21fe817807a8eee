"""Refs in asyncio: await one, gather many, iterate over a stream."""

import asyncio
from collections.abc import Iterator

import hyperloom as loom


@loom.task
def square(x: int) -> int:
    return x * x


@loom.task
def letters(word: str) -> Iterator[str]:
    yield from word


async def main() -> None:
    print(await square.remote(7))
    print(await asyncio.gather(*square.map(range(5))))
    print([await ref async for ref in letters.remote("loom")])


asyncio.run(main())

# Output:
# 49
# [0, 1, 4, 9, 16]
# ['l', 'o', 'o', 'm']
