"""Words that do not belong into the source: other places' paths, unsigned debt, what is secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.architecture import ROOT, tracked

if TYPE_CHECKING:
    from pathlib import Path

# Each is cut in two, so that this file does not find itself.
ELSEWHERE = (
    r"\.\./" + "shared",
    r"(?<![\w.-])/" + "work/",
    r"(?<![\w.-])/" + "root/",
    r"(?<![\w.-])/" + r"home/(?!you\b|user\b)\w",
    "session " + "of the project",
    "filed by " + "a session",
    "(?:DESIGN|OBJECTSTORE|STYLE|SEMANTICS|PAINS|RELIABILITY|UX|LIBRARIES|contract)" + r"\.md",
    "FEATURES" + "-(?:ray|hyperloom)",
    "(?i)clau" + "de|anthr" + "opic|open" + r"ai\b|chat" + "gpt",
)
DEBT = r"\b(?:TO" + r"DO|FIX" + r"ME|XXX(?!\())\b"

TEXTS = [
    path.relative_to(ROOT) for path in tracked() if path.suffix not in {".png", ".gif", ".svg"}
]
CODE = [path for path in TEXTS if path.suffix in {".py", ".lua", ".sh"}]


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_a_file_speaks_of_the_product_only(path: Path) -> None:
    assert [line for pattern in ELSEWHERE for line in _found(pattern, path)] == []


@pytest.mark.parametrize("path", CODE, ids=str)
def test_debt_is_signed(path: Path) -> None:
    """``XXX(name): what is wrong, what would be right, why not now``; nothing shorter."""
    assert _found(DEBT, path) == []


def _found(pattern: str, path: Path) -> list[str]:
    lines = (ROOT / path).read_text().splitlines()
    return [f"{path}:{n}: {x}" for n, x in enumerate(lines, 1) if re.search(pattern, x)]
