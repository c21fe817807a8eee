"""Waiters are satisfied by what they need, once, and forgotten when they gave up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hyperloom.core.waiting import Gathering, Waiter, Waiters

OBJECTS = [b"a", b"b", b"c", b"d"]


def test_a_waiter_is_done_when_it_has_what_it_needs() -> None:
    called = []
    waiter = Waiter(2, when_done=lambda: called.append(1))
    waiter.arrived(b"oid", failed=False)
    assert not waiter.done
    waiter.arrived(b"oid", failed=True)
    assert waiter.done
    waiter.arrived(b"oid", failed=False)
    assert called == [1]


def test_a_waiter_for_a_failure_is_done_with_the_first() -> None:
    waiter = Waiter(3, until_failure=True)
    waiter.arrived(b"oid", failed=False)
    assert not waiter.done
    waiter.arrived(b"oid", failed=True)
    assert waiter.done


def test_who_needs_nothing_is_done() -> None:
    assert Waiter(0).done


def test_who_gathers_is_done_while_something_was_not_taken() -> None:
    waiters, gathering = Waiters(), Gathering()
    waiters.add(gathering, [b"a", b"b", b"c"])
    waiters.arrived(b"b", failed=False)
    waiters.arrived(b"a", failed=True)
    assert gathering.done
    assert gathering.take() == [b"b", b"a"]
    assert not gathering.done
    waiters.arrived(b"c", failed=False)
    assert gathering.take() == [b"c"]
    assert gathering.take() == []


def test_all_who_wait_for_an_object_are_told() -> None:
    waiters = Waiters()
    several = [Waiter(1) for _ in range(3)]
    for waiter in several:
        waiters.add(waiter, [b"a"])
    assert b"a" in waiters
    waiters.arrived(b"a", failed=False)
    assert all(waiter.done for waiter in several)
    assert not waiters
    waiters.arrived(b"a", failed=False)  # nobody waits any more


@given(
    wants=st.lists(st.sets(st.sampled_from(OBJECTS), min_size=1), max_size=4),
    gives_up=st.sets(st.integers(0, 3)),
    arrives=st.permutations(OBJECTS),
)
def test_each_waiter_hears_of_exactly_what_it_wants(
    wants: list[set[bytes]], gives_up: set[int], arrives: list[bytes]
) -> None:
    waiters = Waiters()
    everyone = [Waiter(len(objects)) for objects in wants]
    for waiter, objects in zip(everyone, wants, strict=True):
        waiters.add(waiter, objects)
    left = [number for number in range(len(wants)) if number not in gives_up]
    for number in set(range(len(wants))) - set(left):
        waiters.remove(everyone[number], wants[number])
    heard: set[bytes] = set()
    for oid in arrives:
        waiters.arrived(oid, failed=False)
        heard.add(oid)
        for number in left:
            assert everyone[number].done == (wants[number] <= heard)
    assert not any(everyone[number].done for number in gives_up if number < len(wants))
    assert not any(waiters.objects() and w for w in everyone if w.done)


def test_who_gave_up_leaves_nothing() -> None:
    waiters, one, other = Waiters(), Waiter(1), Waiter(1)
    for each in (one, other):
        waiters.add(each, [b"a"])
    for each in (one, other):
        waiters.remove(each, [b"a"])
    assert not waiters
    assert b"a" not in waiters
