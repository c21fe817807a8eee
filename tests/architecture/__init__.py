"""What keeps the shape of the source: floors, budgets, words, headers, generated pages."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tracked() -> list[Path]:
    """Every file of the source: what git knows, and what it does not know yet."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    else:  # an unpacked archive
        paths = [p for p in ROOT.rglob("*") if not any(x[0] == "." for x in p.parts[1:])]
    return sorted(path for path in paths if path.is_file())
