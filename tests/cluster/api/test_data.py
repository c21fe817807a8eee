"""Data objects as arguments and results of ordinary tasks; in a cluster and inline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import data
from tests.cluster.api.holdings import stored, stored_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("anywhere")

LARGE = 1 << 20  # bytes: more than travels in the control plane


@loom.task
def same(value: Any) -> Any:
    return value


@loom.task
def large(letter: bytes) -> data.Plain:
    return data.Plain(letter * LARGE)


@loom.task
def array_of(*items: Any) -> data.Array:
    return data.array(items)


@loom.task
def element(array: data.Array, index: int) -> data.Data:
    return array[index]


@loom.task
def part(array: data.Array, start: int, stop: int) -> data.Data:
    return array[start:stop]


@loom.task
def lines(text: data.Plain) -> data.Index:
    return data.split(text)


@loom.task
def told(value: Any) -> tuple[str, int, int]:
    return type(value).__name__, value.size, value.length


@loom.task
def inside(value: Any) -> dict[str, Any]:
    return {"it": value}


@loom.task
def opened(path: str) -> data.File:
    return data.File(path)


@loom.task
def content(file: data.DObject) -> bytes:
    return bytes(memoryview(file.view))


@pytest.fixture
def in_cluster(anywhere: str) -> None:
    if anywhere == "inline":
        pytest.skip("inline, nothing lies in shared memory")


@pytest.mark.parametrize("count", [1, LARGE])
def test_they_arrive_as_what_they_are_and_are_gathered(count: int) -> None:
    cases: Sequence[tuple[data.Data, Any, tuple[str, int, int]]] = [
        (data.Plain(b"x" * count), b"x" * count, ("Plain", count, 0)),
        (data.array([b"x" * count, b"y"]), [b"x" * count, b"y"], ("Array", count + 1, 2)),
        (data.array(), [], ("Array", 0, 0)),
        (
            data.split(data.Plain(b"a\n" * count)),
            [b"a\n"] * count,
            ("Index", 2 * count + 8 * count + 8, count),
        ),
        (data.PyObj([1, 2]), [1, 2], ("PyObj", data.PyObj([1, 2]).size, 0)),
    ]
    for value, gathered, facts in cases:
        put = loom.put(value)
        again = same.remote(put)
        assert loom.get([told.remote(value), told.remote(put), told.remote(again)]) == [facts] * 3
        assert loom.get(put) == gathered
        assert loom.get(again) == gathered


def test_an_ordinary_value_stays_what_it_is() -> None:
    assert loom.get(same.remote(["text", b"bytes"])) == ["text", b"bytes"]
    assert loom.get(inside.remote(data.Plain(b"x")))["it"].read() == b"x"


def test_elements_and_slices_outlive_what_they_were_taken_from() -> None:
    array = array_of.remote(large.remote(b"a"), large.remote(b"b"), b"small")
    second, rest = element.remote(array, -2), part.remote(array, 1, 9)
    of_rest = element.remote(rest, 0)
    assert loom.get(told.remote(array)) == ("Array", 2 * LARGE + 5, 3)
    assert loom.get(told.remote(rest)) == ("Array", LARGE + 5, 2)
    del array
    assert loom.get(second) == b"b" * LARGE
    assert loom.get(rest) == [b"b" * LARGE, b"small"]
    del second, rest
    assert loom.get(of_rest) == b"b" * LARGE


@pytest.mark.usefixtures("in_cluster")
def test_what_is_in_memory_already_is_not_copied() -> None:
    parts = [large.remote(b"a"), large.remote(b"b")]
    loom.wait(parts, num_returns=2)
    before = stored_bytes()
    array = array_of.remote(*parts)
    nested = array_of.remote(array, array, parts[0])
    first = element.remote(element.remote(nested, 0), 0)
    assert loom.get(first) == b"a" * LARGE
    assert loom.get(told.remote(nested)) == ("Array", 5 * LARGE, 3)
    assert stored_bytes() == before
    del parts, array, first
    assert [list(map(len, each)) for each in loom.get(nested)[:2]] == [[LARGE, LARGE]] * 2
    assert len(stored()) == 2


@pytest.mark.usefixtures("in_cluster")
def test_pieces_of_a_large_text_are_views_of_it() -> None:
    text = loom.put(data.Plain(b"line\n" * LARGE))
    index = lines.remote(text)
    some = part.remote(index, 10, LARGE)
    piece = element.remote(some, -1)
    assert loom.get(told.remote(some)) == ("Index", 5 * (LARGE - 10) + 8 * (LARGE - 9), LARGE - 10)
    del text, index
    pieces = loom.get(some)
    del some
    assert (len(pieces), pieces[0], pieces[-1]) == (LARGE - 10, b"line\n", b"line\n")
    assert loom.get(piece) == b"line\n"


def test_inside_another_value_they_can_still_be_read_when_it_is_gone() -> None:
    array = array_of.remote(large.remote(b"a"), 5)
    value = loom.get(inside.remote(array))
    del array
    assert value["it"].gathered() == [b"a" * LARGE, 5]
    assert loom.get(content.remote(value["it"][0])) == b"a" * LARGE


def test_refs_inside_are_kept() -> None:
    array = array_of.remote({"ref": loom.put(7)})
    kept = element.remote(array, 0)
    del array
    assert loom.get(loom.get(kept)["ref"]) == 7


def test_of_a_file_only_the_name_travels(tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(b"x" * LARGE)
    file = opened.remote(str(path))
    handle = loom.get(file)
    assert (handle.path, handle.size) == (str(path), LARGE)
    assert loom.get(content.remote(file)) == b"x" * LARGE
    path.write_bytes(b"y")
    with pytest.raises(loom.errors.FileChanged, match="big is not what it was"):
        loom.get(content.remote(file))
