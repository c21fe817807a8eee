"""A detached plan goes on, whoever is killed; in heads of their own, for what dies with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.cluster.plans.programs import ANSWER, submit_from
from tests.cluster.plans.residents import made_by
from tests.home import Home
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.slow


def test_whoever_is_killed_a_plan_goes_on(head: Home, gate: Callable[[str], Gate]) -> None:
    """The driver first, before anything has run; then the server, then the raylet, while it runs;
    and a driver that is attached lives through both."""
    it = submit_from(head, gate("go"), "killed")
    loom.init("auto")
    handle = loom.attach(it)
    server, raylet = head.kill("server"), head.pid("raylet")
    wait_until(lambda: head.pid("server") != server)
    assert head.pid("raylet") == raylet
    head.kill("raylet")
    wait_until(lambda: head.pid("raylet") != raylet)
    gate("go").open()
    assert handle.gather(50) == ANSWER


def test_a_plan_and_an_actor_outlive_their_machine(gate: Callable[[str], Gate]) -> None:
    """All processes are killed at once; the head is started again on its folder."""
    home = Home(variables={"LOOM_LEASE_S": "1", "LOOM_BEAT_S": "0.3"})
    try:
        home.start_head("--dir", home.path / "data")
        made_by(home, "stays")
        it = submit_from(home, gate("go"))
        home.lose_power()
        wait_until(lambda: not home.processes())
        home.loom("start", "--head", "--dir", home.path / "data", "--num-cpus", "2")
        gate("go").open()
        process = home.python("-c", _GATHER, it)
        out, err = process.communicate(timeout=50)
        assert out.strip() == str(ANSWER), err
        process = home.python("-c", _CALL, "stays")
        out, err = process.communicate(timeout=50)
        assert out.strip() == "101", err
        wait_until(lambda: home.jobs() == [], 20)
    finally:
        home.close()


def test_a_plan_outlives_a_stop_of_its_head(gate: Callable[[str], Gate]) -> None:
    home = Home()
    try:
        home.start_head("--dir", home.path / "data")
        it = submit_from(home, gate("go"))
        home.loom("stop")
        home.loom("start", "--head", "--dir", home.path / "data", "--num-cpus", "2")
        gate("go").open()
        process = home.python("-c", _GATHER, it)
        out, err = process.communicate(timeout=50)
        assert out.strip() == str(ANSWER), err
    finally:
        home.close()


_GATHER = """
import sys
import hyperloom as loom
print(loom.attach(sys.argv[1]).gather(40))
"""

_CALL = """
import sys
import hyperloom as loom
actor = loom.get_actor(sys.argv[1])
print(loom.get(actor.add.remote(1), timeout=40))
loom.kill(actor)
"""
