"""The command line: its errors inside this process, its effects as real processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def home() -> Iterator[Home]:
    """Where this test's nodes run."""
    home = Home()
    yield home
    home.close()
