"""The law of the tests (tests/README.md), as far as a machine can keep it."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.architecture import ROOT, tracked

if TYPE_CHECKING:
    from pathlib import Path

TESTS = ROOT / "tests"
ON_REQUEST = {"bench", "chaos", "compat"}  # asked for by name
NO_TESTS = {"models", "transcripts", "__pycache__"}
MODULES = [p.relative_to(ROOT) for p in tracked() if p.is_relative_to(TESTS) and p.suffix == ".py"]


def test_every_folder_is_run_or_asked_for() -> None:
    """A folder that pyproject.toml does not name would be written and never run."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    run = {path.removeprefix("tests/") for path in options["testpaths"]}
    folders = {path.name for path in TESTS.iterdir() if path.is_dir()}
    assert folders - run - ON_REQUEST - NO_TESTS == set()


def test_every_folder_is_a_package() -> None:
    """So that two files may have the same name, and tests may import what stands beside them."""
    folders = {(ROOT / path).parent for path in MODULES}
    assert [f for f in sorted(folders) if not (f / "__init__.py").exists()] == []


# All but the one place that may: it waits for the others.
@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "waiting.py"], ids=str)
def test_no_test_sleeps(path: Path) -> None:
    """Wait for a condition with tests.waiting.wait_until."""
    lines = (ROOT / path).read_text().splitlines()
    # A task that a test submits may sleep: then it is the subject, and its line says so.
    sleeping = [x for x in lines if re.search(r"\bsleep\(", x) and "# the task" not in x]
    assert [x for x in sleeping if r"\bsleep" not in x] == []
