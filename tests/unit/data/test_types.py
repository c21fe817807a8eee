"""Data objects in one process: size, length, parts, and the way to bytes and back."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from hyperloom import data
from hyperloom.errors import NotSerializable, Undeserializable
from hyperloom.serialization import DATA, from_inline, pack, to_inline, unpack

TEXT = b"a\nbb\nccc"


def there_and_back(value: data.Data) -> data.Data:
    made = from_inline(to_inline(pack(value)))
    assert type(made) is type(value)
    return made


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize(
    ("value", "size", "length"),
    [
        (data.Plain(b"x" * 25), 25, 0),
        (data.array([b"x" * 25, b"y" * 25]), 50, 2),
        (data.split(data.Plain(TEXT)), 40, 3),
        (data.Plain(), 0, 0),
        (data.array(), 0, 0),
        (data.PyObj({"a": 1}), sys.getsizeof({"a": 1}), 0),
        (data.array([data.array([b"1"]), b"22", {"a": 1}]), 3 + sys.getsizeof({"a": 1}), 3),
        (data.split(data.Plain(b"")), 8, 0),
        (data.split(data.Plain(TEXT))[1:], 6 + 24, 2),
    ],
)
def test_sizes_and_lengths_are_those_of_the_table(value: data.Data, size: int, length: int) -> None:
    for each in (value, there_and_back(value), there_and_back(there_and_back(value))):
        assert (each.size, each.length, len(each)) == (size, length, length)
    assert (pickled(value).size, pickled(value).length) == (size, length)


class TestPlain:
    def test_it_is_bytes_and_text_becomes_utf_8(self) -> None:
        assert data.Plain("äb").read() == "äb".encode()
        assert data.Plain(b"ab").gathered() == b"ab"

    def test_its_view_is_of_the_bytes_themselves_and_read_only(self) -> None:
        source = b"x" * 100_000
        view = data.Plain(source).view
        assert view.obj is source
        assert view.readonly
        assert np.frombuffer(view, "u1").sum() == ord("x") * 100_000

    def test_what_could_change_is_copied(self) -> None:
        source = bytearray(b"before")
        plain = data.Plain(source)
        source[:] = b"after!"
        assert plain.read() == b"before"

    def test_it_is_made_of_nothing_else(self) -> None:
        with pytest.raises(TypeError, match=r"bytes or str, not of int; .* PyObj"):
            data.Plain(5)  # type: ignore[arg-type]

    def test_it_has_no_pieces(self) -> None:
        with pytest.raises(IndexError, match=r"Plain has length 0; .*\.view\[i\]"):
            data.Plain(b"ab")[0]
        with pytest.raises(TypeError, match="no inner structure"):
            data.Plain(b"ab")[0:1]
        assert list(data.Plain(b"ab")) == []

    def test_it_is_false_only_when_empty(self) -> None:
        assert data.Plain(b"a")
        assert not data.Plain(b"")

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 has the protocol for it")
    def test_it_goes_wherever_bytes_do(self) -> None:
        assert bytes(memoryview(data.Plain(b"ab"))) == b"ab"  # type: ignore[arg-type]

    def test_its_bytes_are_its_bytes(self) -> None:
        """And not those of its pieces, of which it has none: Python would go by its length."""
        assert bytes(data.Plain("abc")) == b"abc"

    def test_large_ones_lie_beside_their_metadata(self) -> None:
        packed = pack(data.Plain(b"x" * 100_000))
        assert packed.kind == DATA
        assert len(packed.meta) < 100
        assert [buffer.nbytes for buffer in packed.buffers] == [100_000]


class TestArray:
    def test_its_elements_are_shared(self) -> None:
        inner = data.Plain(b"x")
        made = data.array([inner, inner])
        assert made[0] is inner
        assert made[1] is inner
        assert made[1:][0] is inner

    @pytest.mark.parametrize("received", [False, True])
    def test_it_is_a_sequence(self, *, received: bool) -> None:
        made = data.array([b"%d" % i for i in range(20)])
        if received:
            made = there_and_back(made)
        assert [item.read() for item in made] == [b"%d" % i for i in range(20)]
        assert made[-1].read() == b"19"
        for part in (
            slice(0, 100), slice(50, 100), slice(2, 4), slice(1, 0), slice(4, 100),
            slice(-3, None), slice(None, None, -1), slice(1, 15, 4),
        ):  # fmt: skip
            expected = [b"%d" % i for i in range(20)][part]
            assert made[part].gathered() == expected
            assert there_and_back(made[part]).gathered() == expected
        assert made[5:15][2:4].gathered() == [b"7", b"8"]
        with pytest.raises(IndexError):
            made[20]

    def test_an_index_that_is_none(self) -> None:
        for made in (data.array(["a", "b"]), data.split("a\nb")):
            kind = type(made).__name__
            for index in (2, -3):
                with pytest.raises(IndexError, match=f"index {index} is out of range: the {kind}"):
                    made[index]
            with pytest.raises(TypeError, match="is a whole number or a slice, not 'x'"):
                made["x"]  # type: ignore[call-overload]
        with pytest.raises(IndexError, match="index 2 is out of range: there are 2 pieces"):
            data.split("a\nb").gathered()[2]

    def test_any_value_becomes_an_element(self) -> None:
        made = data.array(["text", b"bytes", 5, None, [1, 2], data.array(["x"])])
        kinds = [type(item).__name__ for item in made]
        assert kinds == ["Plain", "Plain", "PyObj", "PyObj", "PyObj", "Array"]
        assert made.gathered() == [b"text", b"bytes", 5, None, [1, 2], [b"x"]]

    def test_text_is_not_taken_for_a_sequence(self) -> None:
        with pytest.raises(TypeError, match="several values"):
            data.array("abc")

    def test_large_elements_are_not_joined(self) -> None:
        source = b"x" * 100_000
        packed = pack(data.array([source, b"small", source]))
        assert sum(buffer.obj is source for buffer in packed.buffers) == 2
        assert unpack(packed.kind, packed.meta, packed.buffers).gathered()[1] == b"small"

    def test_an_element_that_cannot_travel_is_named(self) -> None:
        with pytest.raises(NotSerializable, match="the object in a PyObj"):
            pack(data.array([1, (i for i in ())]))


class TestIndex:
    @pytest.mark.parametrize(
        ("text", "delimiter", "pieces"),
        [
            (b"a\nb\n", b"\n", [b"a\n", b"b\n"]),
            (b"a\n\nb", b"\n", [b"a\n", b"\n", b"b"]),
            (b"a", b"\n", [b"a"]),
            (b"", b"\n", []),
            (b"\n", b"\n", [b"\n"]),
            (b"a, b, c", ", ", [b"a, ", b"b, ", b"c"]),
            (b"aXXXb", b"XX", [b"aXX", b"Xb"]),
            (b"a.b", b".", [b"a.", b"b"]),  # no regular expression
        ],
    )
    def test_pieces_keep_their_delimiter(
        self, text: bytes, delimiter: Any, pieces: list[bytes]
    ) -> None:
        index = data.split(data.Plain(text), delimiter)
        assert index.gathered() == pieces
        assert there_and_back(index).gathered() == pieces

    @pytest.mark.parametrize("received", [False, True])
    def test_it_behaves_as_an_array_of_plain(self, *, received: bool) -> None:
        index = data.split(data.Plain(b"".join(b"%d\n" % i for i in range(20))))
        if received:
            index = there_and_back(index)
        lines = [b"%d\n" % i for i in range(20)]
        assert [piece.read() for piece in index] == lines
        assert index[-1].read() == b"19\n"
        for part in (slice(2, 6), slice(0, 6), slice(3, 60), slice(9, 1), slice(-2, None)):
            assert index[part].gathered() == lines[part]
            assert there_and_back(index[part]).gathered() == lines[part]
        assert index[2:9][1:3][0].read() == b"3\n"
        assert index[::-7].gathered() == lines[::-7]
        with pytest.raises(IndexError):
            index[20]

    def test_pieces_and_slices_are_views(self) -> None:
        source = b"line\n" * 100_000
        index = data.split(data.Plain(source))
        assert index[7].view.obj is source
        assert index[7:900][3].view.obj is source
        assert [buffer.obj is source for buffer in pack(index).buffers] == [False, True]

    def test_a_slice_takes_only_its_part_along(self) -> None:
        index = data.split(data.Plain(b"line\n" * 100_000))
        assert pack(index[10:20]).size < 500

    def test_positions_of_ones_own(self) -> None:
        index = data.Index(data.Plain(b"abcdef"), [1, 3, 3, 6])
        assert index.gathered() == [b"bc", b"", b"def"]
        for wrong in ([], [0, 7], [2, 1]):
            with pytest.raises(ValueError, match="ascending, at least one, none above 6"):
                data.Index(data.Plain(b"abcdef"), wrong)

    def test_what_cannot_be_split(self) -> None:
        with pytest.raises(ValueError, match="empty delimiter"):
            data.split(data.Plain(b"a"), "")
        with pytest.raises(TypeError, match="only bytes can be split"):
            data.split(data.array(), "x")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="the delimiter is text or bytes, not 3"):
            data.split("a", 3)  # type: ignore[arg-type]

    @pytest.mark.parametrize("whole", ["a,b", b"a,b", bytearray(b"a,b"), data.Plain("a,b")])
    def test_what_can_be_split(self, whole: Any) -> None:
        assert list(data.split(whole, ",").gathered()) == [b"a,", b"b"]

    def test_gathered_it_is_a_sequence_of_bytes(self) -> None:
        pieces = data.split(data.Plain(TEXT)).gathered()
        assert isinstance(pieces, data.Pieces)
        assert (len(pieces), pieces[0], pieces[-1], pieces[1:]) == (
            3, b"a\n", b"ccc", [b"bb\n", b"ccc"],
        )  # fmt: skip
        assert b"bb\n" in pieces
        assert pickled(pieces) == [b"a\n", b"bb\n", b"ccc"]
        assert pieces != [b"a\n"]
        assert repr(pieces) == "<3 pieces: b'a\\n', b'bb\\n', b'ccc'>"
        with pytest.raises(IndexError):
            pieces[3]


class TestPyObj:
    def test_it_is_unpickled_once(self) -> None:
        made = there_and_back(data.PyObj([1, 2]))
        assert isinstance(made, data.PyObj)
        assert made.unwrap() == [1, 2]
        assert made.unwrap() is made.unwrap()

    def test_a_data_object_needs_none(self) -> None:
        plain = data.Plain(b"x")
        assert data.of(plain) is plain
        with pytest.raises(TypeError, match="a data object already"):
            data.PyObj(plain)

    def test_one_without_a_size_has_a_hundred(self) -> None:
        class Shy:
            def __sizeof__(self) -> int:
                raise TypeError("no")

        assert data.PyObj(Shy()).size == 100

    def test_any_value_is_one(self) -> None:
        array = np.arange(10_000)
        assert (there_and_back(data.PyObj(array)).gathered() == array).all()
        assert there_and_back(data.PyObj(None)).gathered() is None
        assert data.PyObj(0)


def test_an_unknown_type_says_what_to_do() -> None:
    class Table(data.Data, symbol="my/table"):
        def _encode(self, writing: object) -> bytes:
            del writing
            return b""

        def _measure(self) -> int:
            return 1

    sent = to_inline(pack(Table()))
    assert isinstance(from_inline(sent), Table)
    elsewhere = sent.replace(b"my/table", b"my/other")
    with pytest.raises(Undeserializable, match=r"type 'my/other' .* import what defines it"):
        from_inline(elsewhere)


nested = st.recursive(
    st.binary(max_size=40) | st.integers() | st.just(b"x" * 5000) | st.none(),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=12,
)


def as_data(value: Any) -> data.Data:
    return data.array(map(as_data, value)) if isinstance(value, list) else data.of(value)


@given(nested)
def test_whatever_is_nested_comes_back(value: Any) -> None:
    made = as_data(value)
    assert made.gathered() == value
    back = from_inline(to_inline(pack(made)))
    assert back.gathered() == value
    assert back.size == made.size
    again = from_inline(to_inline(pack(pickled(back))))
    assert again.gathered() == value
    assert again.size == made.size
