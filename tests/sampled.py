"""Cases of which the default run plays some, because all of them take minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _pytest.mark.structures import ParameterSet


def one_in(n: int, cases: Sequence[str]) -> list[ParameterSet]:
    """All, for `parametrize`: the first of each `n` plays always, the others with ``-m ""``."""
    return [
        pytest.param(case, marks=[pytest.mark.long] if number % n else [])
        for number, case in enumerate(cases)
    ]
