"""A view outlives its object, and memory is used again only when the last view is gone."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest

from tests.unit.objectstore.conftest import MIB, fill, oid
from tests.waiting import wait_until


def test_a_view_survives_free_and_its_memory_comes_back(store, client):
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    view = client.get(oid(1))[2][0]

    client.free(oid(1))

    assert client.get(oid(1)) is None
    assert (len(store.files("o")), len(store.files("z"))) == (0, 1)
    client.put(oid(2), 0, b"", [fill(2, MIB)])  # not into the same file
    assert view == fill(1, MIB)
    del view
    wait_until(lambda: store.files("z") == [])
    assert len(store.files("b")) == 1  # idle: for our next object

    client.put(oid(3), 0, b"", [fill(3, MIB)])
    assert store.files("b") == []


@pytest.mark.parametrize("freer", ["client", "keeper"])
def test_a_slot_that_somebody_else_freed_is_used_again(store, client, freer):
    free = store.client().free if freer == "client" else lambda one: store.keeper.free([one])
    for number in range(20):
        client.put(oid(number), 0, b"", [fill(number, MIB)])
        free(oid(number))
    assert store.bytes_of_files() < 2 * MIB


def test_the_last_of_several_views_counts(store, client):
    client.put(oid(1), 0, b"", [fill(1, MIB), fill(2, MIB)])
    first, second = client.get(oid(1))[2]
    other = store.client().get(oid(1))[2][1]
    client.free(oid(1))
    del first
    gc.collect()
    assert second == other == fill(2, MIB)
    del second
    gc.collect()
    store.keeper._room.sweep_zombies()
    assert len(store.files("z")) == 1
    del other
    wait_until(lambda: store.files("z") == [])


def test_a_view_in_another_process_pins_until_that_process_is_killed(store, client):
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    peer = store.peer()
    peer.run(f"view = client.get({oid(1)!r})[2][0]")
    client.free(oid(1))
    store.keeper._room.sweep_zombies()
    assert len(store.files("z")) == 1
    assert peer.run(f"view == bytes([1]) * {MIB}")
    assert store.keeper.holders()[0].viewed_by == (peer.pid,)
    peer.kill()
    wait_until(lambda: store.files("z") == [])


def test_an_object_freed_and_put_again_is_the_new_one(client):
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    old = client.get(oid(1))[2][0]
    client.free(oid(1))
    client.put(oid(1), 0, b"", [fill(2, MIB)])
    assert client.get(oid(1))[2][0] == fill(2, MIB)
    assert old == fill(1, MIB)


def test_getting_again_costs_no_descriptor(client):
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    views = [client.get(oid(1)) for _ in range(3)]
    before = open_descriptors()
    views += [client.get(oid(1)) for _ in range(50)]
    assert open_descriptors() == before


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
def test_600_pins_at_once(make_store):
    store = make_store(capacity=400 * MIB)
    client, reader = store.client(), store.client()
    size = 300 << 10
    for number in range(600):
        client.put(oid(number), 0, b"", [fill(number, size)])
    views = [reader.get(oid(number))[2][0] for number in range(600)]
    assert store.keeper.stats().pinned == 600
    store.keeper.free(oid(number) for number in range(600))
    assert len(store.files("z")) == 600
    for number, view in enumerate(views):
        assert (np.frombuffer(view, "u1") == number % 251).all()
    del view
    views.clear()
    wait_until(lambda: store.files("z") == [])
    assert store.keeper.stats().pinned == 0


@pytest.mark.slow
def test_few_descriptors_mean_copies_instead_of_pins(make_store):
    """The process goes on when it may hold 256 descriptors and 400 objects."""
    store = make_store(capacity=200 * MIB)
    size = 300 << 10
    peer = store.peer()
    peer.run(
        "import os, resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
        f"client = StoreClient({str(store.root)!r})\n"
        "def oid(n): return n.to_bytes(20, 'big')\n"
        f"def data(n): return bytes([n % 251]) * {size}\n"
        "for n in range(400): client.put(oid(n), 0, b'', [memoryview(data(n))])\n"
        "views = [client.get(oid(n))[2][0] for n in range(400)]"
    )
    assert peer.run("all(view == data(n) for n, view in enumerate(views))")
    assert peer.run("os.dup(0)") < 256
    pinned = store.keeper.stats().pinned
    assert 50 < pinned < 205
    peer.run("for n in range(400): client.free(oid(n))")
    assert peer.run("all(view == data(n) for n, view in enumerate(views))")
    assert len(store.files("z")) == pinned
