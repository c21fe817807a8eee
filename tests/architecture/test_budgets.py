"""Files and functions stay small enough to be held in one's head.

What outgrows its budget holds two ideas: find them and part them.  What may exceed it is excused
by name and with a reason, and the list of excuses only ever gets shorter.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.architecture import ROOT, tracked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_LINES = {".py": 400, ".lua": 80}
MAX_FUNCTION_LINES = 50
EXCUSED: dict[str, str] = {}  # "hyperloom/api.py": "why it may be longer, and until when"

SOURCES = [path.relative_to(ROOT) for path in tracked() if path.suffix in MAX_LINES]
# Not the tests': a Hypothesis history is one long class inside a function.
STEPS = [p for p in SOURCES if p.suffix == ".py" and p.parts[0] in {"hyperloom", "scripts"}]
VAGUE = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "base"}


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_a_file_is_one_idea(path: Path) -> None:
    lines = len((ROOT / path).read_text().splitlines())
    assert str(path) in EXCUSED or lines <= MAX_LINES[path.suffix]


@pytest.mark.parametrize("path", STEPS, ids=str)
def test_a_function_is_one_step(path: Path) -> None:
    too_long = {name: lines for name, lines in _functions(path) if lines > MAX_FUNCTION_LINES}
    assert str(path) in EXCUSED or not too_long


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function with its lines; its docstring is not counted."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            spoken = ast.get_docstring(node) is not None
            docstring = first.end_lineno - first.lineno + 1 if spoken else 0
            yield node.name, node.end_lineno - node.lineno + 1 - docstring


@pytest.mark.parametrize("path", [p for p in STEPS if p.stem != "__init__"], ids=str)
def test_a_file_is_named_after_its_idea(path: Path) -> None:
    assert not VAGUE & set(path.stem.split("_")), "a name that fits anything says nothing"


def test_an_excuse_goes_with_its_file() -> None:
    assert [path for path in EXCUSED if not (ROOT / path).exists()] == []
