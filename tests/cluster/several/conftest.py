"""Clusters that live as long as a module: starting one costs more than most tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hyperloom.testing import Cluster
from tests.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes with one CPU each; this process is a driver on the first."""
    with Cluster(nodes=3) as cluster, cluster.connect():
        yield cluster


@pytest.fixture
def home() -> Iterator[Home]:
    """Where a program of its own runs, and what it leaves is seen."""
    home = Home()
    yield home
    home.close()


@pytest.fixture(autouse=True)
def _test_leaves_nothing() -> None:
    """Workers may come and go while a module's nodes live: it is checked when those have ended."""
