"""Files as data objects: read as they were when they were opened, or not at all."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import data
from hyperloom.data import files, urls
from hyperloom.errors import FileChanged
from hyperloom.serialization import from_inline, pack, to_inline

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "some.txt"
    made.write_bytes(b"one\ntwo\n")
    return made


def received(file: data.File) -> data.File:
    made = from_inline(to_inline(pack(file)))
    assert isinstance(made, data.File)
    return made


def test_it_behaves_as_a_plain(path: Path) -> None:
    for file in (
        data.File(path),
        received(data.File(path)),
        pickle.loads(pickle.dumps(data.File(path))),
    ):
        assert (file.size, file.length, file.path) == (8, 0, str(path))
        assert file.read() == b"one\ntwo\n"
        assert file.view.readonly
        with file.open() as opened:
            assert opened.readline() == b"one\n"
        assert file.gathered() is file


def test_only_its_name_travels(path: Path) -> None:
    path.write_bytes(b"line\n" * 100_000)
    file = data.File(path)
    assert pack(file).size < 300
    index = data.split(file)
    pieces = pack(index[:50_000])
    assert pieces.size < 8 * 50_001 + 300
    assert from_inline(to_inline(pieces)).gathered()[49_999] == b"line\n"
    assert pack(index.span(0, 90_000)).size < 300


def test_an_empty_one_is_empty(path: Path) -> None:
    path.write_bytes(b"")
    file = received(data.File(path))
    assert (file.size, file.read()) == (0, b"")
    assert data.split(file).gathered() == []


def test_a_relative_name_is_meant_from_here(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    assert data.File("some.txt").path == str(path)


def test_a_missing_one(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"all nodes must see it.*some\.text"):
        data.File(path.with_suffix(".text"))
    file = received(data.File(path))
    path.unlink()
    with pytest.raises(FileNotFoundError, match="no such file"):
        file.read()


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="a folder"):
        data.File(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no ordinary file"):
        data.File(tmp_path / "pipe")
    with pytest.raises(ValueError, match="empty"):
        data.File("")
    with pytest.raises(TypeError, match="is text"):
        data.File(b"x")  # type: ignore[arg-type]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_one(path: Path) -> None:
    path.chmod(0)
    with pytest.raises(PermissionError):
        data.File(path)


@pytest.mark.parametrize("content", [b"one\nTWO\n", b"one\ntwo\nthree\n"])
def test_one_that_changed_is_not_read(path: Path, content: bytes) -> None:
    file = received(data.File(path))
    path.write_bytes(content)
    os.utime(path, ns=(0, 10**18))  # later, whatever the clock of the file system says
    with pytest.raises(FileChanged, match=r"some\.txt is not what it was .* Open it again"):
        file.read()
    with pytest.raises(FileChanged):
        file.open()
    assert data.File(path).read() == content


class TestUrls:
    @pytest.fixture(autouse=True)
    def _fsspec(self) -> None:
        pytest.importorskip("fsspec", reason="the extra hyperloom[fsspec] is not installed")

    def test_a_url_is_a_file_too(self, path: Path) -> None:
        file = received(data.File(f"file://{path}"))
        assert (file.path, file.size, file.read()) == (f"file://{path}", 8, b"one\ntwo\n")
        with file.open() as opened:
            assert opened.read(3) == b"one"
        assert data.split(file).gathered() == [b"one\n", b"two\n"]

    def test_of_any_store(self) -> None:
        import fsspec  # noqa: PLC0415 - an extra

        with fsspec.open("memory://folder/thing", "wb") as out:
            out.write(b"content")
        assert data.File("memory://folder/thing").read() == b"content"
        with pytest.raises(IsADirectoryError):
            data.File("memory://folder")
        with pytest.raises(FileNotFoundError, match=r"nothing at this URL.*memory://folder/no"):
            data.File("memory://folder/nothing")

    def test_what_fsspec_cannot_open_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ValueError, match=r"^nope://thing cannot be opened: Protocol not known"):
            data.File("nope://thing")

        def lacks(_: str) -> None:
            raise ImportError("Install s3fs to access S3")

        monkeypatch.setattr("fsspec.core.url_to_fs", lacks)
        with pytest.raises(ModuleNotFoundError, match=r"^s3://b/thing cannot .*Install s3fs"):
            data.File("s3://b/thing")

    def test_a_changed_one_is_not_read(self, path: Path) -> None:
        file = received(data.File(f"file://{path}"))
        path.write_bytes(b"another")
        with pytest.raises(FileChanged, match="8 bytes then, 7 now"):
            file.read()


@pytest.mark.parametrize("wrong", [None, 7, b"bytes"])
def test_what_is_no_name_of_a_file_is_refused(wrong: object) -> None:
    for use in (data.File, loom.tasks.open):
        with pytest.raises(TypeError, match="is text, a path or a URL, and not"):
            use(wrong)  # type: ignore[arg-type, operator]


def test_without_fsspec_a_url_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'hyperloom\[fsspec\]'"):
        files.named("s3://bucket/thing")
