"""Logs that processes have open are kept short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom.node import own_logs

if TYPE_CHECKING:
    from pathlib import Path


def test_a_log_in_two_halves_while_its_writer_goes_on(tmp_path: Path) -> None:
    log, older = tmp_path / "raylet.log", tmp_path / "raylet.log.1"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a" * 40)
        own_logs.shorten([log], 100)
        assert not older.exists(), "there is room yet"
        writer.write(b"b" * 50)
        own_logs.shorten([log], 100)
        assert (older.read_bytes(), log.read_bytes()) == (b"b" * 50, b"")
        writer.write(b"c")
        assert log.read_bytes() == b"c", "it appends to what is left"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raylet.log", "raylet.log.1"]


def test_the_older_half_begins_with_a_whole_line(tmp_path: Path) -> None:
    log, older = tmp_path / "raylet.log", tmp_path / "raylet.log.1"
    for number, first in ((10, b"line 5"), (9, b"line 4")):
        log.write_bytes(b"".join(b"line %d\n" % n for n in range(number)))
        own_logs.shorten([log], 70)
        assert older.read_bytes().splitlines()[0] == first, "35 bytes are five lines"
    log.write_bytes(b"".join(b"line %d\n" % n for n in range(10)))
    own_logs.shorten([log], 72)
    assert older.read_bytes().splitlines()[0] == b"line 5", "of the sixth there is a byte too few"


def test_a_log_for_which_there_is_no_room_stays(tmp_path: Path) -> None:
    log = tmp_path / "raylet.log"
    log.write_bytes(b"a" * 90)
    (tmp_path / ".raylet.log.1").mkdir()
    with pytest.raises(IsADirectoryError):
        own_logs.shorten([log], 100)
    assert log.stat().st_size == 90


def test_all_logs_of_a_node_are_found(tmp_path: Path) -> None:
    data = tmp_path / "gcs"
    data.mkdir()
    for path in (tmp_path / "page.log", tmp_path / "raylet.log.1", data / "server.log"):
        path.touch()
    assert list(own_logs.of_node(tmp_path, data)) == [tmp_path / "page.log", data / "server.log"]
    assert list(own_logs.of_node(tmp_path, None)) == [tmp_path / "page.log"]
