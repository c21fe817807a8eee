"""A file of results: whole or not there, and believed only when all of it is right."""

# Names are text here, as in what is tested.
# ruff: noqa: PTH208

from __future__ import annotations

import fcntl
import os
import zlib
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import hyperloom as loom
from hyperloom import errors
from hyperloom.checkpoints import files
from hyperloom.checkpoints.loading import load, verify
from hyperloom.serialization import pack, unpack

if TYPE_CHECKING:
    from pathlib import Path

KEY = b"k" * 16


def write(path: Path, *values: object, key: bytes = KEY, sync: bool = False) -> int:
    return files.write(str(path), key, "a task", [pack(value) for value in values], sync=sync)


def read(path: Path, key: bytes | None = KEY) -> list[Any]:
    _, results = files.read(str(path), key)
    return [unpack(result.kind, result.meta, result.buffers) for result in results]


@pytest.mark.parametrize("sync", [False, True])
def test_what_was_written_is_read(tmp_path: Path, sync: bool) -> None:  # noqa: FBT001
    path = tmp_path / "new" / "folder" / "a"
    array = np.arange(10_000)
    size = write(path, b"raw", array, {"x": [1, array]}, None, sync=sync)
    raw, first, mixed, nothing = read(path)
    assert (raw, nothing) == (b"raw", None)
    assert (first == array).all()
    assert (mixed["x"][1] == array).all()
    head = files.look(str(path))
    assert (head.key, head.name, len(head.results)) == (KEY, "a task", 4)
    assert size == path.stat().st_size
    assert os.listdir(path.parent) == ["a"], "nothing else is left there"


def test_a_task_without_results_has_a_file_too(tmp_path: Path) -> None:
    write(tmp_path / "a")
    assert read(tmp_path / "a") == []


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.binary(max_size=300), max_size=5), at=st.integers(0), cut=st.booleans())
def test_a_file_that_was_changed_anywhere_is_not_believed(
    tmp_path: Path,
    values: list[bytes],
    at: int,
    cut: bool,  # noqa: FBT001
) -> None:
    path = tmp_path / "a"
    write(path, *values)
    whole = path.read_bytes()
    at %= len(whole)
    path.write_bytes(whole[:at] if cut else whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(files.Unusable):
        read(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(files.Unusable):
        files.look(str(path))


@pytest.mark.parametrize("data", [b"", b"LOOMRES1", b"LOOMRES1\xff\xff\xff\xff", b"x" * 1000])
def test_what_is_no_file_of_results_is_not_believed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    for look in (files.look, files.read):
        with pytest.raises(files.Unusable, match="no file of results"):
            look(str(path))


def test_a_file_of_another_key_is_not_believed(tmp_path: Path) -> None:
    write(tmp_path / "a", 1)
    with pytest.raises(files.Unusable, match="something else made it"):
        read(tmp_path / "a", b"l" * 16)
    assert verify(str(tmp_path / "a"), KEY) == ""
    assert "something else" in verify(str(tmp_path / "a"), b"l" * 16)
    assert "No such file" in verify(str(tmp_path / "b"), KEY)


def test_what_a_dead_writer_left_is_written_over(tmp_path: Path) -> None:
    left = tmp_path / f"a{files.SUFFIX}"
    left.write_bytes(b"x" * 100_000)
    write(tmp_path / "a", "short")
    assert read(tmp_path / "a") == ["short"]
    assert os.listdir(tmp_path) == ["a"]


def test_nobody_waits_for_a_writer_that_is_stopped(tmp_path: Path) -> None:
    other = tmp_path / f"a{files.SUFFIX}"
    other.write_bytes(b"half of it")
    with other.open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write(tmp_path / "a", 1)
        files.remove_left_behind(str(other))
    assert read(tmp_path / "a") == [1]
    assert other.read_bytes() == b"half of it"
    files.remove_left_behind(str(other))
    assert os.listdir(tmp_path) == ["a"]


def test_what_cannot_be_written_leaves_all_as_it_was(tmp_path: Path) -> None:
    write(tmp_path / "a", "before")

    class Broken:
        kind, meta, refs = 0, b"", ()

        @property
        def buffers(self) -> list[memoryview]:
            return [memoryview(b"x"), memoryview(b"abc")[::2]]  # cannot be written

    with pytest.raises((ValueError, TypeError, BufferError)):
        files.write(str(tmp_path / "a"), KEY, "a task", [Broken()], sync=True)  # type: ignore[list-item]
    assert read(tmp_path / "a") == ["before"]
    assert os.listdir(tmp_path) == ["a"]


def test_a_program_reads_a_checkpoint_without_a_cluster(tmp_path: Path) -> None:
    write(tmp_path / "one", np.arange(5))
    write(tmp_path / "two", 1, "b")
    array = loom.read_checkpoint(tmp_path / "one")
    assert array.tolist() == [0, 1, 2, 3, 4]
    assert not array.flags.writeable
    assert loom.read_checkpoint(str(tmp_path / "two")) == [1, "b"]
    with pytest.raises(errors.CheckpointError, match=r"none cannot be read.*No such file"):
        loom.read_checkpoint(tmp_path / "none")
    assert not loom.is_initialized()


def test_a_checkpoint_that_went_after_the_plan_was_submitted_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(errors.CheckpointError, match=r"submit the plan again with resume=True"):
        load(str(tmp_path / "a"), KEY)


def test_the_format_is_as_it_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a", b"abc")
    data = (tmp_path / "a").read_bytes()
    assert data.startswith(b"LOOMRES1")
    assert data[-4:] == zlib.crc32(data[:-4]).to_bytes(4, "little")
    assert data[64 * (len(data[:-7]) // 64) :][:3] == b"abc"
