"""`hyperloom.testing.Cluster`: nodes come and go, and programs find them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.cluster.several.tasks import alive, on, where

if TYPE_CHECKING:
    from hyperloom.testing import Cluster

pytestmark = pytest.mark.slow


def test_each_node_runs_tasks_and_has_a_store_of_its_own(cluster: Cluster) -> None:
    ids = [node.id for node in cluster.nodes]
    assert sorted(alive()) == sorted(ids)
    assert loom.cluster_resources()["CPU"] == 3
    assert loom.get([on(node).remote() for node in ids], timeout=30) == ids
    assert len({node.folder for node in cluster.nodes}) == 3


def test_another_program_finds_it_by_its_variables(cluster: Cluster) -> None:
    program = "import hyperloom as loom; print(sorted(n['node'] for n in loom.nodes()))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | cluster.environment,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.stderr == ""
    # It started no node of its own.
    assert done.stdout.strip() == str(sorted(node.id for node in cluster.nodes))


def test_nodes_come_with_what_they_have_and_leave_in_order(cluster: Cluster) -> None:
    node = cluster.add_node(num_cpus=2, resources={"printer": 1})
    assert loom.cluster_resources()["CPU"] == 5
    assert loom.get(where.options(resources={"printer": 1}).remote(), timeout=30) == node.id
    cluster.remove_node(node)
    assert not node.runs
    assert not node.folder.exists()
    assert node.id not in alive()
    with pytest.raises(ValueError, match="is no node of this cluster, or was removed from it"):
        cluster.pause(node)
