"""``loom node drain``: what could be a slip of the finger takes no node away."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from hyperloom import errors
from hyperloom.cli.node import command


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("zzz", "'zzz' is no node's id, which has hexadecimal digits only; nothing was drained"),
        ("last", "'last' is no node's id"),
        ("ab", "'ab' is too little of a node's id to take that node away; nothing was drained"),
        ("", "'' is too little of a node's id"),
    ],
)
def test_too_little_of_an_id_drains_nothing(written: str, said: str) -> None:
    told = CliRunner().invoke(command, ["drain", written])
    assert isinstance(told.exception, errors.NotFound)
    assert str(told.exception).startswith(said)
