"""A whole program of a user's, as a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
