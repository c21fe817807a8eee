"""Row 26: an actor dies with its worker, its raylet or its node, or is given up; and comes back.

In a call, in a checkpoint, while it starts again: the moment is chosen, and it waits there for who
kills it.  It may start again three times, so the fourth death is its last.  Its state is kept, and
has each call once; or no call is made again, and none runs twice.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

import hyperloom as loom
from hyperloom.testing import Cluster
from tests.chaos.ledger import Fate, Ledger, Met, answer, calls_until_it_dies
from tests.chaos.oracle import Account
from tests.chaos.processes import Head
from tests.cluster.several.tasks import alive, on
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from hyperloom.testing import ClusterNode
    from tests.chaos.ledger import Answer

RESTARTS = 3
CALLS = 20  # of the driver, around each death
BERTHS = {"berth": 1.0}
_PATIENCE_S = 60.0


class OnACluster:
    """The driver's node, which stays, and two others that may have the actor."""

    victims = ("worker", "node", "zombie")
    resources = BERTHS

    def __enter__(self) -> Self:
        self._cluster = Cluster(nodes=1, lease_s=1, beat_s=0.1)
        self._cluster.connect()
        self._nodes: dict[str, ClusterNode] = {}
        self._add()
        self._add()
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.close()

    def _add(self) -> None:
        node = self._cluster.add_node(resources=BERTHS)
        self._nodes[node.id] = node

    def caller(self, actor: Any) -> Any:
        """Another process that calls the actor until it is dead."""
        return on(self._cluster.nodes[0].id, calls_until_it_dies).remote(actor, "task")

    def strike(self, victim: str, met: Met, given_up: Callable[[], Any], fate: Fate) -> None:
        """Have it die; `given_up`: whether it is taken from its node."""
        node = self._nodes[met.node]
        if victim == "worker":
            os.kill(met.pid, signal.SIGKILL)
        elif victim == "node":
            del self._nodes[met.node]
            self._cluster.remove_node(node, kill=True)
            self._add()
        else:
            self._cluster.pause(node)
            wait_until(given_up, _PATIENCE_S, what="it is given up")
            fate.let_go(met.incarnation)  # it ends what it was doing, and says so to its raylet
            self._cluster.resume(node)
            wait_until(lambda: met.node in alive(), _PATIENCE_S, what="it joins again")
            gone = "the old incarnation is ended"
            wait_until(lambda: not psutil.pid_exists(met.pid), _PATIENCE_S, what=gone)


class OnAHead(Head):
    """One node, whose raylet is started again when it dies."""

    victims = ("worker", "raylet")
    resources: dict[str, float] = {}  # noqa: RUF012 - as of the other

    def __enter__(self) -> Self:
        super().__enter__()
        self.begins()
        return self

    def caller(self, _: Any) -> Any:
        """None: it would die with the raylet."""
        return None

    def strike(self, victim: str, met: Met, *_: object) -> None:
        """Have it die."""
        if victim == "worker":
            os.kill(met.pid, signal.SIGKILL)
        else:
            self.kill("raylet")


def row_26(choose: Random) -> Account:
    """an actor dies in a call, a checkpoint, a restart: its worker, raylet, node; or comes back"""
    stage: OnACluster | OnAHead = OnACluster() if choose.random() < 0.7 else OnAHead()
    folder = Path(tempfile.mkdtemp(prefix="loom-chaos-"))
    try:
        with stage:
            victims = [choose.choice(stage.victims) for _ in range(RESTARTS + 1)]
            return lives(choose, stage, victims, Fate(folder), kept=choose.random() < 0.5)
    finally:
        shutil.rmtree(folder)


def lives(
    choose: Random, stage: OnACluster | OnAHead, victims: Sequence[str], fate: Fate, *, kept: bool
) -> Account:
    """All lives of one actor, and what they come to."""
    keeps: dict[str, Any] = {"checkpoint_every": 1, "max_task_retries": -1} if kept else {}
    options = {"max_restarts": RESTARTS, "resources": stage.resources, **keeps}
    actor = Ledger.options(**options).remote(fate)
    other = stage.caller(actor)
    refs = _deaths(choose, stage, victims, actor, fate, kept=kept)
    answers = {"driver": [answer(number, ref) for number, ref in enumerate(refs)]}
    if other is not None:
        answers["task"] = loom.get(other, timeout=_PATIENCE_S)
    return _account(answers, fate.applied.notes(), kept=kept)


def _deaths(  # noqa: PLR0913 - what one life has
    choose: Random, stage: Any, victims: Sequence[str], actor: Any, fate: Fate, *, kept: bool
) -> list[Any]:
    first = ["call", "checkpoint"] if kept else ["call"]
    moments = [choose.choice(first)]
    moments += [choose.choice([*first, "restart"]) for _ in victims[1:]]
    refs: list[Any] = []

    def given_up(death: int) -> Callable[[], Any]:
        if death <= RESTARTS:
            return lambda: fate.births() > death
        return lambda: loom.wait(refs[-1:], timeout=0)[0]

    for death, (moment, victim) in enumerate(zip(moments, victims, strict=True), 1):
        if moment != "restart":
            refs += [actor.add.remote("driver", len(refs) + i) for i in range(CALLS)]
            loom.wait(refs[-1:], timeout=_PATIENCE_S)
            fate.arm(moment, death)
        met, deadline = None, time.monotonic() + _PATIENCE_S
        # Those that were dealt to a dead node are over, if none is to run twice: call again.
        while met is None and time.monotonic() < deadline:
            refs += [actor.add.remote("driver", len(refs) + i) for i in range(CALLS)]
            loom.wait(refs[-1:], timeout=0.3)
            met = fate.met(death)
        assert met, f"death {death} of {moments} does not come"
        assert met.incarnation == death, (met, moments)
        fate.disarm(moment)
        if moments[death : death + 1] == ["restart"]:
            fate.arm("restart", death + 1)  # it is the next thing
        stage.strike(victim, met, given_up(death), fate)
    refs.append(actor.add.remote("driver", len(refs)))
    return refs


def _account(answers: dict[str, list[Answer]], applied: list[str], *, kept: bool) -> Account:
    account = Account(rounds=1)
    for caller, mine in answers.items():
        ran = [int(line.split()[1]) for line in applied if line.split()[0] == caller]
        done = [one for one in mine if not one.why]
        account.accepted += len(mine)
        account.committed += len(done)
        account.failed += len(mine) - len(done)
        if kept:
            account.wrong += [one.value for one in done] != list(range(1, len(done) + 1))
            account.wrong += any(one.why for one in mine[: len(done)])  # none between them
        else:
            account.twice += len(ran) - len(set(ran))
            account.wrong += ran != sorted(ran)  # in the order of its caller
            account.wrong += not {one.number for one in done} <= set(ran)
            account.wrong += bool({one.number for one in mine if not one.may_have_run} & set(ran))
        account.left += (
            [] if _is_the_end(mine[-1].why) else [f"{caller} was told {mine[-1].why!r:.300}"]
        )
    return account


def _is_the_end(why: str) -> bool:
    """What is said of an actor that died once too often; and of one that did not start again."""
    spent = f"incarnation {RESTARTS + 1}) is dead" in why
    spent = spent and f"its {RESTARTS} restarts are used up" in why
    return why.startswith("ActorDied") and (spent or "no restart was left" in why)
