"""Actors whose node is killed, or hangs and comes back when nobody expects it any more."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cloudpickle
import psutil
import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.testing import Cluster
from tests.cluster.api.gate import Gate
from tests.cluster.several.tasks import alive
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers need not import pytest


@loom.actor
class Counter:
    """Counts, and says where."""

    def __init__(self, start: int = 0) -> None:
        self.total = start

    def add(self, n: int = 1) -> int:
        self.total += n
        return self.total

    def where(self) -> tuple[str, int, int]:
        return loom.context().node_id, os.getpid(), loom.context().attempt or 0

    def wait(self, gate: Gate, begun: Gate) -> int:
        begun.open()
        gate.pass_through(60)
        self.total += 100
        return self.total

    def ask(self, other: Any) -> int:
        return loom.get(other.add.remote())  # type: ignore[no-any-return]

    def checkpoint(self) -> int:
        return self.total

    def restore(self, state: int) -> None:
        self.total = state


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One node that stays, with the driver; each test adds what it ends."""
    with Cluster(nodes=1, lease_s=1, beat_s=0.1) as cluster, cluster.connect():
        yield cluster


BERTHS = {"berth": 10}
Moored = Counter.options(resources={"berth": 1})  # to be on a node that has some, which may change


def test_when_its_node_is_lost_an_actor_goes_on_elsewhere_as_its_options_say(
    cluster: Cluster, tmp_path: Path
) -> None:
    goes = cluster.add_node(resources=BERTHS)
    firm = Moored.options(max_restarts=1, max_task_retries=-1).remote(10)
    wary = Moored.options(max_restarts=1).remote(20)
    mortal = Moored.options(name="mortal").remote(30)
    caller = Moored.options(max_restarts=1, max_task_retries=-1).remote()
    callee = Counter.remote()
    for actor in (firm, wary, mortal, caller):
        assert loom.get(actor.where.remote(), timeout=30)[0] == goes.id
    assert loom.get([caller.ask.remote(callee) for _ in range(3)]) == [1, 2, 3]
    gate, begun = Gate(tmp_path / "gate"), Gate(tmp_path / "begun")
    for actor in (firm, wary, mortal):
        actor.wait.remote(gate, begun)
    wait_until(lambda: begun.is_open)
    calls = [[actor.add.remote() for _ in range(30)] for actor in (firm, wary, mortal)]
    loom.get(callee.add.remote())  # all of it is said
    spare = cluster.add_node(resources=BERTHS)
    cluster.remove_node(goes, kill=True)
    gate.open()
    assert loom.get(calls[0], timeout=40) == list(range(111, 141)), "retried, in their order"
    assert loom.get(firm.where.remote())[0] == spare.id
    with pytest.raises(errors.ActorUnavailable, match=r"its node .* is lost[\s\S]*may have run"):
        loom.get(calls[1], timeout=40)
    assert loom.get(wary.add.remote(), timeout=40) == 21, "its state begins anew"
    with pytest.raises(errors.ActorDied, match="may have run") as died:
        loom.get(calls[2], timeout=40)
    (who, *_) = str(died.value).splitlines()
    assert who.startswith("actor Counter (")
    assert f"incarnation 1) is dead: its node {goes.id[:8]} is lost" in who
    with pytest.raises(errors.ActorDied):
        loom.get(mortal.add.remote())
    with pytest.raises(errors.ActorNotFound):
        loom.get_actor("mortal")
    assert loom.get(caller.ask.remote(callee), timeout=40) == 5, "a caller that starts again"
    cluster.remove_node(spare)


def test_a_node_that_hung_is_not_believed_when_it_comes_back(
    cluster: Cluster, tmp_path: Path
) -> None:
    """1. An actor runs a call.  2. Its raylet hangs, is given up, and the actor goes on elsewhere.
    3. The call ends, in the worker of the first incarnation.  4. The raylet goes on."""
    hangs = cluster.add_node(resources=BERTHS)
    keeps = Moored.options(max_restarts=1, max_task_retries=-1, checkpoint_every=1)
    actor = keeps.remote()
    assert loom.get([actor.add.remote(), actor.add.remote()], timeout=30) == [1, 2]
    before = loom.get(actor.where.remote())
    gate, begun = Gate(tmp_path / "gate"), Gate(tmp_path / "begun")
    ref = actor.wait.remote(gate, begun)
    more = [actor.add.remote() for _ in range(20)]
    wait_until(lambda: begun.is_open)
    begun.path.unlink()
    spare = cluster.add_node(resources=BERTHS)
    cluster.pause(hangs)
    wait_until(lambda: begun.is_open, 40, what="it is made again elsewhere")
    gate.open()
    assert loom.get([ref, *more], timeout=40) == [102, *range(103, 123)]
    after = loom.get(actor.where.remote())
    cluster.resume(hangs)
    wait_until(lambda: hangs.id in alive(), 20, what="it joins again")
    wait_until(lambda: not psutil.pid_exists(before[1]), 20, what="the first incarnation is ended")
    assert loom.get([actor.add.remote(), actor.where.remote()]) == [123, after]
    cluster.remove_node(hangs)
    cluster.remove_node(spare)


@loom.actor
class Slow:
    """Its constructor waits."""

    def __init__(self, gate: Gate, begun: Gate) -> None:
        begun.open()
        gate.pass_through(60)

    def call(self) -> int:
        return 1


def test_it_is_dead_when_its_node_is_lost_while_its_constructor_runs(
    cluster: Cluster, tmp_path: Path
) -> None:
    goes = cluster.add_node(resources=BERTHS)
    gate, begun = Gate(tmp_path / "gate"), Gate(tmp_path / "begun")
    actor = Slow.options(resources={"berth": 1}).remote(gate, begun)
    call = actor.call.remote()
    wait_until(lambda: begun.is_open, 30)
    cluster.remove_node(goes, kill=True)
    why = r"its node was lost while its constructor ran, and no restart was left[\s\S]*did not run"
    with pytest.raises(errors.ActorDied, match=why) as died:
        loom.get(call, timeout=40)
    assert not died.value.may_have_run
    with pytest.raises(errors.ActorDied, match="while its constructor ran"):
        loom.get(actor.call.remote(), timeout=40)
    gate.open()


def test_nodes_are_lost_one_after_the_other(cluster: Cluster) -> None:
    """Each result is the one before and one more, or the first of a new incarnation."""
    doomed = [cluster.add_node(), cluster.add_node()]
    spread = Counter.options(scheduling="spread", max_restarts=-1, max_task_retries=-1)
    actors = [spread.remote() for _ in range(6)]
    assert len({loom.get(actor.where.remote(), timeout=30)[0] for actor in actors}) > 1
    results = [[loom.get(actor.add.remote(), timeout=30) for actor in actors]]
    for node in doomed:
        refs = [[actor.add.remote() for actor in actors] for _ in range(5)]
        cluster.remove_node(node, kill=True)
        results += [loom.get(row, timeout=60) for row in refs]
    for mine in zip(*results, strict=True):
        assert all(b in (a + 1, 1) for a, b in pairwise(mine)), mine


def test_calls_outlive_the_server(cluster: Cluster, tmp_path: Path) -> None:
    actor = Counter.remote()
    gate, begun = Gate(tmp_path / "gate"), Gate(tmp_path / "begun")
    refs = [actor.wait.remote(gate, begun), *(actor.add.remote() for _ in range(500))]
    wait_until(lambda: begun.is_open)
    cluster.kill_server()
    more = [actor.add.remote() for _ in range(500)]
    gate.open()
    assert loom.get([*refs, *more], timeout=60) == list(range(100, 1101))


def test_killed_on_a_node_that_hangs_its_calls_may_have_run(
    cluster: Cluster, tmp_path: Path
) -> None:
    """1. It runs a call.  2. Its raylet hangs.  3. It is killed: it is over, and nobody says which
    calls had begun.  4. The node is given up, and comes back."""
    hangs = cluster.add_node(resources=BERTHS)
    actor = Moored.options(name="killed", max_restarts=-1, max_task_retries=-1).remote()
    where = loom.get(actor.where.remote(), timeout=30)
    gate, begun = Gate(tmp_path / "gate"), Gate(tmp_path / "begun")
    refs = [actor.wait.remote(gate, begun), actor.add.remote()]
    wait_until(lambda: begun.is_open)
    cluster.pause(hangs)
    loom.kill(actor)
    with pytest.raises(errors.ActorDied, match=r"loom\.kill") as later:
        loom.get(actor.add.remote())
    assert not later.value.may_have_run
    for ref in refs:
        with pytest.raises(errors.ActorDied, match=r"loom\.kill") as died:
            loom.get(ref, timeout=40)
        assert died.value.may_have_run
    cluster.resume(hangs)
    wait_until(lambda: hangs.id in alive(), 20, what="it joins again")
    wait_until(lambda: not psutil.pid_exists(where[1]), 20, what="its worker is ended")
    gate.open()
    cluster.remove_node(hangs)


def test_killed_while_the_server_is_away_it_is_over_when_that_is_back(
    cluster: Cluster, tmp_path: Path
) -> None:
    actor = Counter.remote()
    pid = loom.get(actor.where.remote())[1]
    gate, begun = Gate(tmp_path / "gate"), Gate(tmp_path / "begun")
    refs = [actor.wait.remote(gate, begun), *(actor.add.remote() for _ in range(400))]
    wait_until(lambda: begun.is_open)
    cluster.kill_server()
    loom.kill(actor)  # the server may know of it before the raylet is there again, and hears of it
    told = []
    for ref in refs:
        with pytest.raises(errors.ActorDied, match=r"loom\.kill") as died:
            loom.get(ref, timeout=40)
        told.append(died.value.may_have_run)
    assert told[0], "that it ran is never denied"
    assert told == sorted(told, reverse=True), "those behind did not, or nobody can say"
    wait_until(lambda: not psutil.pid_exists(pid), 20)
    gate.open()
