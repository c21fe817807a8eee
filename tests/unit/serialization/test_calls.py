"""Calls: refs that are arguments become dependencies, refs inside arguments stay refs."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperloom.errors import NotSerializable
from hyperloom.serialization import EMPTY_CALL, pack_call, split_inline, to_inline, unpack_call

from .refs import Ref


def is_ref(value):
    return value.oid if type(value) is Ref else None


def called(args, kwargs, value_of):
    packed, deps = pack_call(args, kwargs, is_ref)
    values = [value_of[oid] for oid in deps]
    for kind, meta, buffers in (
        (packed.kind, packed.meta, packed.buffers),
        split_inline(to_inline(packed)),
    ):
        back = unpack_call(kind, meta, buffers, values)
    return back


ARGUMENTS = st.integers(0, 9) | st.integers(0, 3).map(lambda number: Ref(b"%d" % number))


@given(st.lists(ARGUMENTS).map(tuple), st.dictionaries(st.text(), ARGUMENTS))
def test_each_ref_is_replaced_by_its_value_and_nothing_else_is(args, kwargs):
    value_of = {b"%d" % number: f"value {number}" for number in range(4)}
    expected = [value_of[one.oid] if isinstance(one, Ref) else one for one in args]
    named = {
        name: value_of[one.oid] if isinstance(one, Ref) else one for name, one in kwargs.items()
    }
    assert called(args, kwargs, value_of) == (tuple(expected), named)


def test_a_dependency_is_reported_once_however_often_it_is_passed():
    _, deps = pack_call((Ref(b"b"), Ref(b"a"), Ref(b"b")), {"x": Ref(b"a"), "y": Ref(b"c")}, is_ref)
    assert deps == [b"b", b"a", b"c"]


def test_refs_inside_arguments_stay_refs():
    packed, deps = pack_call(([Ref(b"in")], Ref(b"top")), {"x": {"k": Ref(b"deep")}}, is_ref)
    assert (packed.refs, deps) == ([b"in", b"deep"], [b"top"])
    args, kwargs = unpack_call(packed.kind, packed.meta, packed.buffers, ["value"])
    assert (args[0][0].oid, args[1], kwargs["x"]["k"].oid) == (b"in", "value", b"deep")


def test_a_call_without_arguments_is_a_constant():
    packed, deps = pack_call((), {}, is_ref)
    assert packed is EMPTY_CALL
    assert deps == []
    args, kwargs = unpack_call(packed.kind, packed.meta, packed.buffers, [])
    kwargs["changed"] = 1  # by the task: must not show in the next call
    assert unpack_call(packed.kind, memoryview(packed.meta), [], []) == ((), {})
    assert args == ()


def test_large_bytes_and_arrays_stay_out_of_the_stream():
    packed, _ = pack_call((b"x" * 10_000,), {"a": np.zeros(10_000)}, is_ref)
    assert len(packed.meta) < 500
    assert sorted(buffer.nbytes for buffer in packed.buffers) == [10_000, 80_000]
    args, kwargs = unpack_call(packed.kind, packed.meta, packed.buffers, [])
    assert args == (b"x" * 10_000,)
    assert kwargs["a"].shape == (10_000,)


def test_an_argument_that_cannot_be_sent_is_named():
    locked = {"callbacks": [1, threading.Lock()]}
    with pytest.raises(NotSerializable) as caught:
        pack_call((1, locked), {}, is_ref, what="train", parameters=("data", "config"))
    assert str(caught.value).startswith(
        "argument 'config' of train: config['callbacks'][1] is a _thread.lock, "
        "which cannot be pickled"
    )
    with pytest.raises(NotSerializable, match=r"^argument 1 of train: value\['callbacks'\]\[1\]"):
        pack_call((1, locked), {}, is_ref, what="train")
    with pytest.raises(NotSerializable, match=r"^argument 'lock' of train: lock is a _thread.lock"):
        pack_call((), {"lock": threading.Lock()}, is_ref, what="train")
