"""`ActorPool`: whose results come when, and which actors work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperloom import errors
from hyperloom.util import ActorPool
from tests.cluster.api.counters import Doubler

if TYPE_CHECKING:
    from tests.cluster.api.gate import Gate

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


def double(actor: Any, n: int) -> Any:
    return actor.double.remote(n)


def after(actor: Any, gate: Gate) -> Any:
    return actor.after.remote(gate)


def two() -> ActorPool[Any]:
    """Not a fixture: what that gives would be kept until after the look at what the job holds."""
    return ActorPool([Doubler.remote() for _ in range(2)])


def test_results_come_in_the_order_of_their_values(gate) -> None:
    pool = two()
    gates = [gate(name) for name in "abc"]
    for each in gates:
        pool.submit(after, each)
    for each in reversed(gates[:2]):
        each.open()
    gates[2].open()
    assert [pool.get_next() for _ in gates] == ["a", "b", "c"]
    assert not pool.has_next()
    with pytest.raises(StopIteration, match="no more results"):
        pool.get_next()
    with pytest.raises(StopIteration, match="no more results"):
        pool.get_next_unordered()


def test_unordered_they_come_as_they_are_ready(gate) -> None:
    pool = two()
    first, second = gate("first"), gate("second")
    pool.submit(after, first)
    pool.submit(after, second)
    second.open()
    assert pool.get_next_unordered() == "second"
    first.open()
    assert pool.get_next_unordered() == "first"


def test_an_actor_goes_on_before_its_result_is_asked_for(gate) -> None:
    """The first value's actor is busy: the other alone does all the rest, unasked."""
    pool = two()
    door, last = gate("door"), gate("last")
    pool.submit(after, door)
    for n in range(5):
        pool.submit(double, n)
    pool.submit(after, last)
    last.open()
    assert pool.get_next_unordered() == 0
    assert [pool.get_next_unordered() for _ in range(5)] == [2, 4, 6, 8, "last"]
    door.open()
    assert pool.get_next() == "door", "both ways may be mixed"


def test_map() -> None:
    pool = two()
    results = pool.map(double, range(20))
    assert next(results) == 0
    assert list(results) == list(range(2, 40, 2))
    assert sorted(pool.map_unordered(double, range(20))) == list(range(0, 40, 2))


def test_map_drops_the_results_of_what_was_before(gate) -> None:
    pool = two()
    door = gate()
    pool.submit(after, door)
    pool.submit(double, 100)
    assert list(pool.map(double, [1, 2])) == [2, 4]
    assert not pool.has_next()
    door.open()


def test_a_timeout_loses_nothing_unless_it_shall(gate) -> None:
    pool = two()
    door = gate("door")
    pool.submit(after, door)
    with pytest.raises(TimeoutError, match="nothing is lost"):
        pool.get_next(timeout=0)
    with pytest.raises(TimeoutError, match="nothing is lost"):
        pool.get_next_unordered(timeout=0.01)
    pool.submit(double, 4)
    with pytest.raises(TimeoutError, match="given up"):
        pool.get_next(timeout=0, ignore_if_timedout=True)
    assert pool.get_next() == 8
    assert not pool.has_next()
    door.open()


def test_what_a_call_raises_is_its_values_result() -> None:
    pool = two()
    results = pool.map(double, [12, -13, 14])
    assert next(results) == 24
    with pytest.raises(ValueError, match="not thirteen"):
        next(results)
    assert pool.get_next() == 28


def test_a_call_may_have_several_results() -> None:
    pool = two()
    assert list(pool.map(lambda actor, n: actor.pair.remote(n), [1, 2])) == [[1, -1], [2, -2]]


def test_a_function_that_calls_nothing_is_refused() -> None:
    pool = two()
    with pytest.raises(TypeError, match=r"not a ref; it takes an actor and a value"):
        pool.submit(lambda _, n: n, 1)
    assert pool.has_free(), "and costs no actor"
    assert not pool.has_next()


def test_such_a_function_is_told_with_its_value_if_that_had_to_wait(gate) -> None:
    pool = two()
    door = gate("door")
    pool.submit(after, door)
    pool.submit(after, door)
    pool.submit(lambda _, n: n, 1)
    pool.submit(double, 4)
    door.open()
    assert [pool.get_next(), pool.get_next()] == ["door", "door"]
    with pytest.raises(TypeError, match="not a ref"):
        pool.get_next()
    assert pool.get_next() == 8


def test_actors_come_and_go(gate) -> None:
    actors = [Doubler.remote() for _ in range(2)]
    pool = ActorPool(actors)
    with pytest.raises(ValueError, match="in this pool already"):
        pool.push(actors[0])
    with pytest.raises(ValueError, match="in this pool already"):
        ActorPool([actors[0], actors[0]])
    one = pool.pop_idle()
    door = gate("door")
    pool.submit(after, door)
    assert not pool.has_free()
    assert pool.pop_idle() is None
    pool.submit(double, 1)
    pool.push(one)
    assert pool.get_next_unordered() == 2
    with pytest.raises(ValueError, match="in this pool already"):
        pool.push(one)
    door.open()
    assert pool.get_next() == "door"


def test_a_dead_actor_leaves_the_pool() -> None:
    lives = Doubler.remote()
    pool = ActorPool([lives, Doubler.remote()])
    pool.submit(lambda actor, n: actor.leave.remote(n), 0)
    with pytest.raises(errors.ActorDied, match="exit_actor"):
        pool.get_next()
    assert list(pool.map(double, range(5))) == [0, 2, 4, 6, 8]
    assert pool.pop_idle() == lives
    assert pool.pop_idle() is None
    pool.submit(double, 21)
    with pytest.raises(RuntimeError, match="all actors of this pool have died; 1 values wait"):
        pool.get_next()
    pool.push(lives)
    assert pool.get_next() == 42
