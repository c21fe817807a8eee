"""Rows 9-11: partitions, slow lines, connections that break after a word and before its answer."""

from __future__ import annotations

import time
from contextlib import suppress
from random import Random
from socket import SHUT_RDWR

import hyperloom as loom
from hyperloom.core import current
from hyperloom.gcs import delivery
from hyperloom.gcs.wire import Wire
from hyperloom.testing import Cluster
from tests.chaos.oracle import Account, Load
from tests.chaos.processes import CHAINS
from tests.cluster.several.tasks import alive
from tests.waiting import wait_until


def row_9(choose: Random) -> Account:
    """a node is cut off (network namespaces) for half a lease, or three"""
    if why := Cluster.why_no_networks():
        return Account(rounds=1, skipped=why)
    with Cluster(nodes=2, networks=True, lease_s=2, beat_s=0.5) as cluster, cluster.connect():
        load = Load()
        load.submit(CHAINS)
        cut = cluster.nodes[1]
        cluster.partition(cut)
        time.sleep(2 * choose.choice([0.5, 3]))  # the task of this row is to be silent
        cluster.heal(cut)
        load.account.slowest_s = load.answers()
        wait_until(lambda: len(alive()) == 2, 30)
        return load.settle()


class FaultyWire(Wire):
    """Breaks now and then, most often when a word was said and is not answered; and may be slow."""

    choose = Random(0)
    chance = 0.0
    delay_s = 0.0

    def send_packed(self, data: bytes) -> None:
        super().send_packed(data)
        if self.choose.random() < self.chance:
            with suppress(OSError):
                self._socket.shutdown(SHUT_RDWR)

    def receive(self, timeout_s: float | None = None) -> object:
        if self.delay_s:
            time.sleep(self.delay_s * self.choose.random())  # the task of this row is to be slow
        return super().receive(timeout_s)


def _with_faults(choose: Random, chance: float, delay_s: float) -> Account:
    """A driver whose words go over such lines."""
    FaultyWire.choose, FaultyWire.chance, FaultyWire.delay_s = choose, chance, delay_s
    real, delivery.Wire = delivery.Wire, FaultyWire  # type: ignore[misc]
    try:
        with loom.init("local", num_cpus=2, submit_batch=5):
            assert isinstance(current.session().outbox._delivery._wire, FaultyWire)
            load = Load()
            load.submit(CHAINS)
            load.account.slowest_s = load.answers()
            return load.settle()
    finally:
        delivery.Wire = real  # type: ignore[misc]


def row_10(choose: Random) -> Account:
    """a driver's line takes up to 200 ms, and breaks with one word in twenty"""
    return _with_faults(choose, 0.05, 0.2)


def row_11(choose: Random) -> Account:
    """one word in four is carried out, and its answer lost"""
    return _with_faults(choose, 0.25, 0)
