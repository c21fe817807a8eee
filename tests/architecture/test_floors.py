"""Nothing imports from a floor above; the contracts are in pyproject.toml."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture import ROOT


def test_the_floors_hold() -> None:
    """Through the tool itself, so that its list of contracts is the only one."""
    code = "from importlinter.cli import lint_imports_command as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
