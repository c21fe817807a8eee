"""`dslice` and `dget`: a task becomes as many as there is room for, when its input is there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import data, tasks
from hyperloom.core import current

pytestmark = pytest.mark.usefixtures("anywhere")

CPUS = 2
NUMBERS = [b"%d" % i for i in range(16)]


def gathered(*bound: Any) -> Any:
    return loom.submit(bound).gather()


@tasks.py_task
def count(part: data.Array) -> data.PyObj:
    return data.PyObj(part.length)


@tasks.py_task(n_direct_args=1)
def marked(mark: str, part: data.Plain, more: data.Plain) -> bytes:
    return mark.encode() + part.read() + more.read()


@loom.task
def same(value: Any) -> Any:
    return value


def test_each_slice_is_a_task() -> None:
    array = tasks.array_make([tasks.const(number) for number in NUMBERS])
    first = tasks.get(tasks.dslice(array), 0)
    (firsts,) = gathered(tasks.array_make([first]))
    assert len(firsts) == 4 * CPUS
    assert firsts == NUMBERS[::2]


def test_slices_are_all_of_it_and_about_four_for_each_cpu() -> None:
    (counts,) = gathered(tasks.array_make([count(tasks.dslice(data.array(range(1000))))]))
    assert sum(counts) == 1000
    assert len(counts) == 4 * CPUS


def test_each_element_is_a_task() -> None:
    array = tasks.array_make([tasks.const(number) for number in NUMBERS])
    each = marked("<", tasks.dget(array), tasks.const(">"))
    assert gathered(tasks.array_make([each]), tasks.merge([each], " ")) == [
        [b"<" + number + b">" for number in NUMBERS],
        b" ".join(b"<" + number + b">" for number in NUMBERS),
    ]


def test_results_stand_among_other_inputs() -> None:
    each = tasks.merge([tasks.dget(data.array(["b", "c"])), "!"])
    assert gathered(tasks.merge(["a", each, "d", each]), tasks.array_make([each, [1]]), each) == [
        b"ab!c!db!c!",
        [b"b!", b"c!", [1]],
        [b"b!", b"c!"],
    ]


def test_who_takes_one_input_gets_the_array_of_the_results() -> None:
    each = tasks.length(tasks.dget(data.array([data.array([1]), data.array([1, 2])])))
    assert gathered(tasks.length(each), tasks.get(each, -1), same.bind(each)) == [2, 2, [1, 2]]


def test_a_program_gets_them_together_since_its_inputs_have_names() -> None:
    each = tasks.merge([tasks.dget(data.array(["b", "c"])), "!"])
    said = tasks.run(["echo", "$x"], {"$x": tasks.length(each)})
    assert gathered(said, tasks.run("cat", stdin=tasks.merge([each]))) == [b"2\n", b"b!c!"]
    with pytest.raises(TypeError, match="input 'f' is bytes, text or a file, and a task gave <Arr"):
        gathered(tasks.run("cat f", {"f": each}))


def test_an_index_is_sliced_into_bytes() -> None:
    lines = tasks.split("".join(f"{i}\n" for i in range(100)))
    sliced = tasks.py_call(lambda part: len(part.read().splitlines()), [tasks.dslice(lines)])
    (counts,) = gathered(tasks.array_make([sliced]))
    assert sum(counts) == 100
    assert len(counts) > CPUS


def test_of_nothing_there_is_nothing() -> None:
    empty = tasks.merge([tasks.dget(tasks.array_make()), "x"])
    assert gathered(tasks.merge([empty]), empty) == [b"", []]


def test_large_parts_are_shared_and_work_is_spread() -> None:
    array = loom.put(data.array([bytes((i,)) * 100_000 for i in range(8)]))

    @tasks.py_task
    def look(part: data.Plain) -> data.PyObj:
        return data.PyObj((part.view[0], part.size, os.getpid() > 0))

    assert gathered(tasks.array_make([look(tasks.dget(array))])) == [
        [(i, 100_000, True) for i in range(8)]
    ]


@loom.task
def text_of(part: Any, mark: str = "", *, end: str = "") -> str:
    """An ordinary task: what it gets is data, or an element of a list."""
    return mark + (part.read().decode() if isinstance(part, data.Plain) else str(part)) + end


@loom.task
def joined(*texts: str) -> str:
    return "+".join(texts)


@loom.task
def numbers(until: int) -> list[int]:
    return list(range(until))


def test_any_task_may_take_a_scattered_input_and_gives_a_list() -> None:
    each = text_of.bind(tasks.dget(data.array(["b", "c"])), same.bind("<"), end=">")
    named = text_of.bind(part=tasks.dget(data.array(["b"])), end=same.bind("!"))
    sliced = text_of.bind(tasks.dslice(tasks.split("".join(f"{i}\n" for i in range(100)))))
    values = gathered(each, named, sliced, text_of.bind(tasks.dget(data.array())))
    assert values[:2] + values[3:] == [["<b>", "<c>"], ["b!"], []]
    assert "".join(values[2]).split() == [str(i) for i in range(100)]
    assert len(values[2]) > CPUS


def test_its_results_stand_among_other_inputs_of_any_task() -> None:
    each = text_of.bind(tasks.dget(data.array(["b", "c"])))
    assert gathered(
        joined.bind("a", each, "d", each),
        tasks.merge(["a", each, "d"]),
        tasks.array_make([each, [1]]),
        tasks.length(each),
        same.bind(each),
        text_of.bind(tasks.dget(each), "<"),
        tasks.merge([tasks.dget(each), "!"]),
        tasks.merge([tasks.dget(data.array(["x", "y"])), each]),
    ) == [
        "a+b+c+d+b+c",
        b"abcd",
        [b"b", b"c", [1]],
        2,
        ["b", "c"],
        ["<b", "<c"],
        [b"b!", b"c!"],
        [b"xbc", b"ybc"],
    ]


def test_a_list_that_an_ordinary_task_returned_is_taken_apart() -> None:
    made = numbers.bind(16)
    sliced = same.bind(tasks.dslice(made))
    values = gathered(text_of.bind(tasks.dget(made)), sliced, count(tasks.dslice(made)))
    assert values[0] == [str(i) for i in range(16)]
    assert values[1] == [[i, i + 1] for i in range(0, 16, 2)]
    assert values[2] == [2] * 8
    assert gathered(same.bind(tasks.dget(range(3))), same.bind(tasks.dget((4, 5)))) == [
        [0, 1, 2], [4, 5],
    ]  # fmt: skip


def test_a_numpy_array_is_taken_apart_by_its_rows() -> None:
    table = same.bind(np.arange(32).reshape(16, 2))
    rows, parts = gathered(same.bind(tasks.dget(table)), same.bind(tasks.dslice(table)))
    assert [list(row) for row in rows] == [[i, i + 1] for i in range(0, 32, 2)]
    assert [part.shape for part in parts] == [(2, 2)] * 8
    with pytest.raises(TypeError, match="takes an array, an index or a list"):
        tasks.dget(np.int64(3))


def test_several_scattered_inputs_go_in_step() -> None:
    letters, array = data.array(["a", "b", "c"]), data.array(["x", "y", "z"])
    both = text_of.bind(tasks.dget(numbers.bind(3)), tasks.dget(["a", "b", "c"]))
    assert gathered(
        tasks.array_make([tasks.merge([tasks.dget(letters), "-", tasks.dget(array)])]), both
    ) == [[b"a-x", b"b-y", b"c-z"], ["a0", "b1", "c2"]]
    for scatter in (tasks.dget, tasks.dslice):
        with pytest.raises(ValueError, match="these have 3, 2 pieces: they need equally many"):
            gathered(tasks.array_make([scatter(letters), scatter(data.array(["x", "y"]))]))


def test_each_of_its_tasks_has_the_label_and_the_metadata() -> None:
    @loom.task
    def about(_: int) -> tuple[str | None, dict[str, Any]]:
        return loom.context().label, dict(loom.context().metadata)

    each = about.bind(tasks.dget([1, 2])).named("x").with_metadata(fold=3)
    assert gathered(each, about.bind(tasks.dget([1]))) == [[("x", {"fold": 3})] * 2, [(None, {})]]


def test_what_all_tasks_take_is_kept_once() -> None:
    large = bytes(1 << 20)

    @loom.task
    def look(part: int, one: bytes, two: bytes) -> tuple[int, int]:
        return part, len(one) + len(two)

    each = look.bind(tasks.dget([1, 2, 3]), large, same.bind(large))
    assert gathered(each) == [[(i, 2 << 20) for i in (1, 2, 3)]]


def test_results_of_all_its_tasks_are_kept_in_one_file(configured: Any) -> None:
    configured()
    folder = Path(current.session().config.checkpoint_dir)
    folder.mkdir()
    log = folder / "log"

    def plan(numbers: list[int]) -> Any:
        task = noted.options(checkpoint="all")
        return loom.Plan([task.bind(tasks.dget(numbers), str(log))])

    assert plan([1, 2]).submit().gather() == [[2, 3]]
    assert plan([1, 2]).submit(resume=True).gather() == [[2, 3]]
    assert sorted(each.name for each in folder.iterdir()) == ["all", "log"]
    with pytest.warns(UserWarning, match="it was made by other code, arguments or inputs"):
        assert plan([1, 5]).submit(resume=True).gather() == [[2, 6]]
    assert sorted(log.read_text().split()) == ["1", "1", "2", "5"]


@loom.task
def noted(part: int, log: str) -> int:
    with Path(log).open("a", encoding="utf-8") as file:
        file.write(f"{part}\n")
    return part + 1


def test_what_cannot_be_scattered() -> None:
    sliced = tasks.dslice(data.array([1]))
    with pytest.raises(TypeError, match="travels inside of none; make it an argument of its own"):
        gathered(same.bind([sliced]))
    with pytest.raises(TypeError, match="travels inside of none; make it an argument of its own"):
        same.remote(sliced)
    with pytest.raises(TypeError, match=r"of its own of f\.bind\(\.\.\.\), to have f run for each"):
        gathered(same.bind_map([sliced]))
    with pytest.raises(TypeError, match=r"not of <loom/scheduler/dsl.*; make it an argument"):
        gathered(sliced)
    with pytest.raises(TypeError, match="which cannot be iterated over; make it an argument of"):
        same.bind_map(sliced)
    with pytest.raises(TypeError, match=r"mark of bind_map.* is the same for all items, not <loom"):
        text_of.bind_map(["a"], mark=sliced)
    for build in (
        lambda: tasks.save(sliced, "/tmp/x"),
        lambda: tasks.run("cp a b", {"a": sliced}, outputs={"b": "/tmp/x"}),
    ):
        with pytest.raises(ValueError, match=r"all would write to /tmp/x.*tasks\.save\(tasks\.mer"):
            build()
    with pytest.raises(ValueError, match="use dslice for all of them, or dget"):
        tasks.merge([sliced, tasks.dget(data.array())])
    with pytest.raises(ValueError, match="num_returns=2, and a task that is run for each part"):
        same.options(num_returns=2).bind(sliced)
    with pytest.raises(TypeError, match="loom/scheduler/dget takes an array, an index or a list"):
        tasks.dget("text")
    with pytest.raises(TypeError, match="loom/scheduler/dget takes an array, an index or a list"):
        gathered(same.bind(tasks.dget(same.bind(3))))
    with pytest.raises(ZeroDivisionError):
        gathered(tasks.merge([tasks.py_call(lambda _: 1 // 0, [sliced])]))
    with pytest.raises(ZeroDivisionError):
        gathered(same.bind(loom.task(lambda _: 1 // 0).bind(sliced)))
