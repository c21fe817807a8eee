"""A job of very many objects: sums are of all of them, and no large one is missed."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.watch import weighed
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.watch.cluster import Cluster

pytestmark = pytest.mark.slow

MANY = weighed.FEW + 1000
LARGE = 400_000


@loom.task
def small(n: int) -> int:
    return n


@loom.task
def large(n: int) -> bytes:
    return bytes(LARGE + n)


@loom.task(num_returns="streaming")
def items() -> Iterator[bytes]:
    yield bytes(2 * LARGE)


@loom.task
def fails(n: int) -> int:
    raise ValueError(n)


class Kept:
    """What the job holds."""

    def __init__(self) -> None:
        self.small = list(small.map(range(MANY), chunk=1))
        self.failed = [fails.remote(n) for n in range(3)]
        self.put = loom.put(bytes(4 * LARGE))
        self.large = [large.remote(n) for n in range(5)]
        (self.item,) = items.remote()
        every = [*self.small, *self.failed, *self.large, self.item]
        loom.wait(every, num_returns=len(every))
        current.session().settle()

    def by_size(self) -> list[tuple[str, str]]:
        largest = [(self.put.hex(), "put"), (self.item.hex(), "items")]
        return [*largest, *[(ref.hex(), "large") for ref in reversed(self.large)]]


@pytest.fixture(scope="module")
def kept(cluster: Cluster) -> Iterator[Kept]:
    del cluster
    yield Kept()
    gc.collect()


def test_sums_are_of_all_of_them(kept: Kept, loom_: Any) -> None:
    told = loom_("memory", "--json")
    created = {group["name"]: group for group in told["created"]}
    assert created.keys() == {"put", "large", "items", "(small values)"}
    assert [created[name]["count"] for name in ("put", "large", "items")] == [1, 5, 1]
    # The end of the stream is a small value of its own, if it is there still.
    others = created["(small values)"]
    assert others["count"] - MANY - len(kept.failed) in {0, 1}
    assert (others["failed"], others["in_store"]) == (3, 0)
    assert created["large"]["in_store"] == created["large"]["bytes"] >= 5 * LARGE
    (driver,) = [each for each in told["held"] if each["is"] == "driver"]
    everything = sum(group["count"] for group in told["created"])
    assert driver["count"] == everything
    assert driver["bytes"] == sum(group["bytes"] for group in told["created"])


def test_of_small_values_it_is_told_who_made_some(kept: Kept, loom_: Any) -> None:
    """Each is as likely to be looked at as any other: most are of who made most."""
    del kept

    def some_by() -> dict[str, int]:
        (small,) = [
            g for g in loom_("memory", "--json")["created"] if g["name"] == "(small values)"
        ]
        told: dict[str, int] = small["some_by"]
        return told

    wait_until(lambda: "put" not in some_by())  # events come a moment later
    some = some_by()
    number = sum(some.values())
    assert some["small"] > 0.9 * number >= 100
    assert f"of {number:,} looked at small made {some['small']:,}" in loom_("memory")


def test_the_largest_are_the_largest_whenever_they_were_made(kept: Kept, loom_: Any) -> None:
    expected = kept.by_size()
    for rows in (
        loom_("memory", "--json")["largest"],
        loom_("ls", "objects", "--limit", "9", "--json")["objects"],
    ):
        assert [(row["id"], row["name"]) for row in rows[:7]] == expected
        assert {row["name"] for row in rows[7:]} <= {"fails", "small"}
        assert [row["bytes"] for row in rows] == sorted((r["bytes"] for r in rows), reverse=True)
    answer = loom_("ls", "objects", "--limit", "9", "--json")
    assert (len(answer["objects"]), [*answer]) == (9, ["objects", "matched"])
    assert answer["matched"] - MANY - 3 - 7 in {0, 1}


def test_who_filters_gets_what_matches_of_all(kept: Kept, loom_: Any) -> None:
    asked = ("ls", "objects", "--filter", "name=small", "--limit", "5", "--json")
    wait_until(lambda: loom_(*asked)["matched"] == MANY)  # events come a moment later
    failed = loom_("ls", "objects", "--state", "failed", "--json")
    assert {row["id"] for row in failed["objects"]} == {ref.hex() for ref in kept.failed}
