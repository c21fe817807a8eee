"""One process of the torture: puts, gets, holds views and frees, until it is killed.

All share a few ids, so that they get in each other's way.  Every byte of an object follows from
its id: whoever sees another one writes a line, and that is the test's failure.
"""

from __future__ import annotations

import random
import sys
import traceback
from collections import deque

import numpy as np

from hyperloom.errors import ObjectStoreFull
from hyperloom.objectstore.client import StoreClient

IDS = 80


def oid(number: int) -> bytes:
    return number.to_bytes(20, "big")


def size(number: int) -> int:
    """From 1 KiB to 3 MiB, always the same for an id."""
    return int(2 ** random.Random(number).uniform(10, 21.5)) & ~7


def is_whole(number: int, view: memoryview) -> bool:
    array = np.frombuffer(view, "i8")
    return array.nbytes == size(number) and bool((array == number).all())


def torture(root: str, seed: int) -> None:
    choose = random.Random(seed)
    client = StoreClient(root)
    held: deque[tuple[int, memoryview]] = deque()
    while True:
        number, what = choose.randrange(IDS), choose.random()
        if what < 0.35:
            data = np.full(size(number) // 8, number, "i8")
            try:
                client.put(oid(number), 3, b"meta", [memoryview(data)])
            except ObjectStoreFull:
                held.clear()
        elif what < 0.8:
            found = client.get(oid(number))
            if found is not None:
                assert (found[0], bytes(found[1])) == (3, b"meta")
                assert is_whole(number, found[2][0]), f"corrupt: object {number}"
                if choose.random() < 0.5:
                    held.append((number, found[2][0]))
        else:
            client.free(oid(number))
        while len(held) > choose.randrange(12):
            number, view = held.popleft()
            assert is_whole(number, view), f"corrupt: held view of {number}"


if __name__ == "__main__":
    try:
        torture(sys.argv[1], int(sys.argv[2]))
    except BaseException:
        sys.stdout.write(traceback.format_exc())
        sys.stdout.flush()
        raise
