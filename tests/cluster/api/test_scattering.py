"""`dslice` and `dget`: a task becomes as many as there is room for, when its input is there."""

from __future__ import annotations

import os
from typing import Any

import pytest

import hyperloom as loom
from hyperloom import data, tasks

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


def test_what_cannot_be_scattered() -> None:
    sliced = tasks.dslice(data.array([1]))
    with pytest.raises(TypeError, match=r"can only be an input of a task that hyperloom\.tasks"):
        gathered(same.bind(sliced))
    with pytest.raises(TypeError, match=r"not of <loom/scheduler/dsl.*; make it the input"):
        gathered(sliced)
    with pytest.raises(ValueError, match="two scattered inputs"):
        tasks.merge([sliced, tasks.dget(data.array())])
    with pytest.raises(TypeError, match="loom/scheduler/dget takes an array or an index"):
        gathered(tasks.merge([tasks.dget("text")]))
    with pytest.raises(ZeroDivisionError):
        gathered(tasks.merge([tasks.py_call(lambda _: 1 // 0, [sliced])]))
