"""What lies in shared memory already is referred to while it is held, and copied when not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperloom import data
from hyperloom.data.dataobject import received
from hyperloom.serialization import Packed, from_inline, pack, stored, to_inline

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = 100_000


class Store:
    """Objects by name, and what runs."""

    def __init__(self) -> None:
        self.objects: dict[bytes, Packed] = {}
        self.reads: list[bytes] = []
        self.running: object | None = object()

    def read(self, oid: bytes, kept: bytes) -> stored.Parts:
        assert kept == b"Snode"
        self.reads.append(oid)
        packed = self.objects[oid]
        return packed.kind, packed.meta, packed.buffers

    def put(self, number: int, value: Any) -> bytes:
        oid = bytes((number,)) * 20
        self.objects[oid] = pack(value)
        return oid

    def given(self, oid: bytes) -> data.Data:
        """The object, as a task gets it."""
        return received(*self.read(oid, b"Snode"), reference=stored.Reference(oid, b"Snode"))


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    before = stored._reading[0], stored._running[0]
    stored.read_by(made.read)
    stored.held_by(lambda: made.running)
    yield made
    stored.read_by(before[0])
    stored.held_by(before[1])


def back(packed: Packed) -> Any:
    return from_inline(to_inline(packed))


def test_a_task_that_returns_what_it_got_refers_to_it(store: Store) -> None:
    oid = store.put(1, data.Plain(b"x" * LARGE))
    packed = pack(store.given(oid))
    assert (packed.refs, packed.buffers) == ([oid], [])
    assert packed.size < 200
    again = back(packed)
    assert (again.size, again.length) == (LARGE, 0)
    store.reads.clear()
    assert pack(again).refs == [oid]
    assert store.reads == []  # nobody needed to look
    assert again.read() == b"x" * LARGE


@pytest.mark.parametrize("value", [b"x" * LARGE, {"any": b"x" * LARGE}])
def test_so_does_one_that_got_what_an_ordinary_task_made(store: Store, value: Any) -> None:
    oid = store.put(1, value)
    array = back(pack(data.array([store.given(oid), b"small"])))
    assert pack(array[0]).refs == [oid]
    assert array.gathered() == [value, b"small"]


def test_an_array_contains_its_large_elements(store: Store) -> None:
    first, second = (store.put(i, data.Plain(bytes((i,)) * LARGE)) for i in (1, 2))
    packed = pack(
        data.array([store.given(first), b"small", store.given(second), store.given(first)])
    )
    assert packed.refs == [first, second]
    assert packed.size < 1000
    array = back(packed)
    assert (array.size, array.length) == (3 * LARGE + 5, 4)
    store.reads.clear()
    assert pack(array[2]).refs == [second]
    assert pack(array[1]).refs == []
    assert pack(array[:2]).refs == [first]
    assert store.reads == []
    assert array.gathered()[3] == b"\1" * LARGE


def test_a_slice_of_a_stored_array_refers_to_it(store: Store) -> None:
    oid = store.put(1, data.array([b"%d" % i for i in range(10_000)]))
    part = back(pack(store.given(oid)[100:9_000]))
    assert pack(part).refs == [oid]
    inner = back(pack(part[10:13]))
    assert pack(inner).refs == [oid]
    assert inner.gathered() == [b"110", b"111", b"112"]
    assert inner.size == 9


def test_a_large_part_of_bytes_refers_to_all_of_them(store: Store) -> None:
    oid = store.put(1, data.Plain(b"line\n" * LARGE))
    index = back(pack(data.split(store.given(oid))))
    assert pack(index).refs == [oid]
    half = index.span(LARGE // 2, LARGE)
    assert pack(half).refs == [oid]
    assert pack(back(pack(half))).size < 300
    assert back(pack(half)).read() == b"line\n" * (LARGE // 2)
    assert pack(index[: LARGE // 2]).refs == [oid]
    small = pack(index[7])
    assert small.refs == []  # not worth keeping all of it alive
    assert back(small).read() == b"line\n"


def test_what_is_not_held_any_more_is_copied(store: Store) -> None:
    oid = store.put(1, data.Plain(b"x" * LARGE))
    plain = store.given(oid)
    array = back(pack(data.array([plain, b"small"])))
    element = array[0]
    index = data.split(plain)
    assert [pack(each).refs for each in (plain, array, element, index)] == [[oid]] * 4
    store.running = object()  # the next task
    for each in (plain, array, element, array[0], array[:1], index, index[:]):
        packed = pack(each)
        assert packed.refs == []
        assert back(packed).size >= LARGE


def test_outside_of_tasks_nothing_is_held(store: Store) -> None:
    oid = store.put(1, data.Plain(b"x" * LARGE))
    array = pack(data.array([store.given(oid)]))
    store.running = None
    assert pack(back(array)).refs == []


def test_inside_another_value_it_is_read_at_once_where_nothing_holds_it(store: Store) -> None:
    oid = store.put(1, data.Plain(b"x" * LARGE))
    sent = pack({"inside": data.array([data.array([store.given(oid)]), 5])})
    assert sent.refs == [oid]
    inside = back(sent)["inside"]
    assert pack(inside).refs == [oid]
    store.running = None
    value = back(sent)["inside"]
    store.objects.clear()
    assert value.gathered() == [[b"x" * LARGE], 5]
