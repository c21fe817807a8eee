"""Tasks that overflow the stack, or hold the interpreter busy, and others beside them."""

from __future__ import annotations

import pytest

import hyperloom as loom
from tests.chaos.tasks import among_others

pytestmark = pytest.mark.slow


def test_poison_fails_and_nobody_else_does() -> None:
    """What overflows dies three times, what spins is killed at its limit; the others are right."""
    try:
        account = among_others(["overflows", "spins"], chains=20, limit_s=0.5)
    finally:
        loom.shutdown()
    assert account.passes, str(account)
    assert (account.failed, account.committed) == (2, 120)
