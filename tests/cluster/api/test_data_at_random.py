"""Random plans of built-in tasks come to what their model says; some inputs are scattered."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

import hyperloom as loom
from hyperloom import data, tasks
from tests.models.data_objects import Value, plain, split

if TYPE_CHECKING:
    from collections.abc import Callable

    Node = tuple[loom.BoundTask[Any], Value]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("anywhere")]

STEPS = 20
LARGE = 10_000  # times some bytes: more than travels inline
SCATTERED_MOST = 40


@loom.task
def same(value: Any) -> Any:
    return value


@tasks.py_task
def passed_on(value: data.Data) -> data.Data:
    return value


class Steps:
    """Makes tasks of those that there are; None where the one that was chosen does not fit."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self.nodes: list[Node] = [(tasks.const(b"a,b\n"), plain(b"a,b\n"))]
        self._kinds: list[Callable[[loom.BoundTask[Any], Value], Node | None]] = [
            self.const, self.merge, self.array, self.split, self.get, self.slice, self.about,
            self.program, self.ordinary, self.each, self.slices,
        ]  # fmt: skip

    def run(self) -> list[Node]:
        """Some of the tasks that it made."""
        for _ in range(STEPS):
            made = self._chance.choice(self._kinds)(*self._chance.choice(self.nodes))
            if made is not None:
                self.nodes.append(made)
        return self._chance.sample(self.nodes, min(5, len(self.nodes)))

    def _some(self) -> list[Node]:
        return [self._chance.choice(self.nodes) for _ in range(self._chance.randrange(4))]

    def const(self, *_: object) -> Node:
        letters = bytes(self._chance.choice(b"ab,\n") for _ in range(self._chance.randrange(8)))
        held = letters * self._chance.choice([1, 1, 1, LARGE])
        return tasks.const(held), plain(held)

    def merge(self, *_: object) -> Node:
        parts = [(task, value) for task, value in self._some() if value.kind == "plain"]
        delimiter = self._chance.choice([b"", b"--"])
        joined = delimiter.join(value.held for _, value in parts)
        return tasks.merge([task for task, _ in parts], delimiter), plain(joined)

    def array(self, *_: object) -> Node:
        items = self._some()
        made = tasks.array_make([task for task, _ in items])
        return made, Value("array", [value for _, value in items])

    def split(self, task: loom.BoundTask[Any], value: Value) -> Node | None:
        if value.kind != "plain":
            return None
        delimiter = self._chance.choice([b",", b"\n", b"ab"])
        return tasks.split(task, delimiter), split(value.held, delimiter)

    def get(self, task: loom.BoundTask[Any], value: Value) -> Node | None:
        if not value.length:
            return None
        index = self._chance.randrange(-value.length, value.length)
        return tasks.get(task, index), value.pieces[index]

    def slice(self, task: loom.BoundTask[Any], value: Value) -> Node | None:
        if value.kind not in {"array", "index"}:
            return None
        start, stop = (self._chance.choice([None, *range(-5, 6)]) for _ in range(2))
        return tasks.slice(task, start, stop), value.cut(start, stop)

    def about(self, task: loom.BoundTask[Any], value: Value) -> Node:
        if self._chance.random() < 0.5:
            return tasks.size(task), Value("object", value.size)
        return tasks.length(task), Value("object", value.length)

    def program(self, task: loom.BoundTask[Any], value: Value) -> Node | None:
        if value.kind != "plain":
            return None
        by_name = self._chance.random() < 0.5
        run = tasks.run("cat f", {"f": task}) if by_name else tasks.run("cat", stdin=task)
        return run, value

    def ordinary(self, task: loom.BoundTask[Any], value: Value) -> Node:
        return (same.bind(task) if self._chance.random() < 0.5 else passed_on(task)), value

    def each(self, task: loom.BoundTask[Any], value: Value) -> Node | None:
        if value.kind not in {"array", "index"} or value.length > SCATTERED_MOST:
            return None
        # By itself: `array` and `merge` would take the results one by one.
        return same.bind(passed_on(tasks.dget(task))), Value("array", value.pieces)

    def slices(self, task: loom.BoundTask[Any], value: Value) -> Node | None:
        if value.kind != "index":
            return None
        return tasks.merge([passed_on(tasks.dslice(task))]), value.cut(None, None)


def comparable(value: Any) -> Any:
    return [comparable(each) for each in value] if isinstance(value, (list, data.Pieces)) else value


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 10**6))
def test_a_random_plan_comes_to_what_its_model_says(seed: int) -> None:
    wanted = Steps(seed).run()
    values = loom.submit([task for task, _ in wanted]).gather(timeout=40)
    assert list(map(comparable, values)) == [value.gathered for _, value in wanted]
