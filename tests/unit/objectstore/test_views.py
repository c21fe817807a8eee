"""Which consumers of a view keep the object alive: all of them.

A consumer that keeps the bytes but not the pin would see them change under it.
"""

from __future__ import annotations

import fcntl
import gc
import os
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from tests.unit.objectstore.conftest import oid

CONSUMERS = {
    "the view itself": lambda mv: mv,
    "np.frombuffer": lambda mv: np.frombuffer(mv, "f8"),
    "np.ndarray(buffer=)": lambda mv: np.ndarray((10,), "f8", mv[64:]),
    "np.asarray": np.asarray,
    "asarray, slice, transposed": lambda mv: np.asarray(mv)[2:].T,
    "reshape and step": lambda mv: np.frombuffer(mv, "f8")[:100].reshape(10, 10)[::2],
    "memoryview slice and cast": lambda mv: mv[8:80].cast("d"),
    "memoryview of memoryview": lambda mv: memoryview(memoryview(mv)[1:]),
    "as_strided": lambda mv: np.lib.stride_tricks.as_strided(
        np.frombuffer(mv, "f8"), (5, 5), (8, 8)
    ),
    "sliding_window": lambda mv: np.lib.stride_tricks.sliding_window_view(
        np.frombuffer(mv, "f8"), 4
    ),
    "broadcast_to": lambda mv: np.broadcast_to(np.frombuffer(mv, "f8", 8), (3, 8)),
    ".data": lambda mv: np.frombuffer(mv, "f8").data,
    ".flat": lambda mv: np.frombuffer(mv, "f8").flat,
    "PickleBuffer": pickle.PickleBuffer,
    "record field": lambda mv: np.frombuffer(mv, [("a", "f8"), ("b", "f8")])["b"],
    "np.recarray": lambda mv: np.frombuffer(mv, "f8").view(np.recarray),
    "ndarray over ndarray": lambda mv: np.ndarray((4,), "f8", np.ndarray((8,), "f8", mv)),
    "array_interface": lambda mv: np.asarray(
        SimpleNamespace(__array_interface__=np.frombuffer(mv, "f8").__array_interface__, keep=mv)
    ),
    "an iterator": lambda mv: iter(np.frombuffer(mv, "f8")),
    "dlpack": lambda mv: np.from_dlpack(np.frombuffer(mv, "f8")),
    "out of band pickle": lambda mv: pickle.loads(
        pickle.dumps(np.zeros(1 << 16), 5, buffer_callback=lambda _: False), buffers=[mv]
    ),
}


def is_pinned(path) -> bool:
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


@pytest.fixture
def path(store, client):
    client.put(oid(1), 0, b"", [memoryview(np.arange(1 << 16, dtype="f8"))])
    return store.root / "o" / oid(1).hex()


@pytest.mark.parametrize("name", CONSUMERS)
def test_a_consumer_holds_the_pin_and_lets_go(client, path, name):
    assert not is_pinned(path)
    kept = CONSUMERS[name](client.get(oid(1))[2][0])
    gc.collect()
    assert is_pinned(path)
    del kept
    gc.collect()
    assert not is_pinned(path)


@pytest.mark.parametrize("package", ["pyarrow", "pandas"])
def test_other_packages_hold_the_pin_too(client, path, package):
    module = pytest.importorskip(package, reason=f"{package} is not installed")
    view = client.get(oid(1))[2][0]
    if package == "pyarrow":
        kept = module.Array.from_buffers(module.float64(), 10, [None, module.py_buffer(view)])[2:5]
    else:
        table = np.frombuffer(view, "f8")[:100].reshape(10, 10)
        kept = module.DataFrame(table, copy=False).iloc[:, 2]
    del view
    gc.collect()
    assert is_pinned(path)
    del kept
    gc.collect()
    assert not is_pinned(path)


def test_metadata_of_a_mapped_object_pins_too(store, client):
    client.put(oid(2), 0, b"m" * (1 << 20), [])
    meta = client.get(oid(2))[1]
    assert is_pinned(store.root / "o" / oid(2).hex())
    del meta
    assert not is_pinned(store.root / "o" / oid(2).hex())


def test_a_small_object_is_copied_and_needs_no_pin(store, client):
    client.put(oid(2), 0, b"", [memoryview(bytes(1000))])
    kept = client.get(oid(2))
    assert not is_pinned(store.root / "o" / oid(2).hex())
    assert bytes(kept[2][0]) == bytes(1000)
