"""More large values than there is memory for: they go to disk and come back, and nobody hangs."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import data, tasks
from hyperloom.cli.main import main
from hyperloom.cli.words import size
from tests.cluster.api.holdings import bytes_in, settings, stored_bytes
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.api.gate import Gate

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small")]

MIB = 1 << 20
STORE_BYTES = 64 * MIB


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """A node with two CPUs and 64 MiB for objects."""
    with loom.init("local", num_cpus=2, object_store_memory=STORE_BYTES):
        yield


def filled(number: int, mib: int = 8) -> Any:
    return np.full(mib * MIB, number, dtype=np.uint8)


def right(array: Any, number: int, mib: int = 8) -> bool:
    return array.nbytes == mib * MIB and bool((array == number).all())


def in_memory() -> int:
    return bytes_in(settings().store / "o", settings().store / "z")


def on_disk() -> int:
    return bytes_in(settings().spill)


@loom.task
def make(number: int, mib: int = 8) -> Any:
    return filled(number, mib)


@loom.task
def total(*arrays: Any) -> int:
    return sum(int(array[0]) for array in arrays)


def test_loom_memory_tells_what_was_spilled(capsys: pytest.CaptureFixture[str]) -> None:
    refs = [loom.put(filled(number)) for number in range(12)]
    try:
        wait_until(lambda: on_disk() > 0)
        assert main(["memory", "--json"]) == 0
        (store,) = json.loads(capsys.readouterr().out)["stores"]
        assert (store["capacity"], store["spilled"]) == (STORE_BYTES, on_disk())
        assert main(["memory"]) == 0
        shown = capsys.readouterr().out.splitlines()[0]
        assert shown.endswith(f" of 64.0 MiB used, {size(on_disk())} spilled to disk")
        assert right(loom.get(refs[0]), 0)
    finally:
        del refs
    gc.collect()
    wait_until(lambda: on_disk() == 0)


def test_what_does_not_fit_goes_to_disk_and_comes_back() -> None:
    mine = [loom.put(filled(number)) for number in range(16)]
    theirs = [make.remote(number) for number in range(16, 32)]
    loom.wait(theirs, num_returns=16, timeout=40)
    assert in_memory() <= STORE_BYTES
    assert on_disk() >= 32 * 8 * MIB - STORE_BYTES
    for number, ref in enumerate(mine + theirs):
        assert right(loom.get(ref), number)
    assert loom.get([total.remote(ref) for ref in mine + theirs], timeout=40) == list(range(32))
    del mine, theirs, ref
    wait_until(lambda: not stored_bytes())


def test_a_live_object_survives_the_pressure_of_others() -> None:
    ref = loom.put(filled(7))
    view = loom.get(loom.put(filled(9)))  # only looked at, its ref is gone
    for number in range(20):
        loom.put(filled(number))
        loom.get(make.remote(number))
    assert right(loom.get(ref), 7)
    assert right(view, 9)


def test_the_argument_of_a_queued_task_survives_pressure_after_its_ref_is_gone(
    gate: Callable[[str], Gate],
) -> None:
    go_on = gate("go_on")

    @loom.task(num_cpus=2)
    def blocks() -> None:
        go_on.pass_through()

    first = blocks.remote()
    data = loom.put(filled(5))
    queued = total.remote(data)
    del data
    gc.collect()
    for number in range(20):
        loom.put(filled(number))
    go_on.open()
    assert loom.get([first, queued], timeout=40) == [None, 5]


def test_an_object_larger_than_the_store_is_kept_on_disk() -> None:
    ref = make.remote(3, 100)
    assert right(loom.get(ref), 3, 100)
    assert loom.get(total.remote(ref), timeout=40) == 3


def test_tasks_whose_arguments_fill_the_store_all_finish() -> None:
    """Each takes 48 of 64 MiB: two at a time do not fit, and nobody waits for ever."""
    parts = [[loom.put(filled(number, 24)), make.remote(number, 24)] for number in range(8)]
    sums = [total.remote(*pair) for pair in parts]
    assert loom.get(sums, timeout=50) == [2 * number for number in range(8)]


def test_tasks_that_get_what_fills_the_store_all_finish() -> None:
    @loom.task
    def gets(refs: Any) -> int:
        return sum(int(array[0]) for array in loom.get(refs))

    refs = [loom.put(filled(number, 16)) for number in range(6)]
    assert loom.get([gets.remote(refs) for _ in range(6)], timeout=50) == [15] * 6


def test_many_make_and_read_at_the_same_time() -> None:
    refs = [make.remote(number % 251, 4) for number in range(60)]
    sums = [total.remote(ref, refs[(number * 7) % 60]) for number, ref in enumerate(refs)]
    expected = [number + (number * 7) % 60 for number in range(60)]
    assert loom.get(sums, timeout=50) == expected


def test_data_objects_of_all_types_are_read_again() -> None:
    @loom.task
    def lines(letter: bytes) -> data.Index:
        return data.split((letter * 7 + b"\n") * MIB)

    @loom.task
    def value(letter: bytes) -> data.PyObj:
        return data.PyObj([letter * 8 * MIB])

    letters = [bytes((number,)) for number in range(65, 75)]
    indices = [lines.remote(letter) for letter in letters]
    values = [value.remote(letter) for letter in letters]
    array = tasks.array_make.remote([*indices, *values])
    loom.wait([array], timeout=50)
    del indices, values
    for number, letter in enumerate(letters):
        assert loom.get(tasks.get.remote(tasks.get(array, number), -1)) == letter * 7 + b"\n"
    for number, letter in enumerate(letters, 10):
        (text,) = loom.get(tasks.get.remote(array, number))
        assert (len(text), text[:1]) == (8 * MIB, letter)
    del array
    wait_until(lambda: not stored_bytes())


def test_an_array_may_be_larger_than_memory() -> None:
    elements = [loom.put(data.Plain(bytes((number,)) * 8 * MIB)) for number in range(16)]
    array = tasks.array_make.remote(elements)
    half = tasks.slice.remote(array, 8, None)
    assert loom.get([tasks.size.remote(array), tasks.size.remote(half)]) == [128 * MIB, 64 * MIB]
    del elements, array
    assert [part[0] for part in loom.get(half)] == list(range(8, 16))
    del half
    wait_until(lambda: not stored_bytes())
