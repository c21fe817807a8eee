"""Logs as they are followed: each line once, also when a file is full and another begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hyperloom.cli.logs import _Shown
from hyperloom.raylet.answers import _files, _part
from hyperloom.raylet.printed import Logs
from hyperloom.watch import logs

if TYPE_CHECKING:
    from pathlib import Path

NODE = "ab" * 8


class FakeCluster:
    """One node, whose files are here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.control_plane = self

    def answers_of(self, _: Any, what: str, name: str, start: int, task: str) -> dict[str, Any]:
        assert what == "log"
        part = _part(self._folder, name, start, task)
        return {} if part is None else {NODE: part}

    def answers(self, what: str) -> dict[str, Any]:
        assert what == "logs"
        return {NODE: _files(self._folder)}

    def files(self) -> list[dict[str, Any]]:
        return logs.files(self, logs.Whose(self, None))  # type: ignore[arg-type]


class Reader:
    """Somebody who follows."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], task: str = "") -> None:
        self._cluster = FakeCluster(folder)
        self._capsys = capsys
        self._shown = _Shown(self._cluster, task)  # type: ignore[arg-type]

    def lines(self) -> list[str]:
        return [line.partition("] ")[2] for line in self._capsys.readouterr().out.splitlines()]

    def begins(self, tail: int) -> list[str]:
        for file in self._cluster.files():
            self._shown.end_of(file, tail)
        return self.lines()

    def looks(self) -> list[str]:
        for file in self._cluster.files():
            self._shown.more_of(file)
        return self.lines()


@pytest.fixture
def reader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Reader:
    return Reader(tmp_path, capsys)


def test_a_file_that_is_full_is_read_to_its_end_and_the_next_from_its_beginning(
    tmp_path: Path, reader: Reader
) -> None:
    log = Logs(tmp_path, 2000).open("worker-7.log")
    lines = [f"line {n:04}" for n in range(600)]
    assert reader.begins(200) == []
    seen = []
    for at in range(0, len(lines), 30):
        for line in lines[at : at + 30]:
            log.write(f"{line}\n".encode())
        seen += reader.looks()
    log.file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["worker-7.log", "worker-7.log.1"]
    assert seen == lines


def test_a_line_is_shown_when_it_has_ended_or_waits(tmp_path: Path, reader: Reader) -> None:
    log = Logs(tmp_path, 20_000).open("worker-7.log")
    log.write(b"one\nbegi")
    assert reader.looks() == ["one"]
    log.write(b"ns, ends\ntwo")
    assert reader.looks() == ["begins, ends"]
    assert reader.looks() == ["two"]
    assert reader.looks() == []
    log.file.close()


def test_the_last_lines_are_those_asked_for(tmp_path: Path, reader: Reader) -> None:
    log = Logs(tmp_path, 20 << 20).open("worker-7.log")
    line = b"x" * 99 + b"\n"
    log.write(b"".join([b"first\n", line * 20_000, b"last\n"]))  # more than one answer has
    log.file.close()
    assert reader.begins(2) == ["x" * 99, "last"]


def test_of_a_large_file_all_is_shown(tmp_path: Path, reader: Reader) -> None:
    log = Logs(tmp_path, 20 << 20).open("worker-7.log")
    line = b"x" * 99 + b"\n"
    log.write(b"".join([b"first\n", line * 20_000, b"last\n"]))  # more than one answer has
    log.file.close()
    every = reader.begins(0)
    assert (len(every), every[0], every[-1]) == (20_002, "first", "last")


def test_of_a_task_its_own_lines_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = "a" * 32, "b" * 32
    reader = Reader(tmp_path, capsys, own)
    log = Logs(tmp_path, 20 << 20).open("worker-7.log")
    for number in range(300):
        log.write(f"own {number}\n".encode(), own.encode())
        log.write(b"x" * 9_999 + b"\n", other.encode())  # more than one answer has
    assert reader.begins(2) == ["own 298", "own 299"]
    assert reader.looks() == []
    log.write(b"own 300\n", own.encode())
    log.write(b"other\n", other.encode())
    assert reader.looks() == ["own 300"]
    log.close()
    assert Reader(tmp_path, capsys, own).begins(0) == [f"own {n}" for n in range(301)]


def test_of_much_that_a_task_printed_all_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = "a" * 32, "b" * 32
    log = Logs(tmp_path, 20 << 20).open("worker-7.log")
    for _ in range(30):
        log.write((b"x" * 99 + b"\n") * 1000, own.encode())  # more than one answer has
        log.write(b"other\n", other.encode())
    log.close()
    assert Reader(tmp_path, capsys, own).begins(0) == ["x" * 99] * 30_000
