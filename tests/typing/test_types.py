"""mypy says of `uses.py` what its comments say: no less, and no more."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

USES = Path(__file__).with_name("uses.py")
ROOT = USES.parents[2]

_SAID = re.compile(r"uses\.py:(\d+): (note|error): (.*)$")
_REVEALED = re.compile(r'Revealed type is "(.*)"')
_CODE = re.compile(r"\[([a-z-]+)\]$")
_MODULES = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])")


@pytest.mark.timeout(120)  # without a cache it reads half of the standard library
def test_type_checkers_see_what_the_comments_say() -> None:
    pytest.importorskip("mypy")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(USES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert _said(done.stdout) == _wanted(), done.stdout + done.stderr


def _wanted() -> dict[int, str]:
    lines = enumerate(USES.read_text().splitlines(), 1)
    found = ((n, re.search(r"  # (type: .*|error: .*)$", line)) for n, line in lines)
    return {n: match[1] for n, match in found if match}


def _said(output: str) -> dict[int, str]:
    said: dict[int, str] = {}
    for line in output.splitlines():
        match = _SAID.search(line)
        if match is None:
            continue
        number, kind, text = int(match[1]), match[2], match[3]
        if kind == "error" and (code := _CODE.search(text)):
            said[number] = f"error: {code[1]}"
        elif revealed := _REVEALED.match(text):
            said[number] = f"type: {_short(revealed[1])}"
    return said


def _short(name: str) -> str:
    """As one would write it: without modules."""
    return _MODULES.sub("", name)
