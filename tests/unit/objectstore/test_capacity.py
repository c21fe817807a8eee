"""When memory is full: idle slots go, then the oldest objects go to disk, then puts do."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys

import pytest

from hyperloom import errors
from hyperloom.objectstore import capacity, kernel, room, teardown
from tests.unit.objectstore.conftest import MIB, fill, oid
from tests.unit.objectstore.peer import REPOSITORY

SIZE = 10 * MIB  # five of them fit


def put_many(client, numbers, size=SIZE):
    for number in numbers:
        client.put(oid(number), 0, b"", [fill(number, size)])


def assert_readable(client, numbers, size=SIZE):
    for number in numbers:
        assert client.get(oid(number))[2][0] == fill(number, size)


def test_the_oldest_goes_to_disk_and_is_read_from_there(store, client):
    put_many(client, range(5))
    assert_readable(client, [0])  # used: no longer the oldest
    put_many(client, [5])
    assert oid(0).hex() in store.files("o")
    assert oid(1).hex() in store.files("s")
    put_many(client, range(6, 10))
    assert_readable(client, range(10))
    stats = store.keeper.stats()
    assert stats.used_bytes == store.bytes_of_files() <= store.capacity
    assert stats.objects + stats.spilled_objects == 10
    assert stats.spilled_bytes >= stats.spilled_objects * SIZE


def test_slots_that_wait_for_the_next_object_are_not_taken(store, client):
    put_many(client, range(3))
    assert store.keeper.usage() == (store.bytes_of_files(), store.capacity)
    client.free(oid(0))
    assert (store.keeper.stats().idle_slots, store.keeper.stats().objects) == (1, 2)
    taken, _ = store.keeper.usage()
    assert 2 * SIZE <= taken < 3 * SIZE < store.keeper.stats().used_bytes


def test_a_spilled_object_is_freed_and_its_views_stay(store, client):
    put_many(client, range(8))
    assert oid(0).hex() in store.files("s")
    view = client.get(oid(0))[2][0]
    client.free(oid(0))
    assert client.get(oid(0)) is None
    assert oid(0).hex() not in store.files("s")
    assert view == fill(0, SIZE)


def test_a_put_of_a_spilled_object_changes_nothing(store, client):
    put_many(client, range(8))
    spilled = store.files("s")
    client.put(oid(0), 0, b"another", [])
    assert store.files("s") == spilled
    assert oid(0).hex() not in store.files("o")
    assert_readable(client, [0])


def test_pinned_objects_stay_and_new_ones_go_to_disk(store, client):
    put_many(client, range(5))
    views = [client.get(oid(number))[2][0] for number in range(5)]
    put_many(client, [5, 6])
    assert len(store.files("o")) == 5
    assert {oid(5).hex(), oid(6).hex()} <= set(store.files("s"))
    assert_readable(client, range(7))
    assert views[0] == fill(0, SIZE)


def test_an_object_larger_than_the_store_goes_to_disk(make_store):
    store = make_store(capacity=MIB)
    client = store.client()
    put_many(client, [1])
    put_many(client, [1])  # the first one stays
    assert_readable(client, [1])
    assert store.keeper.stats().used_bytes == 0
    client.free(oid(1))
    assert client.get(oid(1)) is None


def test_idle_memory_of_one_process_serves_another(store, client):
    put_many(client, range(5))
    for number in range(5):
        client.free(oid(number))
    other = store.client()
    put_many(other, range(10, 14), size=13 * MIB)
    assert store.keeper.stats().spilled_objects == 0
    put_many(client, range(3))  # our slots are gone; we are told
    assert_readable(client, range(3))
    assert store.keeper.stats().used_bytes == store.bytes_of_files()


def test_an_idle_slot_that_is_built_in_meanwhile_is_not_reclaimed(store, client, monkeypatch):
    """1. The keeper opens an idle slot.  2. Its producer builds in it and seals.
    3. The keeper gets the lock: the file is somebody's object now.
    """
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    client.free(oid(1))
    real = kernel.lock_now

    def put_first(fd, how):
        monkeypatch.setattr(kernel, "lock_now", real)
        client.put(oid(2), 0, b"", [fill(2, MIB)])
        return real(fd, how)

    monkeypatch.setattr(kernel, "lock_now", put_first)
    assert not teardown.reclaim(str(store.root / "b" / store.files("b")[0]))
    assert client.get(oid(2))[2][0] == fill(2, MIB)


def test_an_object_freed_while_it_is_copied_to_disk_stays_freed(store, client, monkeypatch):
    """1. The keeper copies an object.  2. It is freed, and put again with other bytes.
    3. The keeper must not publish its copy.
    """
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    real = room._copy_file

    def free_meanwhile(source, path, total):
        real(source, path, total)
        store.client().free(oid(1))
        client.put(oid(1), 0, b"", [fill(2, MIB)])

    monkeypatch.setattr(room, "_copy_file", free_meanwhile)
    store.keeper._room.spill(oid(1).hex())
    assert store.files("s") == ["root"]
    assert client.get(oid(1))[2][0] == fill(2, MIB)


def test_an_object_put_again_in_its_old_slot_is_not_the_copy(store, client, monkeypatch):
    """1. The keeper copies an object, and its SH goes for a moment on the way to EX.
    2. In that moment the object is freed and another built in the same file.
    3. The keeper has EX of another object: it must leave it alone.
    """
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    real = kernel.lock_now
    calls = []

    def lose_it_before_the_last(fd, how):
        calls.append(how)
        if len(calls) == 3:
            monkeypatch.setattr(kernel, "lock_now", real)
            kernel.unlock(fd)
            client.free(oid(1))
            client.put(oid(2), 0, b"", [fill(2, MIB)])
        return real(fd, how)

    monkeypatch.setattr(kernel, "lock_now", lose_it_before_the_last)
    store.keeper._room.spill(oid(1).hex())
    assert calls == [fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_EX]
    assert store.files("s") == ["root"]
    assert client.get(oid(1)) is None
    assert client.get(oid(2))[2][0] == fill(2, MIB)


def test_a_slot_of_the_next_size_will_do(store, client):
    client.put(oid(1), 0, b"", [fill(1, 10 * MIB)])
    client.free(oid(1))
    client.put(oid(2), 0, b"", [fill(2, 9 * MIB + MIB // 2)])
    assert store.keeper.stats().used_bytes == store.bytes_of_files() < 12 * MIB


def test_a_full_disk_says_who_holds_what(make_store, monkeypatch):
    store = make_store(capacity=MIB)
    client = store.client()
    client.put(oid(1), 0, b"", [fill(1, 800_000)])
    kept = client.get(oid(1))
    real = kernel.write_gather

    def no_room_on_disk(_fd, _parts):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernel, "write_gather", no_room_on_disk)
    with pytest.raises(errors.ObjectStoreFull) as caught:
        client.put(oid(2), 0, b"", [fill(2, 3 * MIB)])
    monkeypatch.setattr(kernel, "write_gather", real)

    text = str(caught.value)
    assert "ObjectRef(000000-0:2) of 3.0 MiB was not stored" in text  # as the ref's repr says
    assert "896.0 KiB of 1.0 MiB in 1 objects (1 of them in use" in text
    assert "ObjectRef(000000-0:1) 896.0 KiB, viewed by process " in text
    assert str(store.spill) in text
    assert client.get(oid(2)) is None
    assert [name for name in store.files("s") if name.endswith(".tmp")] == []
    assert kept[2][0] == fill(1, 800_000)


NO_ROOM = """\
import sys
from pathlib import Path
from hyperloom import errors
from hyperloom.objectstore.client import StoreClient
from hyperloom.objectstore.keeper import StoreKeeper
folder, disk = Path(sys.argv[1]), Path(sys.argv[2])
keeper = StoreKeeper(folder / "loom-x", disk / "loom-x", 64 << 20)  # the file system has 8 MiB
keeper.start()
client = StoreClient(folder / "loom-x")
def put(n): client.put(bytes([n]) * 20, 0, b"", [memoryview(bytes([n]) * (3 << 20))])
def get(n): return bytes(client.get(bytes([n]) * 20)[2][0]) == bytes([n]) * (3 << 20)
for n in range(1, 5): put(n)
assert all(get(n) for n in range(1, 5))
assert len(list((folder / "loom-x" / "o").iterdir())) == 2
try:
    for n in range(5, 9): put(n)
except errors.ObjectStoreFull as error:
    print(error)
assert all(get(n) for n in range(1, 5)), "what was stored before is not affected"
client.free(bytes([1]) * 20)
put(9)
assert get(9)
client.close()
keeper.close(remove=True)
"""


@pytest.mark.slow
def test_a_file_system_smaller_than_promised_is_an_error_not_a_signal(tmp_path):
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    memory.mkdir()
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=8m tmpfs {memory} && mount -t tmpfs -o size=10m tmpfs {disk}"
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run(
            [unshare, "--mount", "sh", "-c", mount], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("this user may not mount a small file system of its own")
    script = [sys.executable, "-c", NO_ROOM, str(memory), str(disk)]
    done = subprocess.run(
        [unshare, "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh", *script],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "the node's memory is full, although the object store holds" in done.stdout


def test_the_default_capacity_is_in_memory_and_leaves_room():
    folder, size, warning = capacity.default_capacity(None)
    assert folder.is_dir()
    assert size > 0
    assert (str(folder) == "/dev/shm") == (warning is None)


@pytest.mark.parametrize(
    ("free_mib", "requested_mib", "expected"),
    [
        (10_000, None, ("/dev/shm", 3000, None)),
        (2000, None, ("/dev/shm", 1800, None)),
        (2000, 1000, ("/dev/shm", 1000, None)),
        (2000, 5000, ("/dev/shm", 1800, "gets 1.8 GiB instead of the 4.9 GiB asked for")),
        (64, None, ("/tmp", 3000, "room for 57.6 MiB only")),
        (64, 50, ("/dev/shm", 50, None)),
        (0, 50, ("/tmp", 50, "give it more shared memory")),
    ],
)
def test_a_tiny_shared_memory_is_not_used(monkeypatch, free_mib, requested_mib, expected):
    monkeypatch.setattr(capacity, "_memory_bytes", lambda: 10_000 * MIB)
    monkeypatch.setattr(
        capacity,
        "_free_bytes",
        lambda folder: (free_mib if str(folder) == "/dev/shm" else 9000) * MIB,
    )
    monkeypatch.setattr(capacity.tempfile, "gettempdir", lambda: "/tmp")
    requested = None if requested_mib is None else requested_mib * MIB
    folder, size, warning = capacity.default_capacity(requested)
    assert (str(folder), size // MIB) == expected[:2]
    assert (warning is None) if expected[2] is None else expected[2] in warning


def test_another_place_for_objects_may_be_named(monkeypatch, tmp_path):
    monkeypatch.setattr(capacity, "_memory_bytes", lambda: 10_000 * MIB)
    monkeypatch.setattr(capacity, "_free_bytes", lambda _: 10_000 * MIB)
    assert capacity.default_capacity(None, tmp_path) == (tmp_path, 3000 * MIB, None)
