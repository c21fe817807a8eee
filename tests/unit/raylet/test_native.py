"""Looks at workers from outside: by whatever is called py-spy here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom.raylet import native
from hyperloom.raylet.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def told(loop: Loop, *pids: int) -> dict[int, str]:
    found: dict[int, str] = {}

    def then(texts: dict[int, str]) -> None:
        found.update(texts)
        loop.running = False

    native.stacks(loop, pids, then)
    loop.run(lambda: None)
    return found


def put(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "py-spy"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_what_it_says_of_each_process_is_told(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, 'echo "frames of $4" "($1 $2)"', monkeypatch)
    assert told(loop, 7, 8) == {
        7: "frames of 7 (dump --native)", 8: "frames of 8 (dump --native)"
    }  # fmt: skip


def test_one_that_may_not_says_so(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "echo 'Permission denied' >&2; exit 1", monkeypatch)
    assert told(loop, 7) == {7: "Permission denied"}


def test_one_that_takes_too_long_is_ended(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_PATIENCE_S", 0.05)
    put(tmp_path, "echo begun; exec sleep 1000", monkeypatch)
    assert told(loop, 7)[7] in {"begun", ""}


def test_where_it_is_missing_the_answer_says_what_to_do(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "pip install py-spy" in told(loop, 7)[7]
    assert told(loop) == {}
