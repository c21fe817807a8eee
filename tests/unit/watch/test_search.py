"""A search goes through all tasks that are not over, however they are kept, piece by piece."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from hyperloom import specs
from hyperloom.gcs import keys
from hyperloom.gcs.address import Address
from hyperloom.ids import TemplateID
from hyperloom.watch.live import Live
from hyperloom.watch.search import Search

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB = b"srch"
RARE, OTHER = TemplateID(b"rare" * 2), TemplateID(b"many" * 2)
MANY = 5_000  # tasks that are told one by one: more than one answer has


@pytest.fixture
def live(socket_path: Path) -> Iterator[Live]:
    live = Live(Address(f"unix://{socket_path}"))
    fill(live)
    yield live
    live.wire.call("FLUSHALL")
    live.close()


def task(number: int) -> bytes:
    return JOB + bytes(6) + number.to_bytes(6, "big")


def fill(live: Live) -> None:
    """Each second one of many waits; and of each function a range that does, and one that does not.

    The calls of some are long.
    """
    ns = keys.job_namespace(JOB)
    put(live, keys.TASK, {task(n): record(n) for n in range(MANY)})
    waits = {task(n): template(n) + b"1" + b",2" * (n % 3) for n in range(1, MANY, 2)}
    ranges = {}
    for at, (of, waiting) in enumerate([(RARE, 1), (RARE, 0), (OTHER, 1), (OTHER, 0)]):
        name = task((at + 100) * 256)[:15]
        head = specs.record(of, (), (), b"")
        ranges[name] = b"3,5,%d,0,0,0,1;" % len(head) + head
        if waiting:
            waits[name + b"\0"] = of + b"1*"
    put(live, keys.WAIT, waits)
    put(live, keys.RANGE, ranges)
    assert live.wire.call("HLEN", keys.WAIT.name(ns)) == MANY // 2 + 2


def put(live: Live, table: keys.Key, rows: dict[bytes, bytes]) -> None:
    name = table.name(keys.job_namespace(JOB))
    live.wire.call("HSET", name, *[each for row in rows.items() for each in row])


def template(number: int) -> TemplateID:
    return RARE if number in {7, 8, MANY - 1} else OTHER


def record(number: int) -> bytes:
    long = 200_000 if number % 1000 == 0 else 10
    return specs.record(template(number), (), (), bytes(long))


def found(parts: Iterator[list[bytes]]) -> list[bytes]:
    return sorted({each for part in parts for each in part})


def of_range(number: int) -> list[bytes]:
    return [task(number * 256 + n) for n in (3, 4, 5)]


def test_all_are_found_of_a_function_that_wait_and_that_do_not(live: Live) -> None:
    search = Search(live, JOB, [RARE], time.monotonic() + 60)
    assert found(search.waiting()) == [task(7), task(MANY - 1), *of_range(100)]
    assert found(search.ready()) == [task(8), *of_range(101)]
    assert not search.cut_short


def test_of_several_functions_all_are_found(live: Live) -> None:
    search = Search(live, JOB, [RARE, OTHER], time.monotonic() + 60)
    waiting = [task(n) for n in range(1, MANY, 2)]
    assert found(search.waiting()) == sorted([*waiting, *of_range(100), *of_range(102)])
    ready = [task(n) for n in range(0, MANY, 2)]
    assert found(search.ready()) == sorted([*ready, *of_range(101), *of_range(103)])


def test_when_time_is_up_it_says_so(live: Live) -> None:
    search = Search(live, JOB, [RARE], time.monotonic())
    assert found(search.waiting()) == []
    assert search.cut_short
