"""A plan that is written down and read again is the same plan, whatever it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hyperloom as loom
from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask
from hyperloom.plan.submitted import Submitted, read, skipped_of, written
from hyperloom.serialization import from_inline, to_inline

if TYPE_CHECKING:
    from hyperloom.plan.submission import Wanted


@loom.task
def total(*parts: Any, plus: int = 0) -> int:
    return plus + sum(sum(part) if isinstance(part, list) else part for part in parts)


@loom.task(num_returns=2)
def both(x: int) -> tuple[int, int]:
    return x, -x


def again(plan: Submitted) -> Submitted:
    return read(from_inline(to_inline(written(plan))))


def value_of(wanted: Wanted) -> Any:
    """What it is, by plain evaluation."""
    if isinstance(wanted, BoundOutput):
        return value_of(wanted.task)[wanted.index]
    named = {name: _value(value) for name, value in wanted.kwargs.items()}
    if isinstance(wanted, BoundMap):
        return [wanted.function.function(_value(item), **named) for item in wanted.items]
    return wanted.function.function(*map(_value, wanted.args), **named)


def _value(value: Any) -> Any:
    is_node = isinstance(value, (BoundTask, BoundMap, BoundOutput))
    return value_of(value) if is_node else value


some = st.lists(st.integers(0, 20), max_size=3)


@given(shapes=st.lists(st.tuples(st.sampled_from("tbmr"), some, some), min_size=1, max_size=7))
def test_any_plan(shapes: Any) -> None:
    made: list[Any] = []
    for kind, which, numbers in shapes:
        inputs = [made[i % len(made)] for i in which if made]
        if kind == "t":
            made.append(total.bind(*inputs, *numbers, plus=1).named(f"t{len(made)}"))
        elif kind == "b":
            made.append(both.bind(7)[1])
        elif kind == "m":
            made.append(total.bind_map([*inputs, *numbers], plus=2))
        else:
            made.append(total.bind_map(range(3, 40, 2)).with_metadata(of=kind))
    plan = Submitted(tuple(made), range(5, 5 + 100), "its label")
    copy = again(plan)
    assert [value_of(each) for each in copy.wanted] == [value_of(each) for each in plan.wanted]
    assert (list(copy.numbers), copy.label) == (list(plan.numbers), plan.label)
    for node, other in zip(plan.nodes(), copy.nodes(), strict=True):
        assert (node.name, node.metadata, node.tasks) == (other.name, other.metadata, other.tasks)
        assert list(plan.numbers_of(node) or ()) == list(copy.numbers_of(other) or ())
    assert str(loom.Plan(copy.wanted).explain()) == str(loom.Plan(plan.wanted).explain())


def test_a_long_chain_is_written_and_read_without_recursion() -> None:
    task = total.bind(0)
    for _ in range(5_000):
        task = total.bind(task)
    assert len(again(Submitted((task,), range(5_001))).nodes()) == 5_001


def test_nodes_that_were_not_run_have_no_numbers() -> None:
    first = total.bind(1)
    there = total.bind(first)
    last = total.bind(there, total.bind(2)).named("last")
    plan = Submitted((last,), [8, 9], skipped=skipped_of([last], [last.args[1], last]))
    for each in (plan, again(plan)):
        numbers = [list(each.numbers_of(node) or ()) for node in each.nodes()]
        assert numbers == [[], [], [8], [9]]
    assert plan.numbers_of(total.bind(1)) is None


def test_a_node_is_known_by_its_label_if_it_is_the_only_one() -> None:
    plan = Submitted((total.bind(total.bind(1), total.bind(2).named("two")),), range(3))
    assert plan.named("two") is plan.wanted[0].args[1]  # type: ignore[union-attr]
    assert (plan.has("two"), plan.has("three"), plan.has(plan.wanted[0])) == (True, False, True)
    with pytest.raises(ValueError, match="2 tasks of this plan are named 'total'"):
        plan.named("total")
    with pytest.raises(ValueError, match=r"no task .* 'three'; there are: total, two"):
        plan.named("three")
