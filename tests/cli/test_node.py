"""``loom node drain``: what it refuses before anything is done."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from hyperloom import errors
from hyperloom.cli.node import drain


@pytest.mark.parametrize("id_", ["zzz", "3", "12", "abc", "last", "12345g"])
def test_what_names_no_node_or_too_little_of_one_is_refused(id_: str) -> None:
    result = CliRunner().invoke(drain, [id_], standalone_mode=False)
    assert isinstance(result.exception, errors.NotFound)
    assert f"{id_!r} names no node: write at least 4 digits of its id" in str(result.exception)
