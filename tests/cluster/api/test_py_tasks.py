"""Python functions as tasks on data objects: `py_call`, `py_task`, `py_value`."""

from __future__ import annotations

from typing import Any

import pytest

import hyperloom as loom
from hyperloom import data, tasks

pytestmark = pytest.mark.usefixtures("anywhere")


def gathered(*bound: Any) -> Any:
    return loom.submit(bound).gather()


def test_a_function_is_called_with_data_objects() -> None:
    def f(a: data.Plain, b: data.Plain) -> str:
        return f"{a.read()!r} {b.size}"

    def g() -> str:
        return "äb"

    assert gathered(tasks.py_call(f, [tasks.const("A"), b"BC"]), tasks.py_call(g)) == [
        b"b'A' 2", "äb".encode(),
    ]  # fmt: skip


def test_what_it_returns_becomes_a_data_object() -> None:
    def returns(what: data.PyObj) -> Any:
        return what.unwrap()

    @tasks.py_task
    def kind(value: data.Data) -> str:
        return type(value).__name__

    values = [None, 42.0, [1, 2], (b"x",), "text", b"bytes"]
    made = [tasks.py_call(returns, [tasks.py_value(value)]) for value in values]
    kinds = [b"PyObj"] * 4 + [b"Plain"] * 2
    assert gathered(*made) == [*values[:4], b"text", b"bytes"]
    assert gathered(*map(kind, made)) == kinds


def test_an_array_goes_in_and_out() -> None:
    @tasks.py_task(label="turned")
    def turn(array: data.Array) -> data.Array:
        assert len(array) == 3
        assert array[0].read() == b"0"
        return data.array([*reversed(array), "text", data.array([array[1]])])

    bound = turn(tasks.array_make(["0", "1", "2"]))
    assert bound.name == "turned"
    assert gathered(bound, tasks.get(bound, 0)) == [
        [b"2", b"1", b"0", b"text", [b"1"]], b"2",
    ]  # fmt: skip


def test_direct_arguments_are_passed_as_they_are() -> None:
    @tasks.py_task(n_direct_args=2)
    def repeat(times: int, options: dict[str, str], text: data.Plain) -> bytes:
        return text.read() * times + options["end"].encode()

    assert gathered(repeat(3, {"end": "."}, tasks.const("ab"))) == [b"ababab."]
    assert gathered(tasks.py_call(lambda a, b: a + b.read(), [b"y"], [b"x"])) == [b"xy"]
    with pytest.raises(TypeError, match="cannot be a direct argument"):
        repeat(tasks.const("x"), {}, b"")


def test_the_context() -> None:
    @tasks.py_task(context=True)
    def about(ctx: tasks.TaskContext, a: data.Plain) -> data.Array:
        ctx.log_debug("one")
        ctx.log_info("two")
        wrapped = ctx.wrap(("tuple", a.read()))
        assert ctx.wrap(wrapped) is wrapped
        return data.array([ctx.task_id, wrapped, ctx.wrap(b"bytes")])

    task_id, wrapped, raw = gathered(about(tasks.const("x")))[0]
    assert len(task_id) == 32
    assert wrapped == ("tuple", b"x")
    assert raw == b"bytes"


def test_a_function_that_is_an_input() -> None:
    double = tasks.py_value(lambda x: x.read() * 2)
    assert gathered(tasks.py_call(double, [b"ab"]), tasks.py_call(double, ["c"])) == [
        b"abab", b"cc",
    ]  # fmt: skip
    with_context = tasks.py_value((lambda _, n, x: x.read() * n, True))
    assert gathered(tasks.py_call(with_context, [b"x"], [3])) == [b"xxx"]
    with pytest.raises(TypeError, match="is to be a function, not 5"):
        gathered(tasks.py_call(tasks.py_value(5)))


def test_what_is_wrong_is_said_at_once_or_raised_as_it_is() -> None:
    @tasks.py_task
    def one(a: data.Plain) -> bytes:
        raise LookupError(a.read().decode())

    with pytest.raises(TypeError, match=r"one\(a: .*too many positional"):
        one(b"", b"")
    with pytest.raises(TypeError, match="missing a required argument: 'a'"):
        one()
    with pytest.raises(TypeError, match="not 5"):
        tasks.py_call(5)
    with pytest.raises(loom.errors.InvalidOption, match="no option 'cpus'"):
        tasks.py_task(request={"cpus": 1})(one)
    with pytest.raises(LookupError, match="because"):
        gathered(one("because"))


def test_objects_are_shared_and_chained() -> None:
    @tasks.py_task(request=tasks.cpus(0.5))
    def more(array: data.Array) -> data.Array:
        return data.array([*array, data.PyObj(array.length)])

    bound = tasks.array_make([tasks.py_value(["first"])])
    for _ in range(10):
        bound = more(bound)
    assert gathered(bound) == [[["first"], *range(1, 11)]]


def test_a_value_gathers_as_it_is() -> None:
    assert gathered(
        tasks.py_value([1, {"x": b"y"}]),
        tasks.array_make([tasks.py_value(i) for i in range(100)]),
    ) == [[1, {"x": b"y"}], list(range(100))]
    with pytest.raises(loom.errors.NotSerializable, match="generator"):
        gathered(tasks.py_value(i for i in ()))


@pytest.mark.slow
def test_its_function_is_unpickled_once_in_a_worker(anywhere: str) -> None:
    if anywhere == "inline":
        pytest.skip("there are no workers")

    class Noted:
        def __call__(self, _: data.Plain) -> Any:
            import os  # noqa: PLC0415 - it travels by itself

            return (os.getpid(), self.copies)

        def __setstate__(self, state: dict[str, Any]) -> None:
            import builtins  # noqa: PLC0415

            builtins.noted = getattr(builtins, "noted", 0) + 1  # type: ignore[attr-defined]
            self.copies = builtins.noted  # type: ignore[attr-defined]

        def __getstate__(self) -> dict[str, Any]:
            return {"some": "state"}

        copies = 0

    noted = tasks.py_task(label="noted")(Noted())
    by_process: dict[int, set[int]] = {}
    for pid, copies in gathered(*[noted(b"x") for _ in range(40)]):
        by_process.setdefault(pid, set()).add(copies)
    assert all(len(copies) == 1 for copies in by_process.values())
