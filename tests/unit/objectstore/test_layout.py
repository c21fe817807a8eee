"""The bytes of an object."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hyperloom.objectstore import layout

sizes = st.lists(st.integers(0, 3 << 20), max_size=8)


@given(meta=st.integers(0, 10_000), sizes=sizes)
def test_parts_do_not_overlap_and_large_ones_start_a_page(meta, sizes):
    plan = layout.plan(meta, sizes)
    end = plan.meta_at + meta
    for at, size in zip(plan.buffers_at, sizes, strict=True):
        assert end <= at < end + layout.PAGE
        assert at % (layout.PAGE if size >= 1 << 20 else 64) == 0
        end = at + size
    assert plan.total == end


@given(meta=st.binary(max_size=100), buffers=st.lists(st.binary(max_size=200), max_size=5))
def test_what_is_packed_is_found_again(meta, buffers):
    sizes = [len(buffer) for buffer in buffers]
    plan = layout.plan(len(meta), sizes)
    head = layout.pack_head(
        plan,
        sizes,
        oid=layout.padded(b"o" * 20),
        kind=7,
        state=layout.SEALED,
        uid=layout.slot_uid(3, 4),
        capacity=layout.size_class(plan.total),
        meta_bytes=len(meta),
        created_ns=5,
    )
    data = bytearray(plan.total)
    data[: len(head)] = head
    data[plan.meta_at : plan.meta_at + len(meta)] = meta
    for at, buffer in zip(plan.buffers_at, buffers, strict=True):
        data[at : at + len(buffer)] = buffer

    kind, found_meta, found = layout.sections(memoryview(data))

    assert (kind, bytes(found_meta), [bytes(view) for view in found]) == (7, meta, buffers)
    assert layout.is_sealed(bytes(data), layout.padded(b"o" * 20))
    assert not layout.is_sealed(bytes(data), layout.padded(b"p" * 20))


@given(st.integers(1, 1 << 40))
def test_a_size_class_wastes_little_and_is_its_own_class(size):
    capacity = layout.size_class(size)
    assert size <= capacity
    assert capacity % layout.PAGE == 0
    assert layout.size_class(capacity) == capacity
    assert capacity == 16 << 10 or capacity <= size * 1.25 + 1
    if size > 1 << 20:
        assert capacity <= size * 1.125 + 1


@given(st.integers(0, 1 << 31), st.integers(0, (1 << 32) - 1))
def test_slot_names_are_their_uids(process, counter):
    uid = layout.slot_uid(process, counter)
    assert layout.uid_of(layout.slot_name(uid)) == uid


def test_foreign_bytes_are_no_object():
    assert layout.parse(bytes(128)) is None
    assert layout.parse(b"LOOM") is None
