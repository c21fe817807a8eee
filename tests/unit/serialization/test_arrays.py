"""Arrays arrive as they were sent, uncopied and read-only."""

from __future__ import annotations

import numpy as np
import pytest

from hyperloom.serialization import NDARRAY, PICKLE, from_inline, pack, to_inline, unpack

from .ways import WAYS, in_one_piece


class Tagged(np.ndarray):
    """An array of a class of its own."""


@pytest.mark.parametrize(
    "array",
    [
        np.arange(10),
        np.arange(10, dtype=">i4"),
        np.zeros((3, 4), dtype=np.float16),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1),
        np.arange(20)[::2],
        np.array(3.5),
        np.empty((0, 3)),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.array(["a", "bc"]),
        np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array([{"a": 1}, [2], None], dtype=object),
        np.ma.masked_array([1, 2], mask=[0, 1]),
        np.arange(4).view(np.recarray),
        np.arange(4).view(Tagged),
    ],
    ids=lambda array: f"{type(array).__name__}-{array.dtype}-{array.shape}",
)
@WAYS
def test_arrays_round_trip(way, array):
    back = way(array)
    assert type(back) is type(array)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


@WAYS
@pytest.mark.parametrize(
    "value", [np.arange(1000), [np.arange(5)], {"a": np.asfortranarray(np.ones((2, 2)))}]
)
def test_arrays_arrive_read_only(way, value):
    back = way(value)
    array = back
    while not isinstance(array, np.ndarray):
        array = next(iter(array.values() if isinstance(array, dict) else array))
    with pytest.raises(ValueError, match="read-only"):
        array[...] = 0


def test_arrays_are_not_copied_on_the_way_out_nor_in():
    array = np.arange(100_000)
    packed = pack(array)
    assert packed.kind == NDARRAY
    assert np.shares_memory(np.frombuffer(packed.buffers[0], dtype=array.dtype), array)
    assert np.shares_memory(unpack(packed.kind, packed.meta, packed.buffers), array)
    nested = pack({"deep": [array]})
    assert nested.kind == PICKLE
    assert [buffer.nbytes for buffer in nested.buffers] == [array.nbytes]
    assert nested.size == array.nbytes + len(nested.meta)
    data = to_inline(nested)
    assert np.shares_memory(from_inline(data)["deep"][0], np.frombuffer(data, dtype="u1"))


def test_buffers_are_sent_once_though_pickling_takes_two_tries():
    packed = pack([np.arange(3), np.arange(4.0), lambda: 1])  # pickle fails at the lambda
    assert [buffer.nbytes for buffer in packed.buffers] == [24, 32]


def test_an_array_over_writable_memory_is_read_only_all_the_same():
    packed = pack(np.arange(3))
    memory = bytearray(packed.buffers[0])
    back = unpack(packed.kind, packed.meta, [memoryview(memory)])
    assert not back.flags.writeable


def test_buffers_in_one_piece_are_aligned():
    back = in_one_piece([np.arange(3, dtype="u1"), np.arange(5.0), np.arange(3)])
    assert all(array.ctypes.data % 16 == 0 for array in back)
