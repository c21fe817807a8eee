"""What is said of a plan that is not detached: the same as its results tell, without looking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

import hyperloom as loom
from hyperloom.core import current
from hyperloom.plan.detaching import places_in, record_of, spans_of
from hyperloom.plan.submission import Submission

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def _inline() -> Iterator[None]:
    with loom.init(mode="inline"):
        yield


@loom.task
def one(*_: object) -> int:
    return 1


@loom.task(num_returns=2)
def two() -> tuple[int, int]:
    return 1, 2


@given(st.lists(st.tuples(st.sampled_from("otmep"), st.integers(0, 40)), max_size=9))
def test_a_record_is_made_from_the_nodes_as_from_the_results(wants: list[tuple[str, int]]) -> None:
    before: Any = one.bind()
    wanted: list[Any] = []
    for kind, number in wants:
        node: Any = {
            "o": lambda: one.bind(before),  # noqa: B023 - called here
            "t": two.bind,
            "m": lambda: one.bind_map(range(number)),  # noqa: B023
            "e": lambda: one.bind_map(range(number + 1))[number],  # noqa: B023
            "p": lambda: two.bind()[number % 2],  # noqa: B023
        }[kind]()
        before = node if kind == "o" else before
        wanted.append(node)
    session = current.session()
    submission = Submission(session, wanted)
    results = submission.run()
    made = submission.record(results)
    spans = spans_of(submission.numbers)
    told = record_of(session.process, spans, results)
    assert list(places_in(made.results)) == list(places_in(told.results))
    assert (made.lists, made.others) == (told.lists, {})
    assert made.process == session.process
    numbers = [n for span in made.tasks for n in range(span.first, span.last + 1)]
    assert numbers == sorted(submission.numbers)
