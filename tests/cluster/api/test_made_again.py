"""What a process waits for that it does not hold: an argument that is made again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom.core import again, current
from hyperloom.serialization import pack, to_inline
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]

THREADS = 8


@loom.task
def waits(gate: Gate) -> int:
    gate.pass_through()
    return 7


def held_inside(go: Gate) -> tuple[loom.ObjectRef[list[loom.ObjectRef[int]]], bytes]:
    """An object that holds a result, to which this process has no ref; and the result's id."""
    ref = waits.remote(go)
    holder, oid = loom.put([ref]), ref.binary()
    del ref
    current.session().flush()
    return holder, oid


def test_several_calls_wait_for_the_same(gate: Callable[[str], Gate]) -> None:
    """Calls of an actor, say, that take one value, which lay on a node that died."""
    go, session = gate("go"), current.session()
    holder, oid = held_inside(go)
    assert oid not in session.values
    with ThreadPoolExecutor(THREADS) as pool:
        values = [pool.submit(again.wait_for, oid) for _ in range(THREADS)]
        wait_until(lambda: session.reading.waiting == THREADS, what="all wait")
        go.open()
        assert [value.result(30) for value in values] == [to_inline(pack(7))] * THREADS
    session.flush()
    assert oid not in session.values
    del holder


def test_who_comes_by_a_ref_meanwhile_gets_its_value(gate: Callable[[str], Gate]) -> None:
    go, session = gate("go"), current.session()
    holder, oid = held_inside(go)
    with ThreadPoolExecutor(1) as pool:
        value = pool.submit(again.wait_for, oid)
        wait_until(lambda: session.reading.waiting == 1, what="it waits")
        (ref,) = loom.get(holder)
        go.open()
        assert value.result(30) == to_inline(pack(7))
    assert loom.get(ref, timeout=30) == 7
