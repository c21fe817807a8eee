"""One transition a file, registered under the name of its path, with a complete header."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING

import pytest

from scripts.generate_docs import LUA, Contract, contracts
from tests.architecture import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CONTRACTS = contracts()
FILES = sorted(LUA.rglob("*.lua"))
SHARED = [path for path in FILES if path.name.startswith("_")]

needs_lua = pytest.mark.skipif(not CONTRACTS, reason="there is no hyperloom/gcs/lua yet")


@needs_lua
@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_a_file_registers_what_its_path_says(contract: Contract) -> None:
    assert contract.registered == (contract.name,)


@needs_lua
@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_a_header_is_complete(contract: Contract) -> None:
    """Arguments, answer, what it is for, what it refuses, which keys it writes."""
    assert contract.signature.startswith(f"{contract.name}("), "-- <table>_<verb>(arguments) -> …"
    assert "->" in contract.signature, "the first paragraph says what is answered"
    assert contract.prose, "the second says what it is for"
    assert contract.refuses, "-- Refuses: CODE when …, or: nothing."
    assert contract.writes, "-- Writes: the tables, or: nothing."


@needs_lua
@pytest.mark.parametrize("path", SHARED, ids=lambda path: str(path.relative_to(LUA)))
def test_what_transitions_share_registers_nothing(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("-- "), "it begins with what it is for"
    assert not re.search(r"^transition\(", text, flags=re.MULTILINE)


@needs_lua
def test_lua_uses_only_keys_that_are_declared() -> None:
    if not (ROOT / "hyperloom" / "gcs" / "keys.py").exists():
        pytest.skip("there is no hyperloom/gcs/keys.py yet")
    keys = importlib.import_module("hyperloom.gcs.keys")
    declared = {key.table for key in keys.KEYS}
    assert _used_by_lua() - declared == set()
    sources = [p.read_text() for p in LUA.parent.rglob("*.py") if p.name != "keys.py"]
    python = set(re.findall(r"\b[A-Z_]+\b", "\n".join(sources)))
    idle = {table for table in declared - _used_by_lua() if table.upper() not in python}
    assert idle == set(), "declared, and neither Lua nor Python touches it"


def _used_by_lua() -> set[str]:
    return {name for path in FILES for name in re.findall(r"\bkey\.(\w+)\(", path.read_text())}
