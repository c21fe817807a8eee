"""The built-in tasks: what the tables of the original promise, without what crashed there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import data, tasks
from tests.cluster.api.holdings import stored_bytes

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("anywhere")

LARGE = 1 << 20
TEXT = "".join(f"Line{i}\n" for i in range(1, 13))
LINES = [f"Line{i}\n".encode() for i in range(1, 13)]


def gathered(*bound: Any) -> Any:
    return loom.submit(bound).gather()


@loom.task
def same(value: Any) -> Any:
    return value


class TestMergeAndConst:
    def test_consts_are_text_bytes_and_data_objects(self) -> None:
        assert gathered(tasks.const("äb"), tasks.const(b""), tasks.const(data.array(["x", 1]))) == [
            "äb".encode(),
            b"",
            [b"x", 1],
        ]

    def test_merge(self) -> None:
        a, b = tasks.const("ABC"), tasks.const("123")
        assert gathered(tasks.merge([a, b]), tasks.merge([b, a, b, a]), a) == [
            b"ABC123", b"123ABC123ABC", b"ABC",
        ]  # fmt: skip

    def test_with_a_delimiter(self) -> None:
        ten = [tasks.const(str(i)) for i in range(10)]
        assert gathered(
            tasks.merge(ten, "abc"),
            tasks.merge(ten, delimiter=b"\0"),
            tasks.merge([], "abc"),
            tasks.merge(()),
        ) == [
            b"abc".join(b"%d" % i for i in range(10)),
            b"\0".join(b"%d" % i for i in range(10)),
            b"",
            b"",
        ]

    def test_inputs_are_tasks_refs_and_values_of_any_making(self) -> None:
        ref = loom.put(b"bytes ")
        assert gathered(
            tasks.merge(
                [same.bind(b"task "), ref, "text ", same.bind("str "), b"", data.Plain(b".")]
            )
        ) == [b"task bytes text str ."]

    def test_what_is_no_bytes_is_refused_at_once_or_named_later(self) -> None:
        with pytest.raises(TypeError, match="merge takes bytes, and this is <PyObj"):
            tasks.merge([5])
        with pytest.raises(TypeError, match=r"several inputs: write \['abc'\]"):
            tasks.merge("abc")
        with pytest.raises(TypeError, match=r"several inputs: write \[5\]"):
            tasks.merge(5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"several inputs: write \[<bound task"):
            tasks.merge(tasks.const("a"))
        with pytest.raises(TypeError, match="delimiter of merge is text or bytes, not 5"):
            tasks.merge([], 5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"tasks\.py_value"):
            tasks.const(5)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"loom/data/merge takes bytes, .* <Array of 1"):
            gathered(tasks.merge([tasks.array_make([b"x"])]))

    def test_eagerly(self) -> None:
        ref = tasks.merge.remote([loom.put(b"a"), "b"])
        assert loom.get(ref) == b"ab"
        assert loom.get(tasks.length.remote(tasks.split(tasks.merge([ref, "\n", ref])))) == 2
        assert loom.get(same.remote(ref)) == b"ab"


class TestArrays:
    def test_make_and_get(self) -> None:
        array = tasks.array_make([tasks.const(b"ABC"), tasks.const(b"123456"), tasks.const(b"")])
        elements = [tasks.get(array, i) for i in (0, 1, 2, -1, -3)]
        assert gathered(array, *elements) == [
            [b"ABC", b"123456", b""], b"ABC", b"123456", b"", b"", b"ABC",
        ]  # fmt: skip

    def test_slices(self) -> None:
        array = tasks.array_make([str(i) for i in range(20)])
        expected = [b"%d" % i for i in range(20)]
        ends = [(0, 100), (50, 100), (2, 4), (1, 0), (4, 100), (-3, None), (None, -18), (2, 2)]
        assert gathered(*[tasks.slice(array, a, b) for a, b in ends]) == [
            expected[a:b] for a, b in ends
        ]

    def test_empty_nested_and_repeated(self) -> None:
        a = tasks.const("a")
        inner = tasks.array_make([a, a])
        outer = tasks.array_make([inner, a, inner, tasks.array_make(), {"any": 1}])
        assert gathered(outer, tasks.get(outer, 0), tasks.get(tasks.get(outer, 2), 1)) == [
            [[b"a", b"a"], b"a", [b"a", b"a"], [], {"any": 1}], [b"a", b"a"], b"a",
        ]  # fmt: skip

    def test_an_index_out_of_range(self) -> None:
        for index in (3, -4):
            with pytest.raises(
                IndexError,
                match=rf"loom/base/get on Array: index {index} is out of range \(length=3\)",
            ):
                gathered(tasks.get(tasks.array_make([b""] * 3), index))
        with pytest.raises(IndexError, match=r"on Plain: index 0 .*length=0.*tasks.split"):
            gathered(tasks.get(tasks.const("x"), 0))
        with pytest.raises(IndexError, match=r"on PyObj: index 0 .* returns data.array"):
            gathered(tasks.get(same.bind([1, 2]), 0))
        with pytest.raises(TypeError, match=r"loom/base/slice: a Plain has no pieces"):
            gathered(tasks.slice(tasks.const("x"), 0, 1))
        with pytest.raises(TypeError, match="whole number, not 'x'"):
            tasks.get(b"", "x")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"whole number, not 1\.5"):
            tasks.slice(b"", 0, 1.5)  # type: ignore[arg-type]

    def test_of_a_whole_map(self) -> None:
        mapped = same.bind_map(["a", b"b", 3])
        assert gathered(tasks.array_make(mapped), tasks.merge(mapped[:2])) == [
            [b"a", b"b", 3], b"ab",
        ]  # fmt: skip
        with pytest.raises(TypeError, match=r"many inputs; .* tasks.array_make\(same\)"):
            tasks.size(mapped)

    def test_large_elements_are_shared(self, anywhere: str) -> None:
        parts = [loom.put(bytes((letter,)) * LARGE) for letter in b"ab"]
        before = stored_bytes() if anywhere == "cluster" else 0
        array = tasks.array_make.remote([*parts, "small"])
        nested = tasks.array_make.remote([array, array])
        second = tasks.get.remote(tasks.get.remote(nested, 1), 1)
        part = tasks.slice.remote(array, 1, 3)
        assert loom.get([tasks.size.remote(nested), tasks.length.remote(part)]) == [
            2 * (2 * LARGE + 5), 2,
        ]  # fmt: skip
        loom.wait([second, part], num_returns=2)
        if anywhere == "cluster":
            assert stored_bytes() == before
        del parts, array, nested
        assert loom.get(second) == b"b" * LARGE
        assert loom.get(part) == [b"b" * LARGE, b"small"]


class TestIndices:
    def test_split(self) -> None:
        index = tasks.split(tasks.const(TEXT))
        assert gathered(
            index, tasks.get(index, 1), tasks.get(index, 3), tasks.get(index, -1),
            tasks.slice(index, 0, 2), tasks.slice(index, 10, 20), tasks.slice(index, 12, 20),
            tasks.slice(index, -2, None), tasks.slice(index, 5, 1),
        ) == [
            LINES, b"Line2\n", b"Line4\n", b"Line12\n",
            b"Line1\nLine2\n", b"Line11\nLine12\n", b"", b"Line11\nLine12\n", b"",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("text", "delimiter", "pieces"),
        [
            ("a\nb\n", "\n", [b"a\n", b"b\n"]),
            ("a\n\nb", "\n", [b"a\n", b"\n", b"b"]),
            ("a", "\n", [b"a"]),
            ("", "\n", []),
            ("a--b-c", b"--", [b"a--", b"b-c"]),
        ],
    )
    def test_by_any_delimiter(self, text: str, delimiter: Any, pieces: list[bytes]) -> None:
        assert gathered(tasks.split(text, delimiter)) == [pieces]

    def test_indices_in_arrays(self) -> None:
        both = tasks.array_make([tasks.split("AAA\nBBB\n"), tasks.split("AAA\nBBB\nCCC\n")])
        assert gathered(
            tasks.get(tasks.get(both, 0), 0), tasks.get(tasks.get(both, 1), 1), both
        ) == [b"AAA\n", b"BBB\n", [[b"AAA\n", b"BBB\n"], [b"AAA\n", b"BBB\n", b"CCC\n"]]]

    def test_of_large_bytes(self) -> None:
        whole = loom.put(b"line\n" * LARGE)
        index = tasks.split(whole)
        half = tasks.slice(index, LARGE // 2, None)
        assert gathered(
            tasks.size(index), tasks.length(index), tasks.size(half), tasks.get(index, -1)
        ) == [5 * LARGE + 8 * (LARGE + 1), LARGE, 5 * LARGE // 2, b"line\n"]

    def test_what_cannot_be_split(self) -> None:
        with pytest.raises(ValueError, match="empty delimiter"):
            tasks.split("a", "")
        with pytest.raises(TypeError, match="split takes bytes, and this is <Array"):
            tasks.split(data.array())
        with pytest.raises(TypeError, match=r"loom/data/split takes bytes, .* <PyObj"):
            gathered(tasks.split(same.bind(7)))


def test_sizes_and_lengths_are_those_of_the_table() -> None:
    const = tasks.const("x" * 25)
    cases = [
        (const, 25, 0),
        (tasks.array_make([const, const]), 50, 2),
        (tasks.split("a\nbb\nccc"), 40, 3),
        (tasks.const(""), 0, 0),
        (tasks.array_make(), 0, 0),
        (tasks.py_value({"a": 1}), sys.getsizeof({"a": 1}), 0),
        (same.bind({"a": 1}), sys.getsizeof({"a": 1}), 0),
        (same.bind("abc"), 3, 0),
        (tasks.array_make([same.bind((1,)), const]), sys.getsizeof((1,)) + 25, 2),
    ]
    measured = gathered(*[op(case[0]) for case in cases for op in (tasks.size, tasks.length)])
    assert measured == [number for _, *facts in cases for number in facts]


@loom.task
def more(number: int, *, than: int = 0) -> int:
    return number + than


@pytest.mark.parametrize("measure", [tasks.size, tasks.length], ids=["size", "length"])
def test_a_measure_is_a_number_wherever_it_arrives(measure: Any) -> None:
    array = tasks.array_make(["a", "b"])
    of = measure(array)
    assert gathered(more.bind(of, than=of), tasks.get(tasks.array_make([of]), 0)) == [4, 2]
    assert gathered(more.bind(of.options(num_cpus=1)), tasks.size(of)) == [2, sys.getsizeof(2)]
    assert loom.get(more.remote(measure.remote(array))) == 2


class TestFiles:
    def test_open_and_merge(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"first ")
        (tmp_path / "b").write_bytes(b"second")
        files = [tasks.open(tmp_path / name) for name in "ab"]
        handle, merged = gathered(files[0], tasks.merge(files))
        assert merged == b"first second"
        assert (handle.path, handle.read()) == (str(tmp_path / "a"), b"first ")

    def test_open_and_split(self, tmp_path: Path) -> None:
        (tmp_path / "lines").write_text(TEXT)
        lines = tasks.split(tasks.open(tmp_path / "lines"))
        ends = [(2, 6), (0, 6), (3, 60)]
        assert gathered(*[tasks.slice(lines, a, b) for a, b in ends]) == [
            b"".join(LINES[a:b]) for a, b in ends
        ]
        assert gathered(tasks.size(lines), lines)[1][2:4] == LINES[2:4]

    def test_an_empty_and_a_missing_file(self, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        empty = tasks.open(tmp_path / "empty")
        assert gathered(tasks.merge([empty, empty]), tasks.size(empty), tasks.split(empty)) == [
            b"", 0, [],
        ]  # fmt: skip
        with pytest.raises(FileNotFoundError, match="all nodes must see it"):
            gathered(tasks.open(tmp_path / "missing"))
        with pytest.raises(TypeError, match="is text, a path or a URL, and not None"):
            tasks.open(None)  # type: ignore[arg-type]

    def test_a_url_with_nothing_behind_it(self) -> None:
        pytest.importorskip("fsspec", reason="the extra hyperloom[fsspec] is not installed")
        with pytest.raises(FileNotFoundError, match=r"nothing at this URL.*'memory://gone'"):
            gathered(tasks.open("memory://gone"))

    def test_one_that_changes_meanwhile(self, tmp_path: Path) -> None:
        path = tmp_path / "changing"
        path.write_bytes(b"before")
        file = tasks.open.remote(path)
        loom.wait([file])
        path.write_bytes(b"afterwards")
        with pytest.raises(loom.errors.FileChanged, match="6 bytes then, 10 now"):
            loom.get(tasks.merge.remote([file]))

    def test_save(self, tmp_path: Path) -> None:
        path = tmp_path / "out"
        path.write_bytes(b"old")
        ends = [tasks.save(tasks.const("x" * 30000), path), tasks.save(b"", tmp_path / "empty")]
        assert gathered(*ends) == [b"", b""]
        assert path.read_bytes() == b"x" * 30000
        assert (tmp_path / "empty").read_bytes() == b""
        assert gathered(tasks.save(tasks.open(path), tmp_path / "copy")) == [b""]
        assert sorted(each.name for each in tmp_path.iterdir()) == ["copy", "empty", "out"]

    def test_a_file_that_cannot_be_saved(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="absolute path, not 'some/where'"):
            tasks.save(b"x", "some/where")
        with pytest.raises(FileNotFoundError, match=r"its folder is not there.*/no/where'"):
            gathered(tasks.save(b"x", tmp_path / "no" / "where"))
        (tmp_path / "folder").mkdir()
        with pytest.raises(IsADirectoryError, match="this is a folder, and no file"):
            gathered(tasks.save(b"x", tmp_path / "folder"))
        with pytest.raises(TypeError, match=r"loom/data/save takes bytes, .* <Array"):
            gathered(tasks.save(tasks.array_make([b"x"]), tmp_path / "array"))
        assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_a_builder_says_what_it_is() -> None:
    assert repr(tasks.merge) == "<builder merge>"
    assert repr(tasks.merge([])) == "<bound task loom/data/merge>"
    assert str(loom.Plan([tasks.length(tasks.split("a"))]).explain()).startswith(
        "2 tasks (1 loom/data/split, 1 loom/base/length)"
    )
