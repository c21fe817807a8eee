"""`hyperloom.testing.Cluster`: nodes come and go, and programs find them."""

from __future__ import annotations

import os
import subprocess
import sys
from inspect import signature

import pytest

import hyperloom as loom
from hyperloom.testing import Cluster, node
from tests.cluster.several.tasks import alive, on, where

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


def test_what_cannot_be_said_of_a_node_is_refused_before_anything_starts() -> None:
    said = list(signature(Cluster.add_node).parameters)[1:]
    assert node.wanted([dict.fromkeys(said)]) == [dict.fromkeys(said)]
    with pytest.raises(
        TypeError, match=r"nodes=: cpus cannot be said of a node\. Did you mean 'num_cpus'"
    ):
        Cluster(nodes=[{"cpus": 1}])
    with pytest.raises(TypeError, match=r"nodes=: 3 cannot be said of a node\. What can be"):
        Cluster(nodes=[3])  # type: ignore[list-item]
