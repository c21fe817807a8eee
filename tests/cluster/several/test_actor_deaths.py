"""An actor dies with its worker or node, or is given up and comes back: so often and no more."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.chaos.actor_deaths import OnACluster, lives
from tests.chaos.ledger import Fate

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("victims", "kept"),
    [
        (["zombie", "worker", "node", "node"], True),
        (["node", "zombie", "worker", "worker"], False),
    ],
)
def test_three_restarts_are_three(tmp_path: Path, victims: list[str], *, kept: bool) -> None:
    """And each call is in its kept state once, in order; or ran once at most (tests/chaos)."""
    with OnACluster() as stage:
        account = lives(Random(1), stage, victims, Fate(tmp_path), kept=kept)
    assert account.passes, account
    assert account.failed
