"""The cache: bounded, shared by processes that may die at any moment."""

# Names are text here, as in what is tested.
# ruff: noqa: PTH101, PTH110, PTH116, PTH118, PTH123, PTH208

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from hyperloom.checkpoints import files
from hyperloom.checkpoints.cache import Cache
from hyperloom.serialization import pack, unpack

if TYPE_CHECKING:
    from pathlib import Path


def key(number: int) -> bytes:
    return number.to_bytes(2, "big") * 8


def put(cache: Cache, number: int, size: int = 1000) -> None:
    cache.store(key(number), "a task", [pack(bytes([number % 256]) * size)])


def has(cache: Cache, number: int) -> bool:
    return os.path.exists(cache.path(key(number)))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(str(tmp_path / "cache"), 10_000)


def test_what_was_stored_is_found(cache: Cache) -> None:
    assert cache.find(key(1)) is None
    put(cache, 1)
    (found,) = cache.find(key(1)) or []
    assert unpack(found.kind, found.meta, found.buffers) == b"\1" * 1000
    assert cache.find(key(1), most_bytes=500) is None, "it is larger"
    assert os.stat(cache.folder).st_mode & 0o777 == 0o700, "results are nobody else's business"


def test_what_was_not_used_for_longest_goes_first(cache: Cache) -> None:
    for number in range(1, 9):
        put(cache, number)
        os.utime(cache.path(key(number)), (number, number))
    assert cache.find(key(1)) is not None
    put(cache, 9)
    assert [has(cache, number) for number in range(1, 10)] == [True, *[True] * 8]
    put(cache, 10)
    assert not has(cache, 2)
    assert has(cache, 1)
    assert has(cache, 10)
    assert sum(entry.size for entry in cache.entries()) <= 10_000


def test_what_is_larger_than_all_is_not_stored(cache: Cache) -> None:
    put(cache, 1, 20_000)
    assert cache.entries() == []


def test_a_damaged_file_is_removed_and_not_believed(cache: Cache) -> None:
    put(cache, 1)
    with open(cache.path(key(1)), "r+b") as file:
        file.seek(200)
        file.write(b"?")
    assert cache.find(key(1)) is None
    assert not has(cache, 1)


def test_a_folder_that_others_may_write_to_is_not_trusted(cache: Cache) -> None:
    put(cache, 1)
    os.chmod(cache.folder, 0o770)
    assert cache.find(key(1)) is None
    with pytest.raises(PermissionError, match="nothing in it is trusted"):
        put(cache, 2)
    os.chmod(cache.folder, 0o700)
    assert cache.find(key(1)) is not None


def test_it_can_be_emptied(cache: Cache) -> None:
    assert cache.clear() == []
    put(cache, 1)
    put(cache, 2)
    assert len(cache.clear()) == 2
    assert cache.entries() == []
    for number in range(9):
        put(cache, number)
    assert len(cache.entries()) == 9, "and counts from nothing again"


def test_what_a_dead_writer_left_goes_when_room_is_made(cache: Cache) -> None:
    put(cache, 1)
    left = cache.path(key(1)) + files.SUFFIX
    with open(left, "wb") as file:
        file.write(b"x" * 5000)
    with open(left, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert len(cache.entries()) == 1
        assert os.path.exists(left), "its writer lives"
    cache.entries()
    assert not os.path.exists(left)


def test_nobody_waits_for_one_who_counts_and_was_stopped(cache: Cache) -> None:
    put(cache, 1)
    with open(os.path.join(cache.folder, "bytes"), "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        put(cache, 2)
    assert has(cache, 2)


def test_a_count_that_is_wrong_is_mended_when_room_is_made(cache: Cache) -> None:
    put(cache, 1)
    for wrong in ("5", "-3", "what", "999999999"):
        with open(os.path.join(cache.folder, "bytes"), "w") as file:
            file.write(wrong)
        for number in range(20):
            put(cache, number)
    assert has(cache, 19)
    put(cache, 30)
    assert 0 < sum(entry.size for entry in cache.entries()) <= 10_000


WRITER = """
    import random, sys
    from hyperloom.checkpoints.cache import Cache
    from hyperloom.serialization import pack, unpack

    cache = Cache(sys.argv[1], 50_000)
    random.seed(sys.argv[2])
    print("on", flush=True)
    while True:
        number = random.randrange(100)
        key = number.to_bytes(2, "big") * 8
        found = cache.find(key)
        if found is None:
            cache.store(key, "a task", [pack(bytes([number]) * 1000)])
        elif unpack(found[0].kind, found[0].meta, found[0].buffers) != bytes([number]) * 1000:
            print("WRONG", number, flush=True)
"""


@pytest.mark.slow
def test_writers_that_are_killed_leave_a_cache_that_is_right(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "cache"), 50_000)
    arguments = [sys.executable, "-c", textwrap.dedent(WRITER), cache.folder]
    for round_ in range(3):
        writers = [
            subprocess.Popen([*arguments, f"{round_}.{i}"], stdout=subprocess.PIPE, text=True)
            for i in range(3)
        ]
        told = [writer.stdout.readline() for writer in writers if writer.stdout]
        for number in range(300):
            found = cache.find(key(number % 100))
            value = found and unpack(found[0].kind, found[0].meta, found[0].buffers)
            assert value in (None, bytes([number % 100]) * 1000)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            rest, _ = writer.communicate()
            told.append(rest)
        assert "".join(told) == "on\n" * 3
    for number in range(200, 260):  # the count may lack what the dead wrote last: three rounds of 3
        put(cache, number)
    assert sum(entry.size for entry in cache.entries()) <= 50_000 + 9 * 1300
    assert all(name.endswith(".loom") for shard in os.scandir(cache.folder) if shard.is_dir()
               for name in os.listdir(shard))  # fmt: skip
