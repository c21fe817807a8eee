"""Lines to the control plane that are slow, or lose words: raylets, workers and this driver."""

from __future__ import annotations

import pytest

import hyperloom as loom
from hyperloom.gcs import codes
from tests.chaos import observed
from tests.chaos.counting import Counter
from tests.chaos.network import behind
from tests.chaos.oracle import plus_one
from tests.chaos.proxy import Faults
from tests.cluster.several.tasks import alive

pytestmark = pytest.mark.slow

MANY = 40


def test_calls_that_are_not_answered_are_said_again_and_count_once() -> None:
    """Of all calls, some are lost, some done and not answered, and some done when it is late."""
    with behind(Faults(seed=1, cuts=0.05), nodes=2, submit_batch=5) as (_, proxy):
        counter = Counter.options(checkpoint_every=1).remote()
        refs = [plus_one.remote(plus_one.remote(i)) for i in range(MANY)]
        calls = [counter.add.remote(1) for _ in range(MANY)]
        assert loom.get(refs, timeout=50) == list(range(2, MANY + 2))
        assert loom.get(calls, timeout=50) == list(range(1, MANY + 1))
        assert observed.count(codes.FAILED) == 0
        # Tasks, and calls; and the constructor, when it is over.
        assert observed.count(codes.DONE) == 2 * MANY + MANY
    assert {"lost", "done", "late"} == {name.split()[1] for name in proxy.faults}


def test_a_line_that_takes_its_time_is_no_reason_to_give_a_node_up() -> None:
    with behind(Faults(seed=1, delay_s=0.05, jitter_s=0.03), nodes=2, lease_s=20) as (cluster, _):
        refs = [plus_one.remote(plus_one.remote(i)) for i in range(MANY)]
        assert loom.get(refs, timeout=50) == list(range(2, MANY + 2))
        assert alive() == {node.id for node in cluster.nodes}
        assert observed.count(codes.AGAIN) == 0
