"""Where tasks run: on the node that they are bound to, or nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.cluster.node.test_output import printed

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow


def test_a_task_that_is_bound_to_a_node_runs_only_there(head: Home) -> None:
    @loom.task(num_cpus=0)
    def where() -> str:  # here, so that no worker has to import all this
        return loom.context().node_id

    url, password = head.status()["address"], head.current / "password"
    head.loom("start", "--address", url, "--password-file", password, "--num-cpus", "2")
    loom.init()
    nodes = [node["node"] for node in loom.nodes()]
    assert len(nodes) == 2
    for node in nodes:
        there = where.options(scheduling=loom.NodeAffinity(node))
        assert loom.get([there.remote() for _ in range(50)], timeout=20) == [node] * 50
    loom.shutdown()
    head.loom("stop", "--all")


def test_a_task_that_is_bound_to_no_node_is_warned_about(home: Home) -> None:
    home.variables["LOOM_INFEASIBLE_WARN_S"] = "0.1"
    _, err = printed(
        home,
        """
        import threading

        class Warned:
            def __init__(self):
                self.event = threading.Event()
            def write(self, text):
                sys.__stderr__.write(text)
                if "no node" in text:
                    self.event.set()
            def flush(self):
                sys.__stderr__.flush()

        @loom.task
        def never():
            print("never")

        loom.init(num_cpus=1)
        sys.stderr = Warned()
        ref = never.options(scheduling=loom.NodeAffinity("12" * 8)).remote()
        assert sys.stderr.event.wait(30)
        """,
    )
    (warning,) = err
    assert "tasks or actors that ask for node 1212121212121212, 1 CPU wait for a node" in warning
    assert "there is no node 1212121212121212 at all. Nothing is lost" in warning
