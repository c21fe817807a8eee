"""Bars in a real terminal, over a loop in which each wait is short."""

from __future__ import annotations

import os
import pty
import textwrap
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.home import Home

pytestmark = pytest.mark.slow

PROGRAM = """
import os, sys, time
import hyperloom as loom

@loom.task
def brief(n):
    time.sleep(0.02)  # the task takes its time
    if n == 1:
        raise ValueError(n)

loom.init(num_cpus=1)
most, kind = int(sys.argv[1]), sys.argv[2]
refs = brief.map(range(most), chunk=1)
for ref in loom.as_completed(refs) if kind == "as_completed" else refs:
    try:
        loom.get(ref)
    except ValueError:
        pass
    if os.path.exists("seen"):
        break
print("looped")
"""


class Terminal:
    """What a program writes to a terminal of ours."""

    def __init__(self) -> None:
        self.mine, self.theirs = pty.openpty()
        self._parts: list[bytes] = []
        self._reader = Thread(target=self._read, name="terminal")

    def _read(self) -> None:
        with suppress(OSError):  # the last who had it open has closed it
            while part := os.read(self.mine, 4096):
                self._parts.append(part)

    def run(self, home: Home, file: Path, *arguments: str) -> subprocess.Popen[str]:
        wide = {**home.environment, "COLUMNS": "160"}
        process = home.python(str(file), *arguments, env=wide, stderr=self.theirs)
        os.close(self.theirs)
        self._reader.start()
        return process

    @property
    def text(self) -> str:
        return b"".join(self._parts).decode(errors="replace")

    def close(self) -> None:
        self._reader.join()
        os.close(self.mine)


def program(home: Home) -> Path:
    file: Path = home.path / "program.py"
    home.path.mkdir(exist_ok=True)
    file.write_text(textwrap.dedent(PROGRAM))
    return file


@pytest.mark.parametrize("kind", ["get", "as_completed"])
def test_a_loop_of_short_waits_has_one_bar(home: Home, kind: str) -> None:
    """With how far, how fast, what failed, and the time left; gone when the loop is."""
    terminal, file = Terminal(), program(home)
    process = terminal.run(home, file, "5000", kind)
    try:
        for what in ("brief", "/5000", "/s", "1 failed", " left"):
            wait_until(lambda: what in terminal.text, 30, what=what)  # noqa: B023 - called at once
        (home.path / "seen").touch()
        out, _ = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, "looped\n")
    finally:
        process.kill()
        process.wait()
        terminal.close()


def test_who_is_no_terminal_sees_none(home: Home) -> None:
    process = home.python(str(program(home)), "80", "get")
    assert process.communicate(timeout=40) == ("looped\n", "")
    assert process.returncode == 0
