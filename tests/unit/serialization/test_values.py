"""Every value arrives as it was sent, in one piece or with its buffers beside it."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import pathlib
import pickle
import subprocess
import sys
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperloom import serialization
from hyperloom.errors import LoomError, NotSerializable, SessionClosed, Undeserializable
from hyperloom.serialization import (
    BYTES,
    ERROR,
    NDARRAY,
    PICKLE,
    Packed,
    from_inline,
    pack,
    register_serializer,
    split_inline,
    to_inline,
    unpack,
)

from .refs import Ref
from .ways import WAYS, beside, in_a_message, in_one_piece

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner)
        | st.frozensets(st.integers())
    ),
    max_leaves=10,
)


@given(VALUES)
def test_builtin_values_round_trip(value):
    for way in (beside, in_one_piece, in_a_message):
        back = way(value)
        assert back == value
        assert type(back) is type(value)


Point = collections.namedtuple("Point", "x y")  # noqa: PYI024  # users have them


@dataclasses.dataclass
class Config:
    name: str
    weights: list[float]


class Colour(enum.Enum):
    RED = 1


class Counted(dict):
    """A dict of a class of its own, with an attribute."""


class Remade:
    def __init__(self, size):
        self.size = size

    def __reduce__(self):
        return functools.partial(Remade, self.size), ()

    def __eq__(self, other):
        return isinstance(other, Remade) and other.size == self.size

    __hash__ = None


@WAYS
@pytest.mark.parametrize(
    "value",
    [
        10**5000,
        -(2**63) - 1,
        float("inf"),
        "x" * 100_000,
        "\N{SNOWMAN}\udcff",
        b"y" * 100_000,
        bytearray(b"z" * 100_000),
        bytearray(b"z"),
        [b"in a list" * 1000],
        range(3),
        Ellipsis,
        Point(1, [2]),
        Config("a", [0.5]),
        Colour.RED,
        decimal.Decimal("0.1"),
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        pathlib.PurePosixPath("/a/b"),
        uuid.UUID(int=1),
        collections.OrderedDict(b=1, a=2),
        collections.Counter("aab"),
        Remade(3),
        int,
        Config,
        pickle.PickleBuffer,
        np.float32(1.5),
        np.dtype("f8"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_all_sorts_round_trip(way, value):
    back = way(value)
    assert back == value
    assert type(back) is type(value)


@WAYS
def test_a_subclass_of_a_container_keeps_its_attributes(way):
    value = Counted(a=1)
    value.note = "n"
    back = way(value)
    assert (type(back), back, back.note) == (Counted, {"a": 1}, "n")


@WAYS
def test_recursive_objects_round_trip(way):
    value = [1]
    value.append(value)
    value.append({"self": value})
    back = way(value)
    assert back[1] is back
    assert back[2]["self"] is back


@WAYS
def test_lambdas_local_functions_and_local_classes_round_trip(way):
    step = 3

    class Local:
        base = 10

        def __init__(self, number):
            self.number = number

        def plus(self):
            return self.base + self.number + step

    assert way(lambda number: number + step)(1) == 4
    assert way(Local)(1).plus() == 14
    back = way([Local(2), Local(3)])
    assert [one.plus() for one in back] == [15, 16]
    # The same class, not a copy of it: what comes home is an instance of what went out.
    assert type(back[0]) is Local


@WAYS
def test_a_dynamic_class_with_its_own_reduce_round_trips(way):
    def build(number):
        made = cls.__new__(cls)
        made.number = number
        return made

    cls = type("Dynamic", (), {"__reduce__": lambda self: (build, (self.number + 1,))})
    assert way(build(1)).number == 2


def test_large_bytes_stay_out_of_the_stream():
    for value in (b"x" * 10_000, bytearray(b"x" * 10_000)):
        packed = pack(value)
        assert len(packed.meta) < 100
        assert [buffer.nbytes for buffer in packed.buffers] == [10_000]
    assert pack(b"x").kind == BYTES


def test_the_first_byte_of_a_record_is_the_digit_of_its_kind():
    records = {kind: Packed(kind, b"m", [], []) for kind in (PICKLE, NDARRAY, ERROR)}
    records[BYTES] = pack(b"b")
    assert {kind: to_inline(packed)[:1] for kind, packed in records.items()} == {
        PICKLE: b"0",
        BYTES: b"1",
        NDARRAY: b"3",
        ERROR: b"4",
    }


def test_split_gives_back_kind_meta_and_buffers():
    packed = pack([np.arange(3), np.arange(1000)])
    kind, meta, buffers = split_inline(to_inline(packed))
    assert (kind, bytes(meta)) == (packed.kind, packed.meta)
    assert [bytes(one) for one in buffers] == [bytes(one) for one in packed.buffers]


def test_our_own_refusals_pass_through():
    class Closed:
        def __reduce__(self):
            raise SessionClosed("this ref's session is over")

    with pytest.raises(SessionClosed, match="session is over"):
        pack([Closed()])


def raise_closed():
    raise SessionClosed("no session here")


class OpensHere:
    def __reduce__(self):
        return raise_closed, ()


def test_our_own_refusals_pass_through_on_arrival():
    with pytest.raises(SessionClosed):
        beside(OpensHere())


def test_a_class_of_the_sender_s_main_travels_with_its_code(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from hyperloom.serialization import pack, to_inline\n"
        "class Model:\n"
        "    def predict(self, x):\n"
        "        return x * self.factor\n"
        "model = Model()\n"
        "model.factor = 3\n"
        "sys.stdout.buffer.write(to_inline(pack([model])))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, check=True)
    assert from_inline(done.stdout)[0].predict(2) == 6


def test_what_cannot_be_rebuilt_here_says_what_is_missing():
    stream = pickle.dumps(Config("a", [])).replace(b"test_values", b"text_values")
    with pytest.raises(Undeserializable, match=r"module 'tests\.unit\.serialization\.text_values'"):
        unpack(PICKLE, stream, [])


def test_an_unknown_kind_is_refused():
    with pytest.raises(Undeserializable, match="kind 9"):
        unpack(9, b"", [])


def test_an_interrupt_while_packing_passes_through_and_leaves_nothing_behind():
    class Interrupted:
        def __reduce__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack(Interrupted())
    assert pack(Ref(b"1")).refs == [b"1"]


class Handle:
    def __init__(self, number):
        self.number = number
        self.stream = (value for value in ())


def test_a_registered_serializer_is_used_by_pickle_and_cloudpickle():
    register_serializer(Handle, serializer=lambda handle: handle.number, deserializer=Handle)
    assert in_one_piece([Handle(3)])[0].number == 3
    assert in_one_piece((Handle(4), lambda: 0))[0].number == 4


def test_too_deep_a_nesting_is_called_that():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NotSerializable, match="nested too deeply"):
        pack(value)


def test_everything_public_is_importable_by_name():
    assert all(hasattr(serialization, name) for name in serialization.__all__)
    assert issubclass(NotSerializable, LoomError)
