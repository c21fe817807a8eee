"""Directories that go to another machine: all of it arrives, and nothing leaves its folder."""

from __future__ import annotations

import io
import os
import socket
import tarfile
from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.node import parcels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _tree(folder: Path) -> dict[str, tuple[str, int]]:
    """Each path: what it holds or where it leads, and who may what."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name, mode = str(path.relative_to(folder)), path.lstat().st_mode & 0o777
        if path.is_symlink():
            found[name] = str(path.readlink()), 0
        else:
            found[name] = "" if path.is_dir() else path.read_text(), mode
    return found


def _travelled(tmp_path: Path, directory: Path) -> tuple[Path, list[str]]:
    file = io.BytesIO()
    left = parcels.pack(directory, file, directory / "runtime")
    file.seek(0)
    parcels.unpack(file, tmp_path / "there")
    return tmp_path / "there", left


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "here"
    (directory / "a" / "empty").mkdir(parents=True)
    (directory / "a" / "file").write_text("text")
    (directory / "run").write_text("#!")
    (directory / "run").chmod(0o755)
    (directory / "link").symlink_to("a/file")
    (directory / "a" / "up").symlink_to("../run")
    return directory


def test_what_is_packed_is_there_again(tmp_path: Path, directory: Path) -> None:
    there, left = _travelled(tmp_path, directory)
    assert left == []
    assert _tree(there) == _tree(directory)


def test_what_means_nothing_elsewhere_is_left_out_and_told(tmp_path: Path, directory: Path) -> None:
    before = _tree(directory)
    (directory / "__pycache__").mkdir()
    (directory / "__pycache__" / "x.pyc").touch()
    (directory / "runtime").mkdir()
    (directory / "runtime" / "password").touch()
    (directory / "out").symlink_to("../elsewhere")
    (directory / "absolute").symlink_to(directory / "run")
    os.mkfifo(directory / "a" / "pipe")
    there, left = _travelled(tmp_path, directory)
    assert sorted(left) == ["a/pipe", "absolute", "out"]
    assert _tree(there) == before


def test_a_copy_has_links_as_they_are_and_never_itself(directory: Path) -> None:
    """The sessions of this machine may lie in the directory, with passwords and the copy itself."""
    before = _tree(directory)
    (directory / "out").symlink_to("../elsewhere")
    os.mkfifo(directory / "a" / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(directory / "socket"))
    there = directory / "runtime" / "session" / "work"
    assert sorted(parcels.copy(directory, there, directory / "runtime")) == ["a/pipe", "socket"]
    assert _tree(there) == {**before, "out": ("../elsewhere", 0)}


def test_what_is_too_large_is_refused_before_anything_is_written(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcels, "MOST_BYTES", 5)
    file = io.BytesIO()
    with pytest.raises(errors.LoomError, match=r"nothing was started. The largest: a/file"):
        parcels.pack(directory, file, directory)
    assert file.getvalue() == b""


def _member(name: str, data: bytes = b"", **about: object) -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        for what, value in about.items():
            setattr(member, what, value)
        tar.addfile(member, io.BytesIO(data))

    return add


@pytest.mark.parametrize(
    "adds",
    [
        [_member("../out", b"x")],
        [_member("a/../../out", b"x")],
        [_member("link", type=tarfile.SYMTYPE, linkname="..")],
        [_member("link", type=tarfile.SYMTYPE, linkname="/etc")],
        [_member("hard", type=tarfile.LNKTYPE, linkname="../secret")],
        [_member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
        [_member("pipe", type=tarfile.FIFOTYPE)],
    ],
    ids=["up", "down and up", "link up", "link to root", "hard link", "device", "pipe"],
)
def test_nothing_gets_out_of_its_folder(
    tmp_path: Path, adds: list[Callable[[tarfile.TarFile], None]]
) -> None:
    (tmp_path / "secret").write_text("s")
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for add in adds:
            add(tar)
    file.seek(0)
    with pytest.raises(errors.LoomError, match="nothing was started"):
        parcels.unpack(file, tmp_path / "there")
    assert [path.name for path in tmp_path.iterdir() if path.name != "there"] == ["secret"]
    assert not [*tmp_path.glob("there/*")]


def test_more_bytes_than_are_allowed_are_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        _member("zeros", bytes(1 << 20))(tar)
    file.seek(0)
    monkeypatch.setattr(parcels, "MOST_BYTES", 1 << 19)
    with pytest.raises(errors.LoomError, match="more than 0 MiB"):
        parcels.unpack(file, tmp_path / "there")
    assert not [*tmp_path.glob("there/*")]


@pytest.mark.parametrize("data", [b"", b"no archive", b"\x1f\x8b\x08broken"])
def test_what_is_no_archive_is_told(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(errors.LoomError, match="no directory that can be unpacked"):
        parcels.unpack(io.BytesIO(data), tmp_path / "there")
