"""What may be a task, what it captures, and which version of it runs."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import pytest

import hyperloom as loom

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def fibonacci(n: int) -> int:
    if n < 2:
        return n
    return sum(loom.get([fibonacci.remote(n - 1), fibonacci.remote(n - 2)]))


@loom.task
def same(value: Any) -> Any:
    return value


def test_a_task_uses_its_module_and_what_it_captured() -> None:
    offset = 10

    @loom.task
    def uses(x: float) -> float:
        return math.floor(x) + offset

    assert loom.get(uses.remote(1.5)) == 11


def test_a_task_calls_other_tasks_that_it_captured() -> None:
    @loom.task
    def inner(x: int) -> int:
        return x + 1

    @loom.task
    def outer(x: int) -> int:
        return loom.get(inner.remote(x)) * 10

    assert loom.get([outer.remote(1), outer.remote(2)]) == [20, 30]


def test_tasks_call_themselves() -> None:
    assert loom.get(fibonacci.remote(6)) == 8

    @loom.task
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + loom.get(down.remote(n - 1))

    assert loom.get(down.remote(5)) == 5


def test_two_tasks_call_each_other() -> None:
    @loom.task
    def even(n: int) -> bool:
        return True if n == 0 else loom.get(odd.remote(n - 1))

    @loom.task
    def odd(n: int) -> bool:
        return False if n == 0 else loom.get(even.remote(n - 1))

    assert loom.get([even.remote(4), odd.remote(4)]) == [True, False]


def test_a_captured_value_is_that_of_the_first_call() -> None:
    value = 1

    @loom.task
    def captured() -> int:
        return value

    assert loom.get(captured.remote()) == 1
    value = 2
    assert loom.get(captured.remote()) == 1
    assert captured() == 2


def test_the_newest_definition_runs() -> None:
    refs = []
    for number in range(20):

        @loom.task
        def version() -> int:
            return number  # noqa: B023 - this is the point

        refs.append(version.remote())
    assert loom.get(refs) == list(range(20))


def test_functions_of_one_name_do_not_mix() -> None:
    def make(number: int) -> Any:
        @loom.task
        def twin() -> int:
            return number

        return twin

    twins = [make(number) for number in range(5)]
    refs = [twin.remote() for _ in range(40) for twin in twins]
    assert loom.get(refs) == list(range(5)) * 40


def test_a_task_called_directly_runs_here() -> None:
    ran = []

    @loom.task(num_cpus=2)
    def here(x: int) -> int:
        ran.append(x)
        return x * 2

    assert here(4) == 8
    assert ran == [4]


def test_lambdas_builtins_and_partials_are_tasks() -> None:
    assert loom.get(loom.task(lambda x: x + 1).remote(1)) == 2
    assert loom.get(loom.task(math.sqrt).remote(9.0)) == 3.0
    assert loom.get(loom.task(len).remote([1, 2])) == 2
    assert loom.get(loom.task(functools.partial(operator.add, 5)).remote(6)) == 11
    assert loom.get(loom.task(str.upper).remote("a")) == "A"
    with pytest.raises(TypeError, match="len"):
        loom.task(len).remote()  # type: ignore[call-arg]


def test_a_bound_method_takes_its_object_along() -> None:
    class Scale:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        def times(self, x: int) -> int:
            return x * self.factor

        @staticmethod
        def twice(x: int) -> int:
            return 2 * x

        @classmethod
        def made(cls, factor: int) -> int:
            return cls(factor).factor

        def __call__(self, x: int) -> int:
            return x + self.factor

    assert loom.get(loom.task(Scale(3).times).remote(5)) == 15
    assert loom.get(loom.task(Scale.twice).remote(5)) == 10
    assert loom.get(loom.task(Scale.made).remote(5)) == 5
    assert loom.get(loom.task(Scale(3)).remote(5)) == 8


def test_a_class_is_refused_and_the_message_says_what_to_write() -> None:
    class Thing:
        pass

    with pytest.raises(TypeError, match=r"Thing is a class.*@loom\.actor.*a function that returns"):
        loom.task(Thing)


def test_a_coroutine_function_is_refused() -> None:
    async def later() -> None: ...

    async def items() -> Any:
        yield 1

    for function in (later, items):
        with pytest.raises(TypeError, match=r"async function.*asyncio\.run"):
            loom.task(function)


@pytest.mark.parametrize("thing", [3, "f", None, object()], ids=["3", "f", "None", "object"])
def test_what_cannot_be_called_is_refused(thing: Any) -> None:
    if thing is None:
        assert callable(loom.task(thing))  # as in @loom.task()
        return
    with pytest.raises(TypeError, match="decorates a function"):
        loom.task(thing)


def test_a_task_of_a_task_is_refused() -> None:
    with pytest.raises(TypeError, match="is a task already"):
        loom.task(same)


def test_methods_in_a_class_body_must_be_static() -> None:
    class Tools:
        @staticmethod
        @loom.task
        def double(x: int) -> int:
            return 2 * x

    assert loom.get(Tools.double.remote(4)) == 8
    assert Tools().double(4) == 8


def test_a_task_keeps_its_name_documentation_and_signature() -> None:
    @loom.task(name="renamed")
    def documented(x: int) -> int:
        """What it does."""
        return x

    assert documented.__doc__ == "What it does."
    assert documented.__name__ == "documented"
    assert repr(documented) == "<task renamed>"
    assert documented.name == "renamed"


def test_a_task_is_a_value_too() -> None:
    @loom.task
    def apply(function: Any, x: int) -> Any:
        return loom.get(function.remote(x))

    assert loom.get(apply.remote(same, 5)) == 5
    assert loom.get(apply.remote(same.options(num_cpus=0.5), 6)) == 6


def test_options_make_another_task_and_leave_the_first_alone() -> None:
    three = same.options(num_returns=3, name="three")
    assert loom.get(three.remote((1, 2, 3))) == [1, 2, 3]
    assert loom.get(same.remote((1, 2, 3))) == (1, 2, 3)
    assert (three.name, same.name) == ("three", "same")
    again = three.options(name="again")
    assert loom.get(again.remote("abc")) == ["a", "b", "c"]


def test_several_results_have_refs_of_their_own() -> None:
    @loom.task(num_returns=2)
    def pair() -> Any:
        return 1, "two"

    first, second = pair.remote()
    assert loom.get(second) == "two"
    assert loom.get(first) == 1
    assert loom.get(same.remote(second)) == "two"


def test_no_results_is_none() -> None:
    @loom.task(num_returns=0)
    def nothing() -> None: ...

    assert nothing.remote() is None


def test_one_of_many_results_may_be_dropped() -> None:
    @loom.task(num_returns=3)
    def three() -> Any:
        return 1, 2, 3

    refs = three.remote()
    last = refs.pop()
    del refs
    assert loom.get(last) == 3


def test_three_thousand_results() -> None:
    @loom.task(num_returns=3000)
    def many() -> Any:
        return range(3000)

    assert loom.get(many.remote()) == list(range(3000))


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_map_makes_a_result_for_each_item(chunk: int) -> None:
    @loom.task
    def square(x: int) -> int:
        return x * x

    assert loom.get(square.map(range(100), chunk=chunk)) == [x * x for x in range(100)]
    assert square.map([], chunk=chunk) == []
    refs = square.map((loom.put(i) for i in range(10)), chunk=chunk)
    assert loom.get(refs) == [i * i for i in range(10)]


def test_in_a_chunk_each_item_fails_by_itself() -> None:
    @loom.task
    def inverse(x: int) -> float:
        return 1 / x

    refs = inverse.map([1, 0, 2], chunk=3)
    assert loom.get(refs[0]) == 1.0
    assert loom.get(refs[2]) == 0.5
    with pytest.raises(ZeroDivisionError):
        loom.get(refs[1])


def test_map_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="chunk=0"):
        same.map([1], chunk=0)
    with pytest.raises(ValueError, match="chunk=True"):
        same.map([1], chunk=True)
    with pytest.raises(ValueError, match="num_returns=2"):
        same.options(num_returns=2).map([1])
    with pytest.raises(TypeError, match="not iterable"):
        same.map(5)  # type: ignore[arg-type]
