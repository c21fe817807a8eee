"""Which files a packed value names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from hyperloom import data
from hyperloom.data.mentions import files_in
from hyperloom.serialization import pack

if TYPE_CHECKING:
    from pathlib import Path


def named(value: object) -> list[str]:
    packed = pack(value)
    return [os.path.basename(each.path) for each in files_in([packed.meta, *packed.buffers])]  # noqa: PTH119


@pytest.fixture
def file(tmp_path: Path) -> data.File:
    (tmp_path / "file").write_bytes(b"a\nb\n")
    return data.File(tmp_path / "file")


@pytest.mark.parametrize(
    "contains",
    [
        lambda file: file,
        lambda file: data.array([1, data.array([file, file])]),
        lambda file: data.array([bytes(100_000), file, *range(1000)]),
        data.split,
        lambda file: data.PyObj({"x": [file]}),
        lambda file: [file, {"x": data.array([bytes(100_000), file])}],
        lambda file: (np.zeros(100_000), file),
        lambda file: "loom/file" * 1000 + repr(file) and [b"loom/file", file],
    ],
)
def test_a_file_is_found_in_whatever_contains_it(contains: Any, file: data.File) -> None:
    assert named(contains(file)) == ["file"]


@pytest.mark.parametrize("length", [1, 30, 31, 32, 200, 250])
def test_names_may_be_short_and_long(length: int, tmp_path: Path) -> None:
    path = tmp_path / ("ä" * (length // 2) + "x")
    path.touch()
    assert named([data.File(path)]) == [path.name]
    deep = tmp_path / "/".join("d" * 200 for _ in range(3))
    deep.mkdir(parents=True)
    (deep / path.name).touch()
    assert named([data.File(deep / path.name)]) == [path.name]


@pytest.mark.parametrize(
    "value", [None, b"", b"loom/file", ["loom/file"], np.zeros((0, 3)), data.array(), data.Plain()]
)
def test_what_names_none(value: object) -> None:
    assert named(value) == []


@given(before=st.binary(max_size=60), after=st.binary(max_size=20))
def test_bytes_that_only_look_so_are_none(before: bytes, after: bytes) -> None:
    assert files_in([before + b"loom/file" + after]) == []


def test_what_became_of_it(file: data.File) -> None:
    (seen,) = files_in([pack(file).meta])
    assert (seen.path, seen.size, seen.wrong()) == (file.path, 4, "")
    os.utime(file.path, (1, 1))
    assert seen.wrong() == f"the file {file.path} that it names is not what it was"
    os.unlink(file.path)  # noqa: PTH108
    assert "that it names cannot be had: there is no such file here" in seen.wrong()
