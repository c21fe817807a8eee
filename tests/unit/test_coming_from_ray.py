"""The page for who comes from Ray names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guide" / "coming-from-ray.md"


def test_each_test_that_the_page_names_is_there() -> None:
    rows = [line.split("|")[2] for line in PAGE.read_text().splitlines() if "| test_" in line]
    missing = []
    for part in re.split(r"; ", "; ".join(rows)):
        file, _, names = part.strip().partition(": ")
        if "test_" not in file:
            continue
        where = "" if file.startswith("unit/") else "cluster" if "/" in file else "cluster/api"
        folder = ROOT / "tests" / where
        source = (folder / f"{file}.py").read_text()
        named = re.findall(r"[a-z]\w+(?=,|$)", names)
        missing += [f"{file}: {name}" for name in named if f"def test_{name}(" not in source]
    assert len(rows) > 40
    assert missing == []
