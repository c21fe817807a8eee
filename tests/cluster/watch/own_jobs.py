"""For modules whose tests have a job each: what is told there is told of whole jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.watch.conftest import node_with_a_job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.watch.cluster import Cluster


@pytest.fixture(name="cluster")
def own_cluster() -> Iterator[Cluster]:
    """In place of the one that all tests of a module share."""
    with node_with_a_job() as cluster:
        yield cluster
