"""Where the bundles of a placement group may lie, as plainly as it can be said: all ways are tried.

The choice itself is free; this says what can be, and what must be where it can be.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Units = dict[str, int]
Places = tuple[int, ...]

TOGETHER = ("STRICT_PACK", "PACK")  # on one node: always; if it can be
APART = ("STRICT_SPREAD", "SPREAD")  # each on another node: always; if it can be


def ways(
    strategy: str, wanted: Sequence[Units], rooms: Sequence[Units], taken: Sequence[int] = ()
) -> Iterator[Places]:
    """All ways to place `wanted`, besides bundles of the same group that lie in rooms `taken`."""
    for places in product(range(len(rooms)), repeat=len(wanted)):
        if fits(wanted, rooms, places) and keeps(strategy, [*taken, *places]):
            yield places


def fits(wanted: Sequence[Units], rooms: Sequence[Units], places: Sequence[int]) -> bool:
    """Whether no room has more in it than it has room for."""
    for at, room in enumerate(rooms):
        here = sum_of(needs for needs, place in zip(wanted, places, strict=True) if place == at)
        if any(amount > room.get(name, 0) for name, amount in here.items()):
            return False
    return True


def keeps(strategy: str, places: Sequence[int]) -> bool:
    """Whether bundles that lie so are as a strict strategy says."""
    if strategy == "STRICT_PACK":
        return len(set(places)) <= 1
    return strategy != "STRICT_SPREAD" or len(set(places)) == len(places)


def wished(strategy: str, possible: Sequence[Places]) -> list[Places]:
    """Those of the ways of a new group of which one is to be chosen."""
    count = {"PACK": lambda way: -len(set(way)), "SPREAD": lambda way: len(set(way))}
    if strategy not in count or not possible:
        return list(possible)
    best = max(map(count[strategy], possible))
    ideal = -1 if strategy == "PACK" else len(possible[0])
    return [way for way in possible if best != ideal or count[strategy](way) == best]


def sum_of(amounts: Iterator[Mapping[str, int]]) -> Units:
    """All of them together."""
    total: Units = {}
    for each in amounts:
        for name, amount in each.items():
            total[name] = total.get(name, 0) + amount
    return total
