"""A task that yields: its items arrive while it runs, and it never runs far ahead."""

from collections.abc import Iterator

import hyperloom as loom


@loom.task
def countdown(start: int) -> Iterator[str]:
    for number in range(start, 0, -1):
        yield f"{number} …"


for ref in countdown.remote(3):
    print(loom.get(ref))


# An endless one: with stream_ahead it waits whenever two items are unread, and it is stopped
# when nobody can read on.
@loom.task(stream_ahead=2)
def primes() -> Iterator[int]:
    found: list[int] = []
    number = 2
    while True:
        if all(number % prime for prime in found):
            found.append(number)
            yield number
        number += 1


stream = primes.remote()
print([loom.get(next(stream)) for _ in range(8)])
del stream

# Output:
# 3 …
# 2 …
# 1 …
# [2, 3, 5, 7, 11, 13, 17, 19]
