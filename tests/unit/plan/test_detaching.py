"""What is written down of a detached plan: the same when it is read, and short when it is even."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis import given
from msgspec import msgpack

from hyperloom.core.refs import ObjectRef
from hyperloom.ids import ObjectID, TaskID, index_of, number_of, object_id, task_id
from hyperloom.plan.detaching import Record, places_in, record_of, runs_of, spans_of

PLAN: Any = b"JOB1abcdef"


class NoSession:
    """Refs tell it that they died."""

    dropped: list[bytes] = []  # noqa: RUF012 - nobody reads it

    def wake(self) -> None:
        """Nobody minds."""


def ref(number: int, index: int = 0) -> ObjectRef[Any]:
    return ObjectRef(object_id(TaskID(task_id(PLAN, number)), index), NoSession())  # type: ignore[arg-type]


def read_back(record: Record) -> tuple[list[int], list[Any]]:
    record = msgpack.decode(msgpack.encode(record), type=Record)
    numbers = [n for span in record.tasks for n in range(span.first, span.last + 1)]
    places = places_in(record.results)
    results: list[Any] = []
    for size, number in record.lists:
        for _ in range(number):
            if size < 0:
                results.append(next(places))
            else:
                results.append([next(places) for _ in range(size)])
    assert list(places) == []
    return numbers, results


def place(of: ObjectRef[Any]) -> tuple[int, int]:
    oid = of.binary()
    return number_of(oid), index_of(ObjectID(oid))


places = st.tuples(st.integers(1, 50), st.integers(0, 3))


@given(
    numbers=st.sets(st.integers(1, 2000)),
    results=st.lists(st.one_of(places, st.lists(places, max_size=4)), max_size=30),
)
def test_a_record_tells_what_was_written(numbers: set[int], results: list[Any]) -> None:
    refs = [[ref(*p) for p in each] if isinstance(each, list) else ref(*each) for each in results]
    assert read_back(record_of(PLAN, spans_of(sorted(numbers)), refs)) == (sorted(numbers), results)


def test_what_is_even_is_short_however_much_it_is() -> None:
    many = 100_000
    refs = [ref(n) for n in range(1, many + 1)]
    record = record_of(PLAN, spans_of(range(1, many + 1)), [refs, *refs[:10]])
    assert len(msgpack.encode(record)) < 60
    assert read_back(record)[0] == list(range(1, many + 1))
    assert [place(each) for each in refs] == list(places_in(record.results))[:many]


@given(st.lists(places, max_size=60))
def test_runs_are_what_they_were_made_of(pairs: list[tuple[int, int]]) -> None:
    assert list(places_in(runs_of(pairs))) == pairs
