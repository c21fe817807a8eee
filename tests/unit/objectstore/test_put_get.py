"""What is put is what is got, by whomever, and nobody can change it."""

from __future__ import annotations

import array

import numpy as np
import pytest

from hyperloom import errors
from hyperloom.objectstore import kernel
from tests.unit.objectstore.conftest import MIB, fill, oid

CASES = {
    "nothing": (b"", []),
    "metadata only": (b"meta", []),
    "one byte": (b"", [b"x"]),
    "an empty buffer": (b"m", [b"", b"abc", b""]),
    "within the first page": (b"m" * 100, [b"a" * 1000, b"b" * 999]),
    "beyond the first page": (b"m" * 5000, [b"a" * 70_001]),
    "just copied": (b"m", [b"a" * (256 * 1024 - 300)]),
    "just mapped": (b"m", [b"a" * (256 * 1024)]),
    "large metadata": (b"m" * MIB, []),
    "large and small": (b"m", [b"a" * 3 * MIB, b"b", b"c" * 2 * MIB, b"", b"d" * 65]),
    "more buffers than a call takes": (b"m", [bytes([i % 256]) * (i % 7) for i in range(3000)]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("times", [1, 2], ids=["cold", "warm"])
def test_an_object_comes_back_as_it_was(store, client, name, times):
    meta, buffers = CASES[name]
    for _ in range(times):
        client.free(oid(1))
        total = client.put(oid(1), 7, meta, [memoryview(buffer) for buffer in buffers])
    assert total >= len(meta) + sum(map(len, buffers))

    for reader in (client, store.client()):
        kind, found_meta, found = reader.get(oid(1))
        assert (kind, bytes(found_meta), [bytes(b) for b in found]) == (7, meta, buffers)
        assert all(view.readonly and view.format == "B" for view in found)


def test_a_buffer_may_have_any_shape_and_type(client):
    sources = [
        memoryview(np.arange(600_000, dtype="f8").reshape(2, 300_000)),
        memoryview(array.array("i", [1, 2, 3])),
        memoryview(np.zeros((0, 3))),
        memoryview(bytearray(b"writable")),
    ]
    client.put(oid(1), 0, b"", sources)
    assert [bytes(view) for view in client.get(oid(1))[2]] == [view.tobytes() for view in sources]


def test_views_are_read_only_and_share_memory(client):
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    one, two = (np.frombuffer(client.get(oid(1))[2][0], "u1") for _ in range(2))
    assert not one.flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        one.flags.writeable = True
    assert one.ctypes.data == two.ctypes.data


def test_large_buffers_begin_at_a_page(client):
    client.put(oid(1), 0, b"m", [fill(1, 10), fill(2, MIB)])
    small, large = (np.frombuffer(view, "u1").ctypes.data for view in client.get(oid(1))[2])
    assert (small % 64, large % 4096) == (0, 0)


def test_the_first_of_two_puts_stays(store, client):
    client.put(oid(1), 1, b"first", [])
    client.put(oid(1), 2, b"second", [])
    store.client().put(oid(1), 3, b"third", [])
    assert bytes(client.get(oid(1))[1]) == b"first"
    assert store.files("o") == [oid(1).hex()]


def test_an_unknown_object_is_absent_and_may_be_freed(store, client):
    assert client.get(oid(1)) is None
    assert not client.contains(oid(1))
    client.free(oid(1))
    store.keeper.free([oid(1)])


def test_anybody_may_free(store, client):
    frees = (client.free, store.client().free, lambda one: store.keeper.free([one]))
    for number, free in enumerate(frees):
        client.put(oid(number), 0, b"x", [])
        assert client.contains(oid(number))
        free(oid(number))
        assert not client.contains(oid(number))
        assert client.get(oid(number)) is None


def test_what_a_dead_freer_left_is_no_object(store, client):
    """1. A freer voids the header.  2. It dies before it renames the file."""
    client.put(oid(1), 0, b"old", [fill(1, MIB)])
    with (store.root / "o" / oid(1).hex()).open("r+b") as file:
        file.seek(8)
        file.write(bytes(36))

    assert client.get(oid(1)) is None
    assert not client.contains(oid(1))
    store.client().put(oid(1), 0, b"new", [])
    assert bytes(client.get(oid(1))[1]) == b"new"


def test_a_closed_client_says_so(client):
    client.close()
    with pytest.raises(errors.LoomError, match="close"):
        client.put(oid(1), 0, b"", [])


def test_an_id_must_fit(client):
    for bad in (b"", b"x" * 29):
        with pytest.raises(ValueError, match="1 to 28 bytes"):
            client.put(bad, 0, b"", [])


def test_a_failed_build_gives_its_slot_back(store, client):
    """A view that is not contiguous is refused in the middle of a put."""
    gaps = memoryview(bytes(2 * MIB))[::2]
    with pytest.raises(BufferError):
        client.put(oid(1), 0, b"", [gaps])
    assert store.files("n") == []
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    assert store.files("b") == []


@pytest.mark.parametrize("step", ["unlock", "rename_new", "lock_now"])
def test_an_interrupt_leaves_no_slot_locked_or_twice_in_use(client, monkeypatch, step):
    """It comes after a step of sealing was done: the object is there, or its slot is idle."""
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    client.free(oid(1))
    real = getattr(kernel, step)

    def interrupted(*args):
        done = real(*args)
        if step != "lock_now" or done:
            monkeypatch.setattr(kernel, step, real)
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(kernel, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        client.put(oid(2), 0, b"", [fill(2, MIB)])
    found = client.get(oid(2))
    assert found is None or found[2][0] == fill(2, MIB)
    for number in (3, 4, 5):
        client.put(oid(number), 0, b"", [fill(number, MIB)])
    assert found is None or found[2][0] == fill(2, MIB)
    for number in (3, 4, 5):
        assert client.get(oid(number))[2][0] == fill(number, MIB)


@pytest.mark.slow
def test_an_object_may_be_larger_than_a_write_may_be(make_store):
    """One call writes 2 GiB less a page at most; cold and warm take different ways."""
    store = make_store(capacity=4 << 30)
    client = store.client()
    source = np.zeros((2 << 30) + 5 * MIB, "u1")
    source[:: 64 * MIB] = np.arange(len(source[:: 64 * MIB]), dtype="u1")
    source[-1] = 77
    for number in (1, 2):
        client.put(oid(number), 0, b"m", [memoryview(source)])
        found = np.frombuffer(client.get(oid(number))[2][0], "u1")
        assert len(found) == len(source)
        assert found[-1] == 77
        assert np.array_equal(found[:: 64 * MIB], source[:: 64 * MIB])
        del found
        client.free(oid(number))
    assert store.keeper.stats().used_bytes < 3 << 30
