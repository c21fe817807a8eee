"""Refs inside a value are recorded while it is packed."""

from __future__ import annotations

import pickle

from hyperloom.serialization import noting_refs, pack

from .refs import Ref


def test_refs_inside_are_recorded_once_each_and_only_while_packing():
    Ref(b"nobody asks").__reduce__()
    one = Ref(b"1")
    assert pack([one, {"a": Ref(b"2")}, Ref(b"1")]).refs == [b"1", b"2"]
    # By cloudpickle too, where a first try by pickle is thrown away.
    assert pack((lambda: one, Ref(b"3"))).refs == [b"1", b"3"]
    assert pack([1]).refs == []
    with noting_refs() as refs:
        pickle.dumps(one)
    assert refs == [b"1"]


def test_packing_within_a_packing_keeps_the_refs_apart():
    inner = []

    class Putting:
        def __reduce__(self):
            inner.extend(pack([Ref(b"inner")]).refs)
            return list, ()

    assert pack([Ref(b"a"), Putting(), Ref(b"b")]).refs == [b"a", b"b"]
    assert set(inner) == {b"inner"}
