"""What the program's user sees of a failed task: the lines of the user's own script."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """\
import sys
import hyperloom as loom

class Odd(Exception):
    pass

@loom.task
def work():
    def inner():
        raise Odd("no")  # in the task
    inner()

loom.init("local", num_cpus=1, mode=sys.argv[1])
loom.get(work.remote())
"""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["cluster", "inline"])
def test_the_frames_of_a_script_name_its_file_and_show_its_lines(tmp_path: Path, mode: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py", mode],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    shown = [line for line in done.stderr.splitlines() if line.strip(" ^~")]
    start = shown.index(f'  File "{script}", line 11, in work')
    assert shown[start : start + 5] == [
        f'  File "{script}", line 11, in work',
        "    inner()",
        f'  File "{script}", line 10, in inner',
        '    raise Odd("no")  # in the task',
        "Odd: no",
    ]
    assert done.returncode == 1
